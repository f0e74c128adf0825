"""The transactions of reservations: their statements, and those of two stores on one PostgreSQL database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.util import await_only

from core.clock import SystemClock
from core.spend.budgets import payer_of
from core.values.budgets import BudgetClaim, BudgetDecision, BudgetVerdict, Spent
from core.values.conversation import TurnState
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store, reservations
from storage.engine import Database
from tests.contract.stored import ANN, BEN, ELSEWHERE, PLACE, accepted, ask
from tests.contract.test_budget_store import (
    EVERYBODY,
    MONEY,
    PER_ANSWER,
    budget,
    of_channel,
    of_person,
    reserve,
)

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND wait_event_type = 'Lock'"


@pytest_asyncio.fixture
async def stores(emptied_postgres: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """Two stores on one PostgreSQL database."""
    settings = DatabaseSettings(database_url=emptied_postgres)
    one, other = [await open_store(settings, SystemClock()) for _ in range(2)]
    yield one, other
    await one.close()
    await other.close()


@pytest_asyncio.fixture
async def database(emptied_postgres: str) -> AsyncIterator[Database]:
    """The same database, past the stores."""
    opened = Database(DatabaseSettings(database_url=emptied_postgres).url)
    yield opened
    await opened.close()


async def test_a_reservation_that_waits_for_an_account_counts_what_was_reserved_meanwhile(
    stores: tuple[SqlStore, SqlStore], database: Database
) -> None:
    store, _ = stores
    first, second = await accepted(store, ask()), await accepted(store, ask("m2", place=ELSEWHERE))
    limits, locked, may_commit = [budget(EVERYBODY)], asyncio.Event(), asyncio.Event()
    await store.balances([EVERYBODY], ANN.id)

    def reserving(connection: Connection) -> BudgetDecision | None:
        claim = BudgetClaim(first.id, payer_of(PLACE, ANN.id), first.ask.at, Spent(60, 60))
        decision, _ = reservations.reserve(connection, claim, limits)
        locked.set()
        await_only(may_commit.wait())
        return decision

    holds = asyncio.create_task(database.write(reserving))
    await locked.wait()
    waits = asyncio.create_task(reserve(store, second, 60, *limits))
    while not waits.done() and not await database.read(lambda connection: connection.scalar(text(WAITING))):
        pass
    may_commit.set()
    held, decision = await holds, await waits
    assert held is not None
    assert held.verdict is BudgetVerdict.ALLOWED
    assert (decision.verdict, decision.balance.reserved) == (BudgetVerdict.WAIT, Spent(60, 60))


async def test_answers_of_two_stores_that_share_some_accounts_never_wait_crosswise(
    stores: tuple[SqlStore, SqlStore],
) -> None:
    wide = replace(MONEY, amount=10**6)
    channels = [replace(PLACE, channel=name) for name in ("C1", "C2")]
    accounts = [of_person(ANN), of_person(BEN), *map(of_channel, channels), EVERYBODY]

    async def answer(number: int) -> None:
        person, place = (ANN, BEN)[number % 2], replace(channels[number // 2 % 2], thread=f"{number}")
        store = stores[number // 4 % 2]
        turn = await store.begin((await accepted(store, ask(f"m{number}", place=place, by=person))).id)
        limits = [budget(of_person(person), wide), budget(of_channel(place), wide), budget(EVERYBODY, wide)]
        for so_far in (Spent(), Spent(10, 10), Spent(20, 20)):
            await reserve(store, turn, 50, *limits[number % 3 :], spent=so_far)
        await store.finish(Finish(turn, TurnState.DONE, "because", model="m", usage=PER_ANSWER))

    await asyncio.gather(*map(answer, range(40)))
    assert [one.spent.micros for one in await stores[0].lifted(accounts)] == [800, 800, 800, 800, 1600]


@contextmanager
def sent() -> Iterator[list[str]]:
    """The statements that the drivers send while this runs, each by its first words."""
    seen: list[str] = []

    def watch(connection: Any, _record: object) -> None:
        driver = connection.driver_connection if hasattr(connection, "driver_connection") else connection
        if isinstance(driver, sqlite3.Connection):
            driver.set_trace_callback(lambda sql: seen.append(" ".join(sql.split()[:2])))
        else:
            driver.add_query_logger(lambda query: seen.append(" ".join(query.query.split()[:2])))

    event.listen(Engine, "connect", watch)
    try:
        yield seen
    finally:
        event.remove(Engine, "connect", watch)


RESERVES = {
    "sqlite": [
        "PRAGMA synchronous=NORMAL",
        "BEGIN IMMEDIATE",
        "INSERT INTO",
        "SELECT spending.platform,",
        "COMMIT",
    ],
    "postgresql": ["SELECT platform,"],
}


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_the_reservation_of_an_answer_that_begins_is_one_round_trip(database_url: str) -> None:
    limits = [budget(of_person()), budget(of_channel()), budget(EVERYBODY)]
    with sent() as statements:
        store = await open_store(DatabaseSettings(database_url=database_url), SystemClock())
        first, second = await accepted(store, ask()), await accepted(store, ask("m2"))
        await reserve(store, first, 10, *limits)
        statements.clear()
        assert (await reserve(store, second, 10, *limits)).verdict is BudgetVerdict.ALLOWED
        reserving = [one for one in statements if one != "PRAGMA synchronous=FULL"]
        await store.close()
    assert reserving == RESERVES[database_url.partition(":")[0].partition("+")[0]]


async def test_a_reservation_goes_on_after_the_server_has_closed_the_connections(
    stores: tuple[SqlStore, SqlStore], database: Database
) -> None:
    store, _ = stores
    first = await accepted(store, ask())
    assert (await reserve(store, first, 10, budget(EVERYBODY))).verdict is BudgetVerdict.ALLOWED
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    await database.read(lambda found: found.execute(text(f"{others} AND pid <> pg_backend_pid()")))
    assert (await reserve(store, first, 10, budget(EVERYBODY))).verdict is BudgetVerdict.ALLOWED
