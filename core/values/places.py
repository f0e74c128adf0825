"""Places, people and the keys of messages."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a conversation.

    `team` is the id of a workspace or server. `thread` is the platform's id of a thread; empty where the whole
    channel is one conversation. `direct`: one person talks with the bot alone, so that the model needs no
    names; it is not part of the address.
    """

    platform: str
    team: str
    channel: str
    thread: str = ""
    direct: bool = False

    @property
    def key(self) -> str:
        return f"{self.channel_key}/{self.thread}"

    @property
    def channel_key(self) -> str:
        return f"{self.platform}/{self.team}/{self.channel}"


def message_key(place: Place, message_id: str) -> str:
    """A unique key of a message. Message ids are unique in a channel, over all its threads."""
    return f"{place.channel_key}/{message_id}"


@dataclass(frozen=True, slots=True)
class Person:
    """The author of something. `name` is their display name; `locale` is a BCP 47 tag or empty.

    The other fields are their rights at that moment, from the platform; only `may_read` is stored, with the turn.
    `admin`: administers the team. `manager`: may change the channel. `guest`: a guest account. `external`: from another
    team, in a shared channel. `guest` and `external` are None where the platform did not say; a right that
    depends on them is then refused. `may_read`: may read the channel's older messages; where False, nothing older than
    their own first message there is read for them. `roles`: ids of their groups, teams included.
    """

    id: str
    name: str = ""
    locale: str = ""
    bot: bool = False
    admin: bool = field(default=False, compare=False)
    manager: bool = field(default=False, compare=False)
    guest: bool | None = field(default=False, compare=False)
    external: bool | None = field(default=False, compare=False)
    roles: tuple[str, ...] = field(default=(), compare=False)
    may_read: bool = field(default=True, compare=False)
