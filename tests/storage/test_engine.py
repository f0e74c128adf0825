from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import gaierror
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError

from core.clock import SystemClock
from core.errors import SettingsError, StoreError
from core.values.conversation import Ask
from core.values.places import Person, Place
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from storage.errors import CAUSES, translate
from storage.url import place_of, sqlite_file

PLACE = Place("slack", "T1", "C1", "1.1")


def ask(number: int, text: str = "why?") -> Ask:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return Ask(f"m{number}", PLACE, Person("U1"), text, at)


def pragma(statement: str) -> Callable[[Connection], Any]:
    def run(connection: Connection) -> Any:
        result = connection.exec_driver_sql(f"PRAGMA {statement}")
        return result.scalar() if result.returns_rows else None

    return run


@pytest_asyncio.fixture
async def database(tmp_path: Path, sqlite_schema: Path) -> AsyncIterator[Database]:
    """SQLite, with little patience."""
    settings = DatabaseSettings(database_url=f"sqlite:///{tmp_path / 'parley.db'}?timeout=0.05")
    shutil.copy(sqlite_schema, tmp_path / "parley.db")
    opened = Database(settings.url)
    yield opened
    await opened.close()


@pytest.fixture
def store(database: Database) -> SqlStore:
    return SqlStore(database, SystemClock())


class TestUrls:
    @pytest.mark.parametrize(
        ("given", "used"),
        [
            ("sqlite:///data/parley.db", "sqlite+pysqlite:///data/parley.db"),
            ("sqlite+aiosqlite:////var/p.db", "sqlite+pysqlite:////var/p.db"),
            ("sqlite+pysqlite:///p.db", "sqlite+pysqlite:///p.db"),
            ("sqlite://", "sqlite+pysqlite://"),
            ("postgres://h/p", "postgresql+asyncpg://h/p"),
            ("postgresql://u:secret@h:5433/p", "postgresql+asyncpg://u:secret@h:5433/p"),
            ("postgresql+asyncpg://h/p", "postgresql+asyncpg://h/p"),
            ("postgresql+psycopg://h/p?sslmode=require", "postgresql+asyncpg://h/p?ssl=require"),
            ("postgresql+psycopg2://h/p", "postgresql+asyncpg://h/p"),
        ],
    )
    def test_every_usual_spelling_is_taken(self, given: str, used: str) -> None:
        url = DatabaseSettings(database_url=given).url
        assert url.render_as_string(hide_password=False) == used

    @pytest.mark.parametrize(
        "given", ["mysql://u:secret@h/p", "u:secret@h/p", "postgres://u:secret@h:x/p", "secret"]
    )
    def test_anything_else_is_one_line_that_names_the_variable(
        self, given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", given)
        with pytest.raises(SettingsError, match=r"^DATABASE_URL: [^\n]+$") as raised:
            DatabaseSettings.load()
        assert "secret" not in str(raised.value)
        with pytest.raises(ValueError) as direct:
            DatabaseSettings(database_url=given)
        assert "secret" not in str(direct.value)

    def test_a_password_is_never_shown(self) -> None:
        settings = DatabaseSettings(database_url="postgresql://u:hunter2@h/p")
        for shown in (
            repr(settings),
            str(settings),
            repr(settings.url),
            str(settings.url),
            f"{settings.model_dump()}",
        ):
            assert "hunter2" not in shown

    @pytest.mark.parametrize(
        ("given", "place"),
        [
            ("sqlite:////srv/p.db", "/srv/p.db"),
            ("sqlite://", "memory"),
            ("postgres://u:secret@h/p", "h:5432"),
            ("postgres://u:secret@h:5433/p", "h:5433"),
            ("postgresql://u:secret@/p?host=/run/pg/&port=5433", "/run/pg/.s.PGSQL.5433"),
            ("postgresql://u:secret@/p?host=one:1,two:2", "one:1, two:2"),
            ("postgresql:///p", "db.example:6000"),
        ],
    )
    def test_the_place_is_the_file_the_socket_or_the_host(self, given: str, place: str) -> None:
        settings = DatabaseSettings(database_url=given)
        assert (
            place_of(settings.url, {"PGHOST": "db.example", "PGPORT": "6000"} if "///p" in given else {})
            == place
        )

    def test_without_a_host_the_usual_sockets_are_named(self) -> None:
        place = place_of(DatabaseSettings(database_url="postgresql:///p").url, {})
        assert place.startswith("/run/postgresql/.s.PGSQL.5432, ")
        assert place.endswith(", localhost:5432")

    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("sqlite+aiosqlite:///data/parley.db", "sqlite:///data/parley.db"),
            ("postgres://u:secret@h:5433/p?sslkey=/secret", "postgresql://u:***@h:5433/p"),
        ],
    )
    def test_it_is_shown_as_operators_write_it(self, given: str, shown: str) -> None:
        assert DatabaseSettings(database_url=given).shown_url == shown

    def test_the_default_lies_under_data(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("DATABASE_URL", raising=False)
        assert sqlite_file(DatabaseSettings.load().url) == Path("data/parley.db")

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://h/p"])
    def test_some_databases_have_no_file(self, url: str) -> None:
        assert sqlite_file(DatabaseSettings(database_url=url).url) is None


class TestSqlite:
    @pytest.mark.parametrize(("synchronous", "number"), [("FULL", 2), ("NORMAL", 1)])
    async def test_pragmas_are_set_on_every_connection(
        self, tmp_path: Path, synchronous: Any, number: int
    ) -> None:
        url = f"sqlite:///{tmp_path / 'p.db'}"
        settings = DatabaseSettings(database_url=url, parley_sqlite_synchronous=synchronous)
        database = Database(settings.url, settings.parley_sqlite_synchronous)
        for run, query_only in ((database.write, 0), (database.read, 1)):
            found = [
                await run(pragma(name))
                for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "query_only")
            ]
            assert found == ["wal", number, 5000, 1, query_only]
        await database.close()

    async def test_a_write_locks_from_its_first_change(self, database: Database, tmp_path: Path) -> None:
        def others_wait(connection: Connection) -> None:
            connection.execute(text("UPDATE turns SET attempt = 1 WHERE id = 0"))  # changes no row
            beside = sqlite3.connect(tmp_path / "parley.db", timeout=0, isolation_level=None)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                beside.execute("BEGIN IMMEDIATE")
            beside.close()

        await database.write(others_wait)

    async def test_readers_do_not_wait_for_a_writer(self, store: SqlStore, tmp_path: Path) -> None:
        turn = await store.accept(ask(1))
        beside = sqlite3.connect(tmp_path / "parley.db", isolation_level=None)
        beside.execute("BEGIN IMMEDIATE")
        assert await store.open_turns() == [turn]
        beside.execute("ROLLBACK")
        beside.close()

    async def test_a_database_in_memory_works_too(self) -> None:
        store = await open_store(DatabaseSettings(database_url="sqlite://"), SystemClock())
        turns = await asyncio.gather(*(store.accept(ask(n)) for n in range(5)))
        assert await store.open_turns() == turns
        await store.close()

    async def test_a_hundred_writers_at_once_all_get_their_turn(self, store: SqlStore) -> None:
        turns = await asyncio.gather(*(store.accept(ask(n)) for n in range(100)))
        assert len({turn.id for turn in turns if turn}) == 100


class TestFailures:
    async def test_a_locked_database_says_so_and_recovers(self, store: SqlStore, tmp_path: Path) -> None:
        beside = sqlite3.connect(tmp_path / "parley.db", isolation_level=None)
        beside.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked") as raised:
            await store.accept(ask(1))
        assert raised.value.retryable
        beside.execute("ROLLBACK")
        beside.close()
        assert await store.accept(ask(1)) is not None

    async def test_a_read_only_database_says_so_and_recovers(self, store: SqlStore, database: Database) -> None:
        await database.write(pragma("query_only=ON"))
        with pytest.raises(StoreError, match="read-only"):
            await store.accept(ask(1))
        await database.write(pragma("query_only=OFF"))
        assert await store.accept(ask(1)) is not None

    async def test_a_full_disk_says_so_keeps_what_was_stored_and_recovers(
        self, store: SqlStore, database: Database
    ) -> None:
        pages = await database.write(pragma("page_count"))
        await database.write(pragma(f"max_page_count={pages}"))
        with pytest.raises(StoreError, match="disk is full") as raised:
            for n in range(1000):
                await store.accept(ask(n, "text " * 200))
        assert "text" not in str(raised.value)
        stored = await store.open_turns()
        assert len(await store.lines(PLACE)) == len(stored)
        await database.write(pragma(f"max_page_count={pages + 1000}"))
        assert await store.accept(ask(len(stored), "text " * 200)) is not None

    async def test_a_file_that_is_no_database_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "p.db").write_bytes(b"something else " * 100)
        with pytest.raises(StoreError, match="not a database") as raised:
            await open_store(DatabaseSettings(database_url=f"sqlite:///{tmp_path / 'p.db'}"), SystemClock())
        assert not raised.value.retryable

    @pytest.mark.parametrize("path", ["a-file/parley.db", "a-folder"])
    async def test_a_place_where_no_file_can_be_says_so(self, tmp_path: Path, path: str) -> None:
        (tmp_path / "a-file").touch()
        (tmp_path / "a-folder").mkdir()
        with pytest.raises(StoreError, match="cannot be opened"):
            await open_store(DatabaseSettings(database_url=f"sqlite:///{tmp_path / path}"), SystemClock())

    async def test_a_server_that_is_not_there_says_so_without_its_url(self) -> None:
        with pytest.raises(StoreError, match="can't be reached: the connection is refused") as raised:
            await open_store(
                DatabaseSettings(database_url="postgresql://u:secret@127.0.0.1:1/p"), SystemClock()
            )
        assert "secret" not in str(raised.value)
        assert "127.0.0.1" not in str(raised.value)
        assert raised.value.shown == "no connection to 127.0.0.1:1 (the connection is refused)"
        assert raised.value.retryable

    async def test_connections_that_postgres_cut_are_made_anew(self, postgres_database: str) -> None:
        settings = DatabaseSettings(database_url=postgres_database)
        store = await open_store(settings, SystemClock())
        await store.accept(ask(1))
        beside, soon = Database(settings.url), Database(settings.url)
        await soon.write_soon(lambda connection: connection.scalar(text("SELECT 1")))
        others = "FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"

        def cut(connection: Connection) -> int:
            return len(connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}")).all())

        assert await beside.read(cut) >= 2
        await beside.close()
        assert await soon.write_soon(lambda connection: connection.scalar(text("SELECT 2"))) == 2
        await soon.close()
        assert await store.accept(ask(2)) is not None
        assert len(await store.open_turns()) == 2
        await store.close()

    async def test_a_cut_in_the_middle_of_a_transaction_is_a_lost_connection(
        self, postgres_database: str
    ) -> None:
        database = Database(DatabaseSettings(database_url=postgres_database).url)
        with pytest.raises(StoreError, match="connection lost") as raised:
            await database.write(lambda c: c.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))
        assert raised.value.retryable
        assert await database.read(lambda c: c.scalar(text("SELECT 1"))) == 1
        await database.close()

    @pytest.mark.parametrize("yields", range(1, 7))
    async def test_a_cancelled_write_happens_whole_or_not_at_all(self, store: SqlStore, yields: int) -> None:
        writing = asyncio.create_task(store.accept(ask(1)))
        for _ in range(yields):
            await asyncio.sleep(0.0005)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        assert await store.accept(ask(2)) is not None
        assert len(await store.open_turns()) == len(await store.lines(PLACE))

    async def test_closing_waits_for_what_runs(self, tmp_path: Path) -> None:
        settings = DatabaseSettings(database_url=f"sqlite:///{tmp_path / 'p.db'}")
        store = await open_store(settings, SystemClock())
        writing = asyncio.create_task(store.accept(ask(1)))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await store.close()
        again = await open_store(settings, SystemClock())
        assert len(await again.open_turns()) == 1
        await again.close()

    async def test_a_mistake_of_ours_is_not_passed_off_as_the_databases(self, database: Database) -> None:
        with pytest.raises(ZeroDivisionError):
            await database.read(lambda _connection: 1 // 0)


class DriverError(Exception):
    def __init__(self, **codes: str) -> None:
        super().__init__("SELECT secret")
        vars(self).update(codes)


def wrapped(invalidated: bool = False, **codes: str) -> DBAPIError:
    return InterfaceError(
        "SELECT secret", {"a": "secret"}, DriverError(**codes), connection_invalidated=invalidated
    )


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (wrapped(sqlite_errorname="SQLITE_BUSY_SNAPSHOT"), "database is locked"),
        (wrapped(sqlite_errorname="SQLITE_FULL"), "disk is full"),
        (wrapped(sqlite_errorname="SQLITE_READONLY_DBMOVED"), "read-only"),
        (wrapped(sqlite_errorname="SQLITE_IOERR_FSYNC"), "disk read or write failed"),
        (wrapped(sqlite_errorname="SQLITE_CORRUPT"), "damaged, or not a database"),
        (wrapped(sqlite_errorname="SQLITE_CONSTRAINT_NOTNULL"), "refused"),
        (wrapped(sqlite_errorname="SQLITE_ERROR"), "unexpected (SQLITE_ERROR)"),
        (wrapped(sqlstate="53100"), "disk is full"),
        (wrapped(sqlstate="53300"), "too many connections"),
        (wrapped(sqlstate="25006"), "read-only"),
        (wrapped(sqlstate="40P01"), "database is locked"),
        (wrapped(sqlstate="57P01"), "connection lost"),
        (wrapped(sqlstate="08006"), "connection lost"),
        (wrapped(sqlstate="28P01"), "login refused"),
        (wrapped(sqlstate="3D000"), "no such database"),
        (wrapped(sqlstate="42501"), "permission denied"),
        (wrapped(sqlstate="42P01"), "refused"),
        (wrapped(invalidated=True), "connection lost"),
        (wrapped(), "unexpected (no code)"),
        (ConnectionRefusedError("secret"), "can't be reached: the connection is refused"),
        (ConnectionRefusedError(111, "secret"), "can't be reached: the connection is refused"),
        (gaierror(-2, "secret"), "can't be reached: its name can't be resolved"),
        (ConnectionResetError(104, "secret"), "connection lost: connection reset by peer"),
        (wrapped(sqlstate="57P03"), "starting up or shutting down"),
        (TimeoutError("secret"), "timed out"),
        (PermissionError("secret"), "cannot be opened"),
    ],
)
def test_every_cause_in_a_few_words_and_nothing_secret(error: Exception, cause: str) -> None:
    told = translate(error)
    assert told.detail.endswith(f": {cause}")
    assert "secret" not in str(told)


def test_no_cause_stands_in_the_table_twice() -> None:
    signs = [sign for cause in CAUSES for sign in cause.signs]
    assert len(signs) == len(set(signs))
