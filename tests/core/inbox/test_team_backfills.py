"""Of many installations a few read at a time, so that events come in meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

from core.commands.handlers import CommandHandlers
from core.inbox.backfill import Backfill
from core.inbox.backfills import Backfills
from core.inbox.inbox import StoringInbox
from core.inbox.team_backfills import AT_ONCE, LOOK_S, SLOW_S, STEP_S, TeamBackfills
from core.platform_calls import PlatformCalls
from core.settings.environment import CoreSettings
from core.turns.running import RunningTurns
from core.values.conversation import Ask
from core.values.places import Place
from tests.core.inbox.test_backfill import WINDOW_S
from tests.fakes.clock import START, FakeClock, beside
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform

TEAMS = 4 * AT_ONCE


class Workspace(MemoryPlatform):
    """One that a team has made itself. A read takes until it `may_end`, and is among those that are `reading` then."""

    revocable = True

    def __init__(self, team: str, reading: set[str]) -> None:
        super().__init__()
        self.reading = reading
        self.id = team
        self.room = Place(self.name, team, "C1")
        self.shown_channels = [self.room]
        self.may_end = asyncio.Event()

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        self.read.append(place.key)
        self.reading.add(self.id)
        await self.may_end.wait()
        self.reading.discard(self.id)
        return []


class Workspaces:
    def __init__(self) -> None:
        self.clock, self.store = FakeClock(), MemoryStore()
        self.reading: set[str] = set()
        self.all = [Workspace(f"T{number}", self.reading) for number in range(TEAMS)]
        handlers = CommandHandlers(self.store, CoreSettings(_env_file=None), self.clock)
        inbox = StoringInbox(self.store, lambda _turn: None, RunningTurns(), handlers)
        receive = (inbox.receive, inbox.record_expired)

        def backfills(one: Workspace) -> Backfills:
            create = partial(Backfill, PlatformCalls(one), self.store, *receive, self.clock, WINDOW_S)
            return Backfills(one, self.store, self.clock, create)

        self.backfills = [backfills(one) for one in self.all]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        for one in self.all:
            await self.store.advance_watermark(one.name, one.id, START - timedelta(minutes=1))
        async with beside(TeamBackfills(self.backfills, self.clock).run(), self.clock):
            yield


async def test_a_few_read_at_once_and_the_next_as_soon_as_one_has_read() -> None:
    many = Workspaces()
    async with many.running():
        assert len(many.reading) == AT_ONCE
        first = next(one for one in many.all if one.id in many.reading)
        first.may_end.set()
        await many.clock.advance(STEP_S)
        assert len(many.reading) == AT_ONCE
        assert first.id not in many.reading
        for one in many.all:
            one.may_end.set()
        await many.clock.advance(TEAMS / AT_ONCE * STEP_S)
        assert all(one.read for one in many.all)


async def test_those_that_wait_for_a_limit_of_the_platform_hold_no_other_up() -> None:
    many = Workspaces()
    async with many.running():
        await many.clock.advance(SLOW_S + LOOK_S)
        assert len(many.reading) >= 2 * AT_ONCE


async def test_the_one_for_which_a_turn_waits_reads_first() -> None:
    many = Workspaces()
    last = many.all[-1]
    async with many.running():
        waiting = asyncio.create_task(many.backfills[-1].caught_up(last.room))
        await many.clock.advance(0.0)
        assert not last.read
        next(one for one in many.all if one.id in many.reading).may_end.set()
        await many.clock.advance(STEP_S)
        assert last.id in many.reading
        last.may_end.set()
        await many.clock.advance(STEP_S)
        await asyncio.wait_for(waiting, 1.0)
