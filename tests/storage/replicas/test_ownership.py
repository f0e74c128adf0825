"""Replicas share partitions on a real PostgreSQL: each is held by one of them, whatever happens to the others."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from core.turns.ownership import Gained, Lost
from core.values.places import Place
from storage.replicas.ownership import APART_S, LEASE_S, PING_S, SUSPENDED_S
from storage.replicas.session import IDLE_S
from tests.storage.replicas.replica import ALL, PARTITIONS, Replica, another_process
from tests.waiting import until


def place_in(partitions: Iterable[int]) -> Place:
    """A place of one of these partitions of teams."""
    wanted = set(partitions)
    places = (Place("slack", f"T{number}", "C1") for number in range(100_000))
    return next(place for place in places if PARTITIONS.of(place) in wanted)


async def cut(url: str, name: str = "") -> None:
    """End sessions of replicas, as a restart of the server does."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
        " AND pid <> pg_backend_pid() AND application_name LIKE $1",
        f"{name}%",
    )
    await connection.close()


def noting(
    close: Callable[[], Awaitable[None]], note: Callable[[], None]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """`close`, with `note` called before it."""

    async def noted() -> None:
        note()
        await close()

    return noted


async def test_one_replica_holds_everything_at_once(migrated_postgres: str) -> None:
    async with Replica(migrated_postgres) as alone:
        await until(lambda: alone.held == ALL)
        place = place_in(ALL)
        assert alone.ownership.holds(place)
        assert alone.ownership.epoch(place)
        await until(lambda: alone.changes)
        assert isinstance(alone.changes[0], Gained)


async def test_each_partition_is_held_by_one_of_two_and_in_a_greater_epoch_where_it_moved(
    migrated_postgres: str,
) -> None:
    async with Replica(migrated_postgres) as first:
        await until(lambda: first.held == ALL)
        epochs = {one: first.ownership.epoch(place_in({one})) for one in range(0, 256, 16)}
        async with Replica(migrated_postgres) as second:
            await until(lambda: first.held | second.held == ALL and len(second.held) >= 128)
            assert not first.held & second.held
            for partition, before in epochs.items():
                place = place_in({partition})
                owner, other = (first, second) if partition in first.held else (second, first)
                assert other.ownership.epoch(place) is None
                assert other.ownership.call_wait_s(place) is None
                epoch = owner.ownership.epoch(place)
                assert epoch is not None
                assert before is not None
                assert epoch == before if owner is first else epoch > before
        await until(lambda: first.held == ALL)


async def test_who_comes_knows_where_another_has_heard_everything_before(migrated_postgres: str) -> None:
    async with Replica(migrated_postgres) as first:
        await until(lambda: first.held == ALL)
        assert not first.ownership.was_heard(place_in(ALL)), "nobody was there"
        first.busy = {place_in({partition}) for partition in range(256)}
        async with Replica(migrated_postgres) as second:
            await until(lambda: second.ownership.shared)
            assert second.ownership.was_heard(place_in(ALL))
        await until(lambda: not first.ownership.shared)
        assert not first.ownership.was_heard(place_in(ALL))


async def test_what_is_busy_moves_when_it_is_quiet(migrated_postgres: str) -> None:
    async with Replica(migrated_postgres) as first:
        await until(lambda: first.held == ALL)
        first.busy = {place_in({partition}) for partition in range(256)}
        async with Replica(migrated_postgres) as second:
            await until(lambda: len(first.ownership._members) == 2)
            await asyncio.sleep(2 * PING_S)
            assert not second.held & set(range(256))
            moves = place_in((first.held - first.ownership._wanted) & set(range(256)))
            assert first.ownership.epoch(moves), "it begins turns for some seconds more"
            first.busy = {moves}
            await until(lambda: len(second.held) >= 127)
            assert first.ownership.holds(moves)
            first.busy = set()
            await until(lambda: second.ownership.holds(moves))


async def test_who_leaves_begins_no_turn_and_holds_what_is_busy_until_it_ends(migrated_postgres: str) -> None:
    async with Replica(migrated_postgres) as first, Replica(migrated_postgres) as second:
        await until(lambda: first.held | second.held == ALL and min(len(first.held), len(second.held)) >= 128)
        busy = place_in(first.held)
        first.busy = {busy}
        first.ownership.leave()
        assert first.ownership.epoch(busy) is None
        assert first.ownership.call_wait_s(busy) is not None
        await until(lambda: len(first.held) == 1 and len(second.held) == len(ALL) - 1)
        first.busy = set()
        await until(lambda: second.held == ALL)
        assert isinstance(first.changes[-1], Lost)


async def test_a_killed_replica_is_followed_at_once_and_calls_keep_apart(migrated_postgres: str) -> None:
    async with another_process(migrated_postgres) as process, Replica(migrated_postgres) as heir:
        await until(lambda: len(heir.held) >= 128)
        before = heir.held
        process.send_signal(signal.SIGKILL)
        gained = await until(lambda: heir.held - before)
        wait_s = heir.ownership.call_wait_s(place_in(gained & set(range(256))))
        assert wait_s is not None
        assert 0 < wait_s <= APART_S
        await until(lambda: heir.held == ALL)


async def test_a_frozen_replica_is_followed_when_its_lease_has_ended(migrated_postgres: str) -> None:
    async with another_process(migrated_postgres) as process, Replica(migrated_postgres) as heir:
        await until(lambda: len(heir.held) >= 128)
        process.send_signal(signal.SIGSTOP)
        began_s = time.monotonic()
        await until(lambda: heir.held == ALL)
        assert time.monotonic() - began_s > LEASE_S - 0.5, "its locks live until the server ends its session"
        assert LEASE_S < IDLE_S
        process.send_signal(signal.SIGCONT)


async def test_a_broken_session_goes_on_with_what_nobody_else_has_had(migrated_postgres: str) -> None:
    async with Replica(migrated_postgres) as alone:
        await until(lambda: alone.held == ALL)
        place = place_in(ALL)
        epoch = alone.ownership.epoch(place)
        assert epoch is not None
        away: list[bool] = []
        alone.ownership.on_away = lambda: away.append(True)
        await cut(migrated_postgres, "replica")
        await until(lambda: (alone.ownership.epoch(place) or 0) > epoch)
        assert not any(isinstance(change, Lost) for change in alone.changes)
        assert alone.held == ALL
        await until(lambda: alone.ownership.call_wait_s(place) == 0)
        assert not away, "no event was given up in so short a time"


async def test_what_another_has_taken_meanwhile_is_lost(migrated_postgres: str) -> None:
    async with Replica(migrated_postgres) as former:
        await until(lambda: former.held == ALL)
        taken = place_in(ALL)
        connection = await asyncpg.connect(migrated_postgres)
        await connection.execute(
            "UPDATE partitions SET epoch = DEFAULT WHERE partition = $1", PARTITIONS.of(taken)
        )
        await connection.close()
        former.works.clear()
        await cut(migrated_postgres, "replica")
        await until(lambda: any(isinstance(change, Lost) for change in former.changes))
        assert not former.ownership.holds(taken)
        assert former.held == ALL - {PARTITIONS.of(taken)}
        former.works.set()
        await until(lambda: former.ownership.holds(taken))


async def test_no_call_is_made_when_the_last_good_ping_is_too_old(migrated_postgres: str) -> None:
    async with Replica(migrated_postgres) as alone:
        await until(lambda: alone.held == ALL)
        place = place_in(ALL)
        await until(lambda: alone.ownership.call_wait_s(place) == 0)
        alone.ownership._lease_until_s -= LEASE_S
        for wait_s in (alone.ownership.call_wait_s(place), alone.ownership.read_wait_s(place)):
            assert wait_s is not None
            assert wait_s > 0
        await until(lambda: alone.ownership.call_wait_s(place) == alone.ownership.read_wait_s(place) == 0)


async def test_reads_go_on_while_a_session_is_opened_again_within_its_lease(migrated_postgres: str) -> None:
    async with Replica(migrated_postgres) as alone:
        await until(lambda: alone.held == ALL)
        place = place_in(ALL)
        waits_s: list[tuple[float | None, float | None]] = []

        def note() -> None:
            waits_s.append((alone.ownership.call_wait_s(place), alone.ownership.read_wait_s(place)))

        alone.session.close = noting(alone.session.close, note)  # type: ignore[method-assign]
        await cut(migrated_postgres, "replica")
        await until(lambda: waits_s)
        assert waits_s[0] == (SUSPENDED_S, 0.0)


@pytest.fixture(autouse=True)
async def nobody_else(migrated_postgres: str) -> None:
    """The database of the other tests has no replica left."""
    await cut(migrated_postgres)
    await asyncio.sleep(0)
