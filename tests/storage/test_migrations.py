from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Connection, MetaData, Table, create_engine, delete, select, text

import storage.migrations
from core.clock import SystemClock
from core.errors import Code, StoreError
from core.values.conversation import Ask
from core.values.deltas import Usage
from core.values.parts import Text
from core.values.places import Person, Place
from core.values.steps import ModelRound
from core.values.tasks import ANSWER, Alert, ReportUsage, Summarize, Task
from storage import DatabaseSettings, announcements, charges, open_store, steps, threads, usage_sums
from storage.engine import Database
from storage.migrations import is_of_tables, newest, run_revisions, upgrade
from storage.tables import UPLOADS, USAGE, USAGE_SUMS, Row, to_us
from storage.tasks import TASKS
from tests.schema import sqlite_schema

ROOT = Path(storage.migrations.__file__).parent
SCRIPTS = ScriptDirectory(str(ROOT))
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(DatabaseSettings(database_url=database_url).url)
    yield opened
    await opened.close()


def difference(connection: Connection) -> list[Any]:
    return list(compare_metadata(_context(connection), Row.metadata))


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"include_name": is_of_tables})


def revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def tables(connection: Connection) -> list[Table]:
    """The tables as they are in the database, whatever today's code says of them; referred-to ones first."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: is_of_tables(name))
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


Contents = dict[str, list[dict[str, Any]]]


def put_a_row_in_each(connection: Connection, number: int = 1) -> Contents:
    """Insert one row into each table, whose values and references contain `number`, and return what the tables
    contain then."""
    found = tables(connection)
    for table in found:
        row: dict[str, Any] = {}
        for column in table.columns:
            if isinstance(column.type, JSON):
                row[column.name] = [f"p{number}"]
            else:
                values = {
                    int: number,
                    float: float(number),
                    bool: True,
                    bytes: b"\0\xff",
                    str: f"some {column.name} {number}",
                }
                row[column.name] = values.get(column.type.python_type, values[str])
        if "state" in row:
            row["state"] = "waiting"
        connection.execute(table.insert(), row)
    return contents(connection, found)


def contents(connection: Connection, found: list[Table]) -> Contents:
    return {
        table.name: [
            dict(row._mapping) for row in connection.execute(table.select().order_by(*table.primary_key))
        ]
        for table in found
    }


async def test_a_fresh_database_ends_at_the_head_with_exactly_the_tables(database: Database) -> None:
    await database.migrate(upgrade)
    assert await database.read(revision) == REVISIONS[-1]
    assert await database.read(difference) == []


async def test_the_comparison_sees_a_difference(database: Database) -> None:
    await database.migrate(upgrade)

    def change(connection: Connection) -> None:
        connection.execute(text("DROP INDEX ix_turns_open"))
        connection.execute(text("ALTER TABLE threads ADD COLUMN colour TEXT"))

    await database.write(change)
    assert len(await database.read(difference)) == 2


async def test_data_of_every_earlier_schema_comes_along(database: Database) -> None:
    """Each revision finds rows of every schema before it. All run in one transaction, as in the longest upgrade."""

    def upgrade_with_rows(connection: Connection) -> None:
        before: Contents = {}
        for number, newer in enumerate(REVISIONS, 1):
            upgrade(connection, newer)
            after = contents(connection, tables(connection))
            for table, rows in before.items():
                # A revision that drops, renames or converts on purpose says so here.
                if newer == "0017" and "quoted" in rows[0]:
                    for row in rows:
                        row["quoted"] = row["quoted"] and [[id, ""] for id in row["quoted"]]
                if newer == "0023" and table == "usage_sums":
                    for row in rows:
                        row["channel"] = "" if row["kind"] == "first_word" else row["channel"]
                if newer == "0026" and table == "usage_sums":
                    after[table] = [row for row in after[table] if row["kind"] != "model"]
                    rows[:] = [row for row in rows if row["kind"] != "model"]
                if newer == "0027" and table == "spending":
                    for row in rows:
                        row.pop("lifts")
                if newer == "0038" and table == "thread_summaries":
                    for row in rows:
                        row["after_us"] = row.pop("since_us")
                assert [{name: row[name] for name in rows[0]} for row in after[table]] == rows, newer
            before = put_a_row_in_each(connection, number)

    await database.migrate(upgrade_with_rows)
    assert await database.read(difference) == []
    for number in range(1, REVISIONS.index("0008") + 1):
        # A turn of a schema without steps has its answer as its only step.
        assert await database.read(steps.steps, number) == [ModelRound((Text(f"some answer {number}"),))]


async def test_tasks_that_were_read_out_of_texts_and_ids_become_values(database_url: str) -> None:
    """Summaries, usage reports and alerts of the schema before they were stored as such."""
    settings = DatabaseSettings(database_url=database_url)
    database, at = Database(settings.url), datetime(2026, 1, 2, tzinfo=UTC)
    day, hours = timedelta(days=1), timedelta(hours=3)
    known: list[tuple[str, str, str, Task]] = [
        ("summary", "m1", "/summarize of:thread", Summarize(False, 500)),
        ("summary", "m2", "/summarize last:20 of:channel", Summarize(True, 20)),
        ("summary", "m3", "/summarize hours:3.0 of:channel", Summarize(True, 500, at - hours)),
        ("summary", "m4", "/summarize of:channel", Summarize(True, 100)),
        (
            "summary",
            "m5",
            "/summarize of:thread since:2026-01-01T11:00:00+00:00",
            Summarize(False, 500, datetime(2026, 1, 1, 11, tzinfo=UTC)),
        ),
        ("summary", "m6", "", Summarize(False, 500)),  # its text was forgotten
        ("digest", "summary:2026-01-02", "", ReportUsage(at - day, at)),
        (
            "digest",
            "alert:model one/a qwen:7b:no_model:490000",
            "It fails.",
            Alert("model one/a qwen:7b", Code.NO_MODEL),
        ),
        ("digest", "over:loop:overloaded:490000", "It works.", Alert("loop", Code.OVERLOADED, over=True)),
        ("answer", "m7", "/summarize of:channel", ANSWER),
    ]

    def put(connection: Connection) -> None:
        (turns,) = (table for table in tables(connection) if table.name == "turns")
        row = {
            column.name: [] if isinstance(column.type, JSON) else column.type.python_type()
            for column in turns.columns
        }
        del row["id"]
        rows = [
            row
            | {
                "message": message,
                "question": message,
                "task": task,
                "text": text,
                "at_us": to_us(at),
                "state": "waiting",
            }
            for task, message, text, _ in known
        ]
        connection.execute(turns.insert(), rows)

    await database.migrate(lambda connection: upgrade(connection, "0007"))
    await database.write(put)
    await database.close()
    store = await open_store(settings, SystemClock())
    assert [turn.ask.task for turn in await store.open_turns()] == [task for _, _, _, task in known]
    await store.close()


@pytest.mark.parametrize(
    ("tokens", "before", "after"), [(0, 0, 0), (7, 0, None), (7, 3, 3)], ids=["refused", "unknown", "known"]
)
async def test_a_cost_of_zero_for_tokens_becomes_unknown(
    database: Database, tokens: int, before: int, after: int | None
) -> None:
    """No price was known then. The rounds of turns that go on are corrected too."""
    usage = {
        "prompt_tokens": tokens,
        "completion_tokens": 0,
        "reasoning_tokens": 0,
        "estimated": False,
        "cost_micros": before,
    }

    def put(connection: Connection) -> None:
        put_a_row_in_each(connection)
        there = {table.name: table for table in tables(connection)}
        content = {"parts": [], "reason": "stop", "usage": usage, "model": "m"}
        connection.execute(there["usage"].update().values(**usage))
        connection.execute(there["turns"].update().values(ended_at_us=None))
        connection.execute(there["steps"].update().values(kind="round", content=content))

    await database.migrate(lambda connection: upgrade(connection, "0017"))
    await database.write(put)
    await database.migrate(upgrade)
    costs = await database.read(
        lambda connection: connection.execute(select(USAGE.c.cost_micros)).scalars().all()
    )
    assert costs == [after]
    (step,) = await database.read(steps.steps, 1)
    assert isinstance(step, ModelRound)
    assert step.usage == Usage(tokens, cost_micros=after)


async def test_the_reports_of_an_earlier_version_are_shown_and_their_pictures_stay(database: Database) -> None:
    place, at = Place("web", "local", "web"), datetime(2026, 1, 2, tzinfo=UTC)
    kind, report = TASKS.dump(ReportUsage(at - timedelta(days=1), at))

    def put(connection: Connection) -> None:
        there = {table.name: table for table in tables(connection)}
        for number, (message, task) in enumerate((("summary:1.ab", kind), ("m.cd", "answer")), 1):
            put_a_row_in_each(connection, number)
            turns, copies, here = there["turns"], there["uploads"], threads.address(place)
            turn = {"task": task, "arguments": report, "posted": [message], "ended_at_us": number}
            connection.execute(turns.update().where(turns.c.id == number).values({**here, **turn}))
            here = {name: here[name] for name in ("platform", "team", "channel")} | {"message": message}
            connection.execute(copies.update().where(copies.c.name == f"some name {number}").values(here))

    await database.migrate(lambda connection: upgrade(connection, "0027"))
    await database.write(put)
    await database.migrate(upgrade)
    (shown,) = await database.read(announcements.announcements, place, 0, 10)
    assert (shown.message_id, [file.name for file in shown.files]) == ("summary:1.ab", ["some name 1"])
    kept = select(UPLOADS.c.name).where(UPLOADS.c.announced)
    assert await database.read(lambda connection: connection.scalars(kept).all()) == ["some name 1"]


async def test_the_sums_of_stored_usage_are_those_that_each_answer_would_have_added(database: Database) -> None:
    states, words = ("done", "failed", "stopped"), (None, 7, 104, 105, 999, 12_499, 1_234_567)

    def put(connection: Connection) -> None:
        there = {table.name: table for table in tables(connection)}
        for number in range(1, 15):
            put_a_row_in_each(connection, number)
            used = {
                "channel": f"C{number % 2}",
                "person": f"U{number % 3}",
                "state": states[number % 3],
                "first_word_ms": words[number % 7],
                "cost_micros": None if number % 4 == 0 else number,
                "partly_priced": number % 6 == 0,
                "at_us": number * 7_000_000_000,
            }
            connection.execute(there["usage"].update().where(there["usage"].c.turn_id == number).values(used))
        connection.execute(there["turns"].update().values(direct=there["turns"].c.id % 5 == 0))

    def stored(connection: Connection) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(select(USAGE_SUMS).order_by(*USAGE_SUMS.primary_key))]

    def add_again(connection: Connection) -> None:
        connection.execute(delete(USAGE_SUMS))
        for row in connection.execute(select(USAGE)).mappings().all():
            usage_sums.add(connection, dict(row), direct=row["turn_id"] % 5 == 0)

    await database.migrate(lambda connection: upgrade(connection, "0018"))
    await database.write(put)
    await database.migrate(upgrade)
    filled = await database.read(stored)
    await database.write(add_again)
    assert {row[0] for row in filled} == set(usage_sums.SumKind) - {usage_sums.SumKind.SUMMARY}
    assert filled == await database.read(stored)


async def test_the_charges_of_stored_answers_move_to_the_sums_of_their_models(database: Database) -> None:
    costs = (None, 3, 5)

    def put(connection: Connection) -> None:
        there = {table.name: table for table in tables(connection)}
        for number in range(1, 13):
            put_a_row_in_each(connection, number)
            used = {"channel": f"C{number % 2}", "model": f"m{number % 2}", "state": "done", "at_us": number}
            used |= {"cost_micros": None if number % 4 == 0 else 10, "partly_priced": number % 3 == 0}
            connection.execute(there["usage"].update().where(there["usage"].c.turn_id == number).values(used))
        connection.execute(there["charges"].delete())
        amounts: dict[str, float] = {
            "prompt_tokens": 2,
            "completion_tokens": 3,
            "reasoning_tokens": 1,
            "cached_tokens": 1,
        }
        amounts |= {"sound_s": 0.0, "estimated": False, "partly_priced": False}
        rows = [
            {
                "turn_id": number,
                "kind": kind,
                "model": model,
                "cost_micros": costs[(number + index) % 3],
                **amounts,
            }
            for number in range(1, 10)
            for index, (kind, model) in enumerate(
                (("answer", "m1"), ("description", "m1"), ("transcription", "w"))
            )
            if number % (index + 2)
        ]
        connection.execute(there["charges"].insert(), rows)
        connection.execute(there["usage_sums"].delete())
        keys = [column.name for column in there["usage_sums"].primary_key]
        sums: dict[tuple[Any, ...], Counter[str]] = {}
        for row in connection.execute(select(there["usage"])).mappings().all():
            for one in usage_sums.rows_of({**row, "own_account": False}, direct=False):
                key = tuple(one[name] for name in keys)
                sums.setdefault(key, Counter()).update({name: one[name] for name in usage_sums.AMOUNTS})
        values = [dict(zip(keys, key, strict=True)) | amounts for key, amounts in sums.items()]
        connection.execute(there["usage_sums"].insert(), values)

    def stored(connection: Connection) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(select(USAGE_SUMS).order_by(*USAGE_SUMS.primary_key))]

    def add_again(connection: Connection) -> None:
        connection.execute(delete(USAGE_SUMS))
        for row in connection.execute(select(USAGE)).mappings().all():
            usage_sums.add(connection, dict(row), False, charges.charges(connection, row["turn_id"]))

    await database.migrate(lambda connection: upgrade(connection, "0025"))
    await database.write(put)
    await database.migrate(upgrade)
    corrected = await database.read(stored)
    await database.write(add_again)
    assert {row[5] for row in corrected if row[0] == "model"} == {"m0", "m1", "w"}
    assert corrected == await database.read(stored)


async def test_opening_twice_keeps_what_is_there(database_url: str) -> None:
    settings = DatabaseSettings(database_url=database_url)
    place = Place("slack", "T1", "C1", "1.1")
    question = Ask("m1", place, Person("U1"), "why?", datetime(2026, 1, 1, tzinfo=UTC))
    for expected in (True, False):
        store = await open_store(settings, SystemClock())
        assert (await store.accept(question) is not None) is expected
        await store.close()


async def test_a_database_of_a_newer_parley_is_left_alone(database: Database, database_url: str) -> None:
    await database.migrate(upgrade)
    await database.write(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    with pytest.raises(StoreError, match="made by a newer Parley") as raised:
        await open_store(DatabaseSettings(database_url=database_url), SystemClock())
    assert not raised.value.retryable


async def test_a_schema_that_is_up_to_date_is_opened_without_loading_the_revisions(tmp_path: Path) -> None:
    opening = (
        "import asyncio, sys; from core.clock import SystemClock\n"
        "from storage import DatabaseSettings, open_store\n"
        "async def main():\n"
        "    await (await open_store(DatabaseSettings.load(), SystemClock())).close()\n"
        "asyncio.run(main()); assert 'alembic' not in sys.modules"
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "parley.db").write_bytes(sqlite_schema())
    run(tmp_path, "-c", opening)


def everything(connection: Connection) -> list[Any]:
    """All that an SQLite database has: each entry of its schema with its statement, and the rows of all tables."""
    entries = connection.execute(
        text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
    ).all()
    names = [entry.name for entry in entries if entry.type == "table"]
    rows = {name: connection.execute(text(f'SELECT * FROM "{name}"')).all() for name in names}
    return [entries, rows, [connection.scalar(text(f"PRAGMA {name}")) for name in ("user_version", "encoding")]]


def new_sqlite(make: Callable[[Connection], object]) -> list[Any]:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        make(connection)
        found = everything(connection)
    engine.dispose()
    return found


def test_a_new_sqlite_is_letter_by_letter_the_one_that_the_revisions_make() -> None:
    made = new_sqlite(lambda connection: newest.make(connection, storage.migrations.NEWEST))
    assert made == new_sqlite(run_revisions)
    assert len(made[0]) > 60
    assert made == new_sqlite(upgrade)


def test_the_newest_schema_is_made_in_an_empty_database_of_its_revision_alone() -> None:
    def with_a_table(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE another (id INTEGER)"))
        assert not newest.make(connection, storage.migrations.NEWEST)

    assert len(new_sqlite(with_a_table)[0]) == 1
    assert new_sqlite(lambda connection: newest.make(connection, "9999"))[0] == []


def test_there_is_one_head_and_revisions_import_none_of_todays_tables() -> None:
    assert SCRIPTS.get_heads() == [storage.migrations.NEWEST]
    for file in (ROOT / "versions").glob("*.py"):
        assert "storage" not in file.read_text().replace("storage.migrations", "")


async def test_a_new_revision_would_be_empty_and_not_need_the_tables(tmp_path: Path) -> None:
    """`python -m storage.migrations` on a copy, so that the tree stays as it is."""
    copy = tmp_path / "storage"
    for file in ROOT.parent.rglob("*"):
        if file.suffix in (".py", ".mako"):
            target = copy / file.relative_to(ROOT.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    tables_file = copy / "tables" / "turns.py"
    before, field = "    notice: str", "    mood: str | None = Field(sa_type=KEY)\n"
    tables_file.write_text(tables_file.read_text().replace(before, field + before))
    run(tmp_path, "-m", "storage.migrations", "moods", path=f"{tmp_path}{os.pathsep}{ROOT.parent.parent}")
    (made,) = (copy / "migrations" / "versions").glob("*_moods.py")
    assert "mood" in made.read_text()
    assert "storage" not in made.read_text()


def test_it_works_from_any_directory_and_makes_the_folder(tmp_path: Path) -> None:
    run(
        tmp_path,
        "-c",
        "import asyncio; from core.clock import SystemClock; from storage import DatabaseSettings, open_store\n"
        "async def main():\n"
        "    store = await open_store(DatabaseSettings.load(), SystemClock())\n"
        "    assert await store.open_turns() == []\n"
        "    await store.close()\n"
        "asyncio.run(main())",
    )
    assert (tmp_path / "data" / "parley.db").stat().st_size > 0


def run(folder: Path, *arguments: str, path: str = str(ROOT.parent.parent)) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": path},
        check=True,
    )
