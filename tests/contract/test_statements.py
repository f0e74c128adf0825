"""The statements of an ordinary question from its event to the model."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine

from core.clock import SystemClock
from core.ports.model import Request
from core.values.deltas import Delta
from storage import SqlStore
from storage.engine import Database
from tests.bench.engine import Bell, Rig, question
from tests.contract.test_tool_store import asking

ACCEPT = ["INSERT INTO turns", "INSERT INTO threads", "INSERT INTO messages", "COMMIT"]
BEGIN = ["UPDATE turns", "COMMIT"]
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
        found = re.match(r"(INSERT INTO|UPDATE|DELETE FROM) \w+|SELECT (?=(\w+))", sql)
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


async def test_an_ordinary_question_reaches_the_model_after_two_commits_and_one_read(
    sql_store: SqlStore, database: Database
) -> None:
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
    assert bell.before == [*ACCEPT, *BEGIN, *CONTEXT]
