"""The statements of an ordinary question from its event to the model."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from core.clock import SystemClock
from core.ports.model import Request
from core.values.deltas import Delta
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from storage.replicas.notices import Notices
from tests.bench.engine import Bell, Rig, question
from tests.contract.test_tool_store import asking

ACCEPT = {
    "sqlite": ["INSERT INTO turns", "INSERT INTO threads", "INSERT INTO messages", "COMMIT"],
    "postgresql": ["WITH added"],
}
BEGIN = {"sqlite": ["UPDATE turns", "COMMIT"], "postgresql": ["UPDATE turns"]}
"""PostgreSQL commits a single statement by itself. The first question of a thread is one."""
CONTEXT = ["SELECT threads", "SELECT messages", "SELECT usage"]


class Watched(Bell):
    """Keeps what was in `statements` when it was asked."""

    def __init__(self, statements: list[str]) -> None:
        super().__init__()
        self.before: list[str] = []
        self._statements = statements

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.before = list(self._statements)
        async for delta in super().stream(request):
            yield delta


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The statements and commits of all databases, each by its first words."""
    seen: list[str] = []

    def statement(_c: object, _cursor: object, sql: str, *_rest: object) -> None:
        found = re.match(r"(INSERT INTO|UPDATE|DELETE FROM|WITH) \w+|SELECT (?=(\w+))", sql)
        seen.append(f"{found[0]}{found[2] or ''}" if found else sql)

    def commit(_connection: object) -> None:
        seen.append("COMMIT")

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", commit)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", statement)
        event.remove(Engine, "commit", commit)


@contextmanager
def round_trips() -> Iterator[list[str]]:
    """What is sent to PostgreSQL and waited for, each by its first words: by SQLAlchemy, and by asyncpg itself."""
    with recorded() as sent:

        def opened(connection: Any, _record: object) -> None:
            connection.driver_connection.add_query_logger(
                lambda query: sent.append(" ".join(query.query.split()[:3]))
            )

        event.listen(Pool, "connect", opened)
        try:
            yield sent
        finally:
            event.remove(Pool, "connect", opened)


async def test_an_ordinary_question_reaches_the_model_after_two_commits_and_one_read(
    sql_store: SqlStore, database: Database
) -> None:
    dialect = await database.read(lambda connection: connection.dialect.name)
    with recorded() as statements:
        store = SqlStore(database, SystemClock())
        rig = Rig(store, bell := Watched(statements))
        bell.may_answer.set()
        async with rig.running():
            await question(rig)  # the first one reads settings, and which turns wait for an approval
            await asking(store)  # in another thread
            await database.running_ended()
            statements.clear()
            await question(rig)
    assert bell.before == [*ACCEPT[dialect], *BEGIN[dialect], *CONTEXT]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_question_takes_few_round_trips_to_its_stored_end(database_url: str) -> None:
    with round_trips() as sent:
        store = await open_store(DatabaseSettings(database_url=database_url), SystemClock())
        store.share(Notices("replica", lambda _place: False))
        rig = Rig(store, bell := Bell())
        bell.may_answer.set()
        async with rig.running():
            await question(rig)  # the first one reads settings
            sent.clear()
            await question(rig)
        await store.close()
    trips = [one for one in sent if one != "COMMIT"]  # SQLAlchemy's is sent as asyncpg's own
    assert sum(one.startswith("BEGIN") for one in trips) <= 1, trips
    assert len(trips) <= 18, trips
