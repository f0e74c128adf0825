"""The background work that indexes earlier answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from core.errors import StoreError
from core.memory.indexing import EVERY_S, FEWEST, MOST, PAUSE_S, STEP_S, index_earlier_answers
from tests.core.memory.rig import answered
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore


class Left(MemoryStore):
    """Has so many answers left, and takes a time for each step."""

    def __init__(self, clock: FakeClock, left: int, step_s: float) -> None:
        super().__init__(clock)
        self.clock, self.left, self.step_s = clock, left, step_s
        self.limits: list[int] = []

    async def index_answers(self, limit: int) -> bool:
        self._work()
        if not self.left:
            return False
        await self.clock.sleep(self.step_s)
        self.limits.append(limit)
        self.left = max(0, self.left - limit)
        return True


async def steps(store: Left, number: int) -> None:
    for _ in range(number):
        await store.clock.advance(store.step_s)
        await store.clock.advance(PAUSE_S)


async def test_each_step_takes_no_longer_than_its_time_and_a_pause_follows_it() -> None:
    store = Left(FakeClock(), 10_000, STEP_S / 10)
    running = asyncio.create_task(index_earlier_answers(store, store.clock))
    await steps(store, 8)
    assert store.limits == [FEWEST, 10, 20, 40, 80, MOST, MOST, MOST]
    store.step_s = 2 * STEP_S
    await steps(store, 7)
    assert store.limits[-4:] == [25, 12, 6, FEWEST]
    await stop(running)


async def test_what_the_database_refused_is_indexed_an_hour_later() -> None:
    store = Left(FakeClock(), 8, 0.001)
    store.failing = True
    running = asyncio.create_task(index_earlier_answers(store, store.clock))
    await store.clock.advance(0)
    store.failing = False
    await steps(store, 3)
    assert store.limits == []
    await store.clock.advance(EVERY_S)
    await steps(store, 3)
    assert store.limits == [FEWEST, 2 * FEWEST]
    await store.clock.advance(EVERY_S)
    assert not running.done()
    await stop(running)


async def test_where_there_may_be_no_index_one_from_before_is_removed() -> None:
    store = MemoryStore(FakeClock())
    await answered(store, "Where is the key?", "In the safe.", thread="1")
    assert await store.source_channels("slack", "T1") == ["C1"]
    clock = FakeClock()
    running = asyncio.create_task(index_earlier_answers(store, clock, ["slack"]))
    await clock.advance(PAUSE_S)
    assert await store.source_channels("slack", "T1") == []
    await stop(running)


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    with suppress(asyncio.CancelledError, StoreError):
        await running
