"""Where something is said, and by whom: places, people and the keys of messages."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation is held: the only address in the house.

    `team` is a Slack workspace or a Discord guild. `thread` is what the platform threads by; it is empty
    where the whole channel is one place (a Discord DM). `direct` says that one person talks with the bot
    alone, so that nobody has to be told apart by name; it is not part of the address.
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
    """What no two messages share: messages are unique in a channel, whichever thread they are in."""
    return f"{place.channel_key}/{message_id}"


@dataclass(frozen=True, slots=True)
class Person:
    """Who said something. `name` is what others call them there; `locale` is a BCP 47 tag or empty.

    What they may do there and then, as the platform tells; only `may_read` is stored, with the turn. `admin`: runs
    the workspace or guild. `manager`: may change the channel. `guest`: a guest account. `external`: of another
    workspace (Slack Connect). Those two are None where the platform could not say: a gate that depends on one then
    stays shut. `may_read`: may read what was said in that channel before; where not, nothing older than their own
    first line there is read for them. `roles`: ids of the groups, workspaces among them, that they belong to.
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
