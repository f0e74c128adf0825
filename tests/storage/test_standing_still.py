"""A transaction of a process that stands still holds nobody else up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from storage import postgres
from storage.engine import Database
from storage.replicas.ownership import LEASE_S
from storage.replicas.session import IDLE_S
from storage.url import parse_url

_COUNT = text("UPDATE counted SET number = number + :more RETURNING number")


@pytest.fixture
async def database(postgres_database: str) -> AsyncIterator[Database]:
    database = Database(parse_url(postgres_database))
    await database.write(
        lambda connection: connection.execute(text("CREATE TABLE counted AS SELECT 0 AS number"))
    )
    yield database
    await database.close()


def count(connection: Connection, more: int) -> int:
    return int(connection.execute(_COUNT, {"more": more}).scalar_one())


async def test_others_write_what_a_frozen_process_holds_and_it_writes_anew_when_it_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "IDLE_TRANSACTION_S", 0.05)
    await database.close()  # connections are made anew, with the shorter time
    holds, goes_on, tries = asyncio.Event(), asyncio.Event(), 0

    def stand_still(connection: Connection) -> int:
        nonlocal tries
        tries += 1
        count(connection, 1)
        holds.set()
        await_only(goes_on.wait())
        return count(connection, 10)

    frozen = asyncio.create_task(database.write(stand_still))
    await holds.wait()
    assert await database.write(count, 100) == 100, "the first one of the other was taken back"
    goes_on.set()
    assert await frozen == 111
    assert tries == 2


async def test_its_time_is_over_before_its_places_are_taken(database: Database) -> None:
    shown = text("SELECT setting::INT FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'")
    limit_ms = await database.read(lambda connection: connection.scalar(shown))
    assert limit_ms == await database.write_soon(lambda connection: connection.scalar(shown))
    assert LEASE_S <= limit_ms / 1_000 < IDLE_S
