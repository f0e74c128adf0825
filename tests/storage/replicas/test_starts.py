"""Turns for the starts of gateway connections, over all replicas of a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg  # type: ignore[import-untyped]

from storage.replicas.starts import StartTurns
from storage.url import parse_url
from tests.fakes.clock import FakeClock
from tests.waiting import until

APART_S = 5.0


class Process:
    """The turns of one replica, and its clock."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock()
        self.turns = StartTurns(parse_url(url), self.clock, APART_S)


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[Process, Process]]:
    first, second = Process(url), Process(url)
    try:
        yield first, second
    finally:
        await first.turns.close()
        await second.turns.close()


async def waiting(url: str, count: int) -> None:
    """Return when so many sessions wait for an advisory lock."""
    connection = await asyncpg.connect(url)
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    try:
        while True:
            if await connection.fetchval(query) == count:
                return
            await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def test_the_next_start_of_a_bucket_waits_until_it_may_follow_and_another_bucket_does_not(
    migrated_postgres: str,
) -> None:
    async with two(migrated_postgres) as (first, second):
        await first.turns.take(0)
        await second.turns.take(1)
        after = asyncio.create_task(second.turns.take(0))
        await waiting(migrated_postgres, 1)
        first.turns.release(0, sent=True)
        await first.clock.advance(APART_S - 0.1)
        await waiting(migrated_postgres, 1)
        assert not after.done()
        await first.clock.advance(0.1)
        await after


async def test_a_turn_that_was_given_up_or_whose_process_ended_holds_nobody_up(migrated_postgres: str) -> None:
    async with two(migrated_postgres) as (first, second):
        await first.turns.take(0)
        after = asyncio.create_task(second.turns.take(0))
        await waiting(migrated_postgres, 1)
        first.turns.release(0, sent=False)
        await after
        third = asyncio.create_task(first.turns.take(0))
        await waiting(migrated_postgres, 1)
        await second.turns.close()
        await third


async def test_one_who_stops_waiting_leaves_the_turn_to_others(migrated_postgres: str) -> None:
    async with two(migrated_postgres) as (first, second):
        await first.turns.take(0)
        after = asyncio.create_task(second.turns.take(0))
        await waiting(migrated_postgres, 1)
        after.cancel()
        await asyncio.gather(after, return_exceptions=True)
        await waiting(migrated_postgres, 0)
        first.turns.release(0, sent=False)
        await until(lambda: not first.turns._ends)
        await asyncio.wait_for(second.turns.take(0), 30)
