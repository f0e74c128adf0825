"""The channels of a workspace as sources of an answer: Slack's facts for `core.memory.audience`.

users.conversations lists the bot's own channels with their facts, and the channels of a person: those that are not
public only where the bot is a member too (Tier 3, https://docs.slack.dev/reference/methods/users.conversations). A
public channel that becomes private keeps its id, so the list of the bot's own is read again before a source is used.

Guests read only the channels that they have joined, people of other teams only shared ones. Where the channel of an
answer has either, other channels are no sources. Guests are those of users.list
(https://docs.slack.dev/reference/methods/users.list), looked for among conversations.members. Members who are not in
it, or who have joined a channel since, are looked up by users.info. Of a group conversation both conversations.info
and conversations.members tell with the scope mpim:read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bots.slack.incoming import Identity
from bots.slack.users import user_to_person
from core.clock import Clock
from core.errors import Code, PlatformError
from core.facts import Facts
from core.memory.audience import Readers, SourceChannel, Visibility, may_use_channel, reads_channel
from core.values.events import Moved
from core.values.places import Person, Place

Json = dict[str, Any]

LISTED_S = 300.0
"""Seconds for which the channels of a person and the members of a channel are kept."""
PEOPLE_S = 300.0
"""Seconds for which it is known who is a guest."""
MOST_UNLISTED = 20
"""The most members of a channel that are looked up one by one, as they joined after users.list was read."""
AT_USE_S = 60.0
"""The greatest age of the facts of the bot's channels, in seconds: at use of a source too."""
WAIT_S = 1.5
"""Seconds that an answer waits for all facts together. A look-up that takes longer is there for the next answer."""
PAGES = 20
"""The most pages of a list. A list that is longer is unknown."""
_CHANNELS_A_PAGE, _PEOPLE_A_PAGE = 999, 1_000
_ALL = ""
"""The key of a list of the whole workspace."""
_SHARED = ("is_ext_shared", "is_org_shared", "is_pending_ext_shared")


class SlackCalls(Protocol):
    """The calls that look-ups need. All raise PlatformError."""

    async def identify(self) -> Identity: ...
    async def read(self, method: str, arguments: Json) -> Json: ...


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """`shared`: with other teams, also of the same organisation, or soon. None: unknown."""

    visibility: Visibility | None = None
    shared: bool | None = None


UNKNOWN = ChannelFacts()


@dataclass(frozen=True, slots=True)
class ListedPeople:
    """`everybody` of users.list, also those who have left, and those of them who are `limited` to some channels."""

    everybody: frozenset[str]
    limited: frozenset[str]


def channel_to_facts(channel: Mapping[str, Any]) -> ChannelFacts:
    """https://docs.slack.dev/reference/objects/conversation-object: a flag that is missing is unknown."""
    shared = [channel.get(name) for name in _SHARED]
    invited = channel.get("pending_shared") or channel.get("pending_connected_team_ids")
    if any(shared) or invited or channel.get("is_global_shared"):
        is_shared: bool | None = True
    else:
        is_shared = None if None in shared else False
    if channel.get("is_im") or channel.get("is_mpim"):
        return ChannelFacts(Visibility.DIRECT, is_shared)
    match channel.get("is_private"):
        case True:
            return ChannelFacts(Visibility.PRIVATE, is_shared)
        case False:
            return ChannelFacts(Visibility.PUBLIC, is_shared)
    return ChannelFacts(None, is_shared)


class WorkspaceSources:
    """The facts of one workspace, cached, and `SourceAccess` of `core.ports.connector` by them. `look_up`: a person as
    users.info tells of them."""

    def __init__(self, slack: SlackCalls, look_up: Callable[[str], Awaitable[Person]], clock: Clock) -> None:
        self._slack = slack
        self._clock = clock
        self._own = Facts(self._read_own, clock, kept_s=AT_USE_S)
        self._joined = Facts(self._read_joined, clock, kept_s=LISTED_S)
        self._members = Facts(self._read_members, clock, kept_s=LISTED_S)
        self._listed = Facts(self._read_listed, clock, kept_s=PEOPLE_S)
        self._people = Facts(look_up, clock, kept_s=PEOPLE_S)
        self._channels = Facts(self._read_channel, clock, kept_s=AT_USE_S)
        self._joined_at_s: dict[str, float] = {}
        """The time at which people have joined a channel, of whom users.list was not read since."""

    async def close(self) -> None:
        for facts in (self._own, self._joined, self._members, self._listed, self._people, self._channels):
            await facts.close()

    async def moved(self, moved: Moved) -> None:
        """Someone has joined or left a channel. Raises PlatformError."""
        person, channel = moved.person, moved.place.channel
        self._joined.drop(person)
        self._members.drop(channel)
        self._channels.drop(channel)
        if moved.joined:
            self._people.drop(person)  # a new guest is none, or a member, in what was read before
            self._joined_at_s[person] = self._clock.monotonic()
        if person == (await self._slack.identify()).user_id:
            self._own.drop(_ALL)

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        """As `SourceAccess.eligible_channels`."""
        return frozenset(await self._usable(place, reader, alone or place.direct, channels))

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        """As `SourceAccess.may_cite`: everybody who may read a channel may read its threads."""
        if (source.platform, source.team) != (place.platform, place.team):
            return False
        return bool(await self._usable(place, reader, alone or place.direct, [source.channel]))

    async def _usable(self, place: Place, reader: Person, alone: bool, channels: Collection[str]) -> list[str]:
        """Those of `channels` that may be sources. All facts are looked up at once, and no channel by itself: a look-up
        takes as long as one call."""
        if not set(channels) - {place.channel}:
            readers = Readers(place.channel, alone, reader.may_read)
            return [id_ for id_ in channels if may_use_channel(readers, SourceChannel(id_))]
        until_s = self._clock.monotonic() + WAIT_S
        of_readers = (
            [self._joined.get(reader.id, WAIT_S)]
            if alone
            else [self._listed.get(_ALL, WAIT_S), self._members.get(place.channel, WAIT_S)]
        )
        own, person, *_ = await asyncio.gather(
            self._own.get(_ALL, WAIT_S), self._people.get(reader.id, WAIT_S), *of_readers
        )
        facts: Mapping[str, ChannelFacts] = own or {}
        here = facts.get(place.channel, UNKNOWN)
        if not alone and own is not None and place.channel not in own:  # a group conversation is in no list
            here = await self._channels.get(place.channel, self._left_s(until_s)) or UNKNOWN
        guest = None if person is None else bool(person.guest or reader.guest)
        external = None if person is None else bool(person.external or reader.external)
        joined: frozenset[str] | None = None
        limited: bool | None = None
        if alone:
            joined = await self._joined.get(reader.id, self._left_s(until_s))
        elif here.shared is False and guest is False and external is False:
            limited = await self._has_limited(place.channel, until_s)
        readers = Readers(place.channel, alone, reader.may_read, shared=here.shared, limited=limited)

        def source(id_: str) -> SourceChannel:
            visibility = facts.get(id_, UNKNOWN).visibility
            member = None if joined is None else id_ in joined
            reads = reads_channel(visibility, member=member, guest=guest, external=external)
            return SourceChannel(id_, visibility, reads)

        return [id_ for id_ in channels if may_use_channel(readers, source(id_))]

    async def _has_limited(self, channel: str, until_s: float) -> bool | None:
        """True if someone in the channel is limited to some channels of the workspace; None where that is unknown."""
        wait_s = self._left_s(until_s)
        listed, members = await asyncio.gather(
            self._listed.get(_ALL, wait_s), self._members.get(channel, wait_s)
        )
        if listed is None or members is None:
            return None
        unlisted = (members - listed.everybody) | (members & self._joined_at_s.keys())
        if not (members - unlisted).isdisjoint(listed.limited):
            return True
        if len(unlisted) > MOST_UNLISTED:
            return None
        found = await asyncio.gather(*(self._people.get(id_, self._left_s(until_s)) for id_ in unlisted))
        if None in found:
            return None
        return any(one.guest or one.external for one in found if one is not None)

    def _left_s(self, until_s: float) -> float:
        return until_s - self._clock.monotonic()

    # Look-ups. All raise PlatformError.

    async def _read_own(self, _: str) -> dict[str, ChannelFacts]:
        found = await self._conversations({})
        return {str(channel["id"]): channel_to_facts(channel) for channel in found}

    async def _read_joined(self, person: str) -> frozenset[str]:
        return frozenset(str(channel["id"]) for channel in await self._conversations({"user": person}))

    async def _conversations(self, of: Json) -> list[Any]:
        asked = {"types": "public_channel,private_channel", "limit": _CHANNELS_A_PAGE} | of
        return await self._pages("users.conversations", asked, "channels")

    async def _read_members(self, channel: str) -> frozenset[str]:
        """https://docs.slack.dev/reference/methods/conversations.members"""
        asked = {"channel": channel, "limit": _PEOPLE_A_PAGE}
        return frozenset(map(str, await self._pages("conversations.members", asked, "members")))

    async def _read_listed(self, _: str) -> ListedPeople:
        began_s = self._clock.monotonic()
        team = (await self._slack.identify()).team
        users = await self._pages("users.list", {"limit": _PEOPLE_A_PAGE}, "members")
        people = (user_to_person(user, team) for user in users if not user.get("deleted"))
        limited = frozenset(person.id for person in people if person.guest or person.external)
        self._joined_at_s = {id_: at_s for id_, at_s in self._joined_at_s.items() if at_s >= began_s}
        return ListedPeople(frozenset(str(user["id"]) for user in users), limited)

    async def _read_channel(self, channel: str) -> ChannelFacts:
        """https://docs.slack.dev/reference/methods/conversations.info"""
        return channel_to_facts((await self._slack.read("conversations.info", {"channel": channel}))["channel"])

    async def _pages(self, method: str, asked: Json, name: str) -> list[Any]:
        """https://docs.slack.dev/apis/web-api/pagination"""
        found: list[Any] = []
        cursor = ""
        for _ in range(PAGES):
            response = await self._slack.read(method, asked | ({"cursor": cursor} if cursor else {}))
            found += response[name]
            cursor = str((response.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return found
        raise PlatformError(Code.UNSUPPORTED, f"{method}: more than {PAGES} pages")
