"""Looks at earlier answers on their platform before they are used."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.errors import Code, PlatformError, StoreError
from core.memory.source_checks import KEPT_S, MOST_A_MINUTE, SourceChecks
from core.platform_calls import PlatformCalls
from core.values.events import Deleted, Edited
from core.values.memory import EarlierAnswer
from core.values.places import Place
from tests.core.memory.rig import ADA, AT
from tests.fakes.clock import FakeClock
from tests.fakes.platform import MemoryPlatform
from tests.waiting import HANG_S

PLACE = Place("slack", "T1", "C1", "1.0")
SOURCE = EarlierAnswer(1, PLACE, "m1", ADA, AT, "Where is the key?", "In the safe.", "p1")


class Changing(MemoryPlatform):
    """Tells `change` of each source, or raises it."""

    heard_since: datetime | None = AT + timedelta(hours=1)
    change: Edited | Deleted | PlatformError | None = None

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    async def reread(self, source: EarlierAnswer) -> Edited | Deleted | None:
        self.reads.append(source.turn_id)
        if isinstance(self.change, PlatformError):
            raise self.change
        return self.change


class Team:
    """Checks over a platform in memory. `told` is what the inbox received, which raises `refused` and holds the lock
    `channel` meanwhile."""

    def __init__(self) -> None:
        self.clock, self.platform = FakeClock(AT + timedelta(days=1)), Changing()
        self.told: list[Edited | Deleted] = []
        self.refused: StoreError | None = None
        self.channel = asyncio.Lock()
        self.checks = SourceChecks(self._receive, self.clock)

    async def _receive(self, change: Edited | Deleted) -> None:
        async with self.channel:
            if self.refused is not None:
                raise self.refused
            self.told.append(change)

    async def received(self) -> None:
        """Let what was found be received."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def is_there(self, source: EarlierAnswer = SOURCE) -> bool:
        return await self.checks.is_there(PlatformCalls(self.platform), source, 5.0)


async def test_a_source_is_looked_at_once_an_hour() -> None:
    team = Team()
    assert [await team.is_there() for _ in range(3)] == [True] * 3
    assert team.platform.reads == [1]
    await team.clock.advance(KEPT_S)
    assert await team.is_there()
    assert team.platform.reads == [1, 1]


async def test_one_that_was_asked_since_every_change_is_told_needs_no_look() -> None:
    team = Team()
    assert await team.is_there(replace(SOURCE, at=AT + timedelta(hours=1)))
    assert team.platform.reads == []


async def test_after_a_loss_of_the_connection_it_is_looked_at_anew() -> None:
    team = Team()
    for hours in (1, 2):
        team.platform.heard_since = AT + timedelta(hours=hours)
        assert await team.is_there()
    assert team.platform.reads == [1, 1]


@pytest.mark.parametrize("change", [Deleted(PLACE, "m1"), Edited(PLACE, "m1", "never mind")])
@pytest.mark.parametrize("refused", [False, True])
async def test_a_change_is_told_as_if_it_had_just_happened(change: Edited | Deleted, refused: bool) -> None:
    team = Team()
    team.platform.change = change
    team.refused = StoreError("the disk is full") if refused else None
    assert not await team.is_there()
    await team.received()
    assert team.told == ([] if refused else [change])


async def test_a_search_that_holds_its_channel_does_not_wait_for_a_change_there() -> None:
    team = Team()
    team.platform.change = Deleted(PLACE, "m1")
    async with team.channel, asyncio.timeout(HANG_S):
        assert not await team.is_there()
        assert team.told == []
    await team.received()
    assert team.told == [Deleted(PLACE, "m1")]


async def test_a_change_that_was_not_received_before_the_end_is_dropped() -> None:
    team = Team()
    team.platform.change = Deleted(PLACE, "m1")
    async with team.channel:
        assert not await team.is_there()
        await team.checks.close()
    await team.received()
    assert team.told == []


async def test_an_edit_back_to_the_same_words_is_no_change() -> None:
    team = Team()
    team.platform.change = Edited(PLACE, "m1", SOURCE.question)
    assert await team.is_there()
    assert team.told == []


async def test_one_that_can_not_be_looked_at_is_not_used_until_it_can() -> None:
    team = Team()
    team.platform.change = PlatformError(Code.UNAVAILABLE, retryable=True)
    assert not await team.is_there()
    team.platform.change = None
    assert not await team.is_there(), "not asked at once again"
    await team.clock.advance(60)
    assert await team.is_there()


async def test_the_looks_of_a_minute_are_bounded() -> None:
    team = Team()
    there = [await team.is_there(replace(SOURCE, turn_id=number)) for number in range(2 * MOST_A_MINUTE)]
    assert there == [True] * MOST_A_MINUTE + [False] * MOST_A_MINUTE
    assert len(team.platform.reads) == MOST_A_MINUTE
    await team.clock.advance(60)
    assert await team.is_there(replace(SOURCE, turn_id=MOST_A_MINUTE + 1))


async def test_a_platform_that_is_parleys_own_needs_no_look() -> None:
    team = Team()
    assert await team.checks.is_there(PlatformCalls(MemoryPlatform()), SOURCE, 5.0)
