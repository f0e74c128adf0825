"""Finds the channels in which an answer looks for sources, within a time limit for what the platform tells of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import structlog

from core.clock import Clock, ends_within
from core.memory.audience import Audience, channels_to_search, memory_of
from core.memory.channel_memories import ChannelMemories
from core.platform_calls import PlatformCalls
from core.ports.store.memory import SourceStore
from core.settings.channel import Memory
from core.values.memory import SourceScope
from core.values.places import Place

log = structlog.get_logger()

_ELSEWHERE_SHARE = 0.7
"""The share of the time limit in which the platform tells which other channels may be used. Without its answer the
channel itself is: that takes no call."""
_MOST_TEAMS = 50
"""The most teams in which a direct conversation looks that belongs to none of them."""
_NO_THREAD = "-"
"""The id of no thread of any platform."""


class SourceScopes:
    """Joins the settings of channels to what the platform tells of their readers. Raises StoreError."""

    def __init__(self, store: SourceStore, memories: ChannelMemories, clock: Clock) -> None:
        self._store = store
        self._memories = memories
        self._clock = clock

    async def of(
        self, audience: Audience, calls: PlatformCalls, within_s: float, *, itself: bool = False
    ) -> list[SourceScope]:
        """The channels that may be used: those of the team of the place, and where it belongs to none and one person
        alone reads the answer, those of each team that the platform says they may read. `within_s`: seconds that the
        platform has for what it tells. `itself`: also the conversation that asks."""
        place = audience.place
        own = memory_of(await self._memories.of(place), distributed=calls.distributed)
        others = await self._others(place) if own is Memory.WORKSPACE else {}
        of_teams = {place.team: channels_to_search(own, place.channel, others)}
        if own is Memory.WORKSPACE and audience.alone:
            of_teams |= await self._channels_elsewhere(place, calls)
        every = frozenset().union(*of_teams.values())
        channels: frozenset[str] = frozenset()
        if every - {place.channel}:
            looking = asyncio.ensure_future(_eligible(audience, calls, every))
            if await ends_within(looking, within_s * _ELSEWHERE_SHARE, self._clock):
                channels = looking.result()
            else:  # the look-ups go on, and are there for the next answer
                log.info("other_channels_late", place=place.key)
        if every & {place.channel} and place.channel not in channels:
            channels |= await _eligible(audience, calls, frozenset({place.channel}))
        but = replace(place, thread=_NO_THREAD) if itself else place
        return [
            SourceScope(place.platform, team, both, but)
            for team, some in of_teams.items()
            if (both := some & channels)
        ]

    async def _others(self, place: Place) -> Mapping[str, Memory]:
        """The setting of each channel of the team that has sources."""
        return await self._memories.of_others(
            place, await self._store.source_channels(place.platform, place.team)
        )

    async def _channels_elsewhere(self, place: Place, calls: PlatformCalls) -> dict[str, frozenset[str]]:
        """The channels of other teams that permit it to look in them from a place that belongs to none."""
        found = {}
        known = await self._store.source_teams(place.platform)
        for team in calls.spanned(place, known)[:_MOST_TEAMS]:
            memories = await self._others(Place(place.platform, team, ""))
            found[team] = frozenset(id_ for id_, memory in memories.items() if memory is Memory.WORKSPACE)
        return found


async def _eligible(audience: Audience, calls: PlatformCalls, channels: frozenset[str]) -> frozenset[str]:
    """Those of `channels` that everybody may read."""
    asked = (
        calls.eligible_channels(audience.place, person, alone=audience.alone, channels=channels)
        for person in audience.people
    )
    return channels.intersection(*await asyncio.gather(*asked))
