"""Engines: how each database is reached, and what becomes of its failures.

SQLite has one connection that writes, in WAL with BEGIN IMMEDIATE, so that writers queue in this process instead
of failing in each other's way (https://sqlite.org/lang_transaction.html), and a few that only read beside it.
PostgreSQL has a pool. A transaction is a plain function of a `Connection`, the same for both.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, Table, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from core.errors import StoreError

P = ParamSpec("P")
T = TypeVar("T")
Synchronous = Literal["FULL", "NORMAL"]

BUSY_TIMEOUT_S = 5
READERS = 4
POSTGRES_CONNECTIONS = 10
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 15
MOST_REWRITTEN = 256 * 1024 * 1024
"""Bytes of an SQLite file beyond which it is not written anew after a deletion: nothing is stored meanwhile."""

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}


def parse_url(value: str) -> URL:
    """Any usual spelling of a database's URL, with the driver that we use.

    Raises ValueError, which never quotes the URL: there may be a password in it.
    """
    try:
        url = make_url(value)
    except (SQLAlchemyError, ValueError):
        raise ValueError("is not a URL such as sqlite:///data/parley.db or postgresql://host/name") from None
    driver = DRIVERS.get(url.drivername.partition("+")[0])
    if driver is None:
        raise ValueError("must begin with sqlite:// or postgresql://")
    if driver == "postgresql+asyncpg" and (mode := url.query.get("sslmode")):
        # libpq's name for what asyncpg calls ssl.
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url.set(drivername=driver)


def sqlite_file(url: URL) -> Path | None:
    """Where an SQLite database lies; None for one in memory, and for PostgreSQL."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database).removeprefix("file:"))


def make_folder(file: Path) -> None:
    """Make the folder of `file` and those above it, for their owner alone. One that exists stays as it is."""
    for folder in reversed([file.parent, *file.parent.parents]):
        folder.mkdir(mode=0o700, exist_ok=True)


def make_private(file: Path) -> None:
    """Make an SQLite file that only its owner may read, or take the rights of others from one that exists.

    SQLite gives the -wal and -shm files beside it the same rights: https://sqlite.org/tempfiles.html
    """
    make_folder(file)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        with suppress(OSError):  # not there, or another user's
            file.with_name(name).chmod(0o600)


class Watch(Protocol):
    """Hears how each transaction ended."""

    def worked(self) -> None:
        """A transaction that writes was committed."""
        ...

    def failed(self, error: StoreError) -> None: ...


class Database:
    """One database: `write` and `read` run a function of a `Connection` as one transaction.

    Both raise StoreError, and no exception of SQLAlchemy or of a driver.
    """

    def __init__(self, url: URL, synchronous: Synchronous = "FULL") -> None:
        self.url = url
        self._synchronous = synchronous
        self._running: set[asyncio.Task[Any]] = set()
        self.watch: Watch | None = None
        if url.get_backend_name() == "sqlite":
            self._writer = self._sqlite(connections=1)
            in_memory = sqlite_file(url) is None
            self._reader = self._writer if in_memory else self._sqlite(connections=READERS, writes=False)
        else:
            self._writer = postgres_engine(url, pool_size=POSTGRES_CONNECTIONS, pool_pre_ping=True)
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Committed when it returns."""

        async def run() -> T:
            async with self._writer.begin() as connection:
                return await connection.run_sync(work, *args, **kwargs)

        written = await self._finished(run())
        if self.watch is not None:
            self.watch.worked()
        return written

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def run() -> T:
            async with self._reader.connect() as connection:
                return await connection.run_sync(work, *args, **kwargs)

        return await self._finished(run())

    async def _finished(self, running: Coroutine[Any, Any, T]) -> T:
        """A caller may be cancelled, a transaction not: half of one would cost its connection, and hold the lock
        until that is closed."""
        task = asyncio.create_task(running)
        self._running.add(task)
        task.add_done_callback(self._done)
        try:
            return await asyncio.shield(task)
        except Exception as error:
            known = translate(error)
            if self.watch is not None:
                self.watch.failed(known)
            raise known from None

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, also where the caller was cancelled

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Run `upgrade` as one transaction, alone, making the folder of an SQLite file first."""
        file = sqlite_file(self.url)
        if self.url.get_backend_name() == "postgresql":
            # It may take as long as it takes, and wait for another process that is at it.
            engine = postgres_engine(self.url, statement_timeout_s=None, poolclass=NullPool)
        elif file is not None:
            # A rebuilt table must not take the rows that refer to it along:
            # https://sqlite.org/lang_altertable.html
            engine = self._sqlite(connections=1, foreign_keys=False)
        else:
            engine = self._writer
        try:
            if file is not None:
                await asyncio.to_thread(make_private, file)
            async with engine.begin() as connection:
                if self.url.get_backend_name() == "sqlite":
                    await connection.exec_driver_sql("BEGIN IMMEDIATE")
                await connection.run_sync(upgrade)
        except Exception as error:
            raise translate(error) from None
        finally:
            if engine is not self._writer:
                await engine.dispose()

    async def purge(self, tables: Sequence[str]) -> None:
        """Take what was deleted out of the database's files, as far as the database can. Raises StoreError.

        SQLite writes its file anew and empties the -wal; a file of over `MOST_REWRITTEN` bytes only loses what
        `secure_delete` has overwritten already. PostgreSQL frees the dead rows of `tables`; its WAL and its backups
        are the operator's to expire.
        https://sqlite.org/pragma.html#pragma_secure_delete, https://sqlite.org/lang_vacuum.html and
        https://www.postgresql.org/docs/current/routine-vacuuming.html
        """
        file = sqlite_file(self.url)
        if self.url.get_backend_name() == "postgresql":
            await self.read(_execute, f"VACUUM {', '.join(tables)}")
        elif file is not None:
            if file.stat().st_size <= MOST_REWRITTEN:
                await self.write(_execute, "VACUUM")
            await self.write(_execute, "PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Let what runs end, then close every connection."""
        if self._running:
            await asyncio.wait(self._running)
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()

    def _sqlite(self, *, connections: int, writes: bool = True, foreign_keys: bool = True) -> AsyncEngine:
        # A read is one statement, so it needs no transaction, which would cost it three hops between threads.
        alone: dict[str, Any] = (
            {} if writes else {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
        )
        engine = create_async_engine(
            self.url.difference_update_query(
                ["password"]
            ),  # SQLite knows none, and SQLAlchemy would warn of it
            hide_parameters=True,
            connect_args={} if "timeout" in self.url.query else {"timeout": BUSY_TIMEOUT_S},
            poolclass=AsyncAdaptedQueuePool,
            pool_size=connections,
            max_overflow=0,
            **alone,
        )
        pragmas = (
            "journal_mode=WAL",
            f"synchronous={self._synchronous}",
            f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
            f"query_only={'OFF' if writes else 'ON'}",
            "secure_delete=ON",
        )

        @event.listens_for(engine.sync_engine, "connect")
        def _open(connection: Any, _record: object) -> None:
            # The driver says BEGIN IMMEDIATE itself before the first INSERT, UPDATE or DELETE.
            connection.isolation_level = "IMMEDIATE" if writes else None
            try:
                cursor = connection.cursor()
                for pragma in pragmas:
                    cursor.execute(f"PRAGMA {pragma}")
                cursor.close()
            except Exception:
                connection.close()
                raise

        return engine


def _execute(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def postgres_engine(
    url: URL, *, statement_timeout_s: float | None = STATEMENT_TIMEOUT_S, **options: Any
) -> AsyncEngine:
    """SQLAlchemy imports asyncpg here, and nowhere else."""
    return create_async_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": statement_timeout_s},
        **options,
    )


def insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, which both databases spell alike and SQLAlchemy does not."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@dataclass(frozen=True, slots=True)
class Cause:
    """A class of failures. `signs`: how SQLite's error name or PostgreSQL's SQLSTATE begins
    (https://sqlite.org/rescode.html, https://www.postgresql.org/docs/current/errcodes-appendix.html), or names of
    exception classes. `words`: what the operator reads. `retryable`: it may pass. `lasting`: it stays until a person
    changes a setting or the database, so that a start does not wait for it."""

    signs: tuple[str, ...]
    words: str
    retryable: bool = True
    lasting: bool = False


# The first match counts.
CAUSES = (
    Cause(("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40P01", "40001"), "database is locked"),
    Cause(("SQLITE_FULL", "53100"), "disk is full"),
    Cause(("SQLITE_READONLY", "25006"), "read-only", lasting=True),
    Cause(
        ("SQLITE_CANTOPEN", "PermissionError", "NotADirectoryError", "FileExistsError", "IsADirectoryError"),
        "cannot be opened",
        lasting=True,
    ),
    Cause(("SQLITE_IOERR", "58"), "disk read or write failed"),
    Cause(("SQLITE_CORRUPT", "SQLITE_NOTADB"), "damaged, or not a database", retryable=False, lasting=True),
    Cause(("28",), "login refused", lasting=True),
    Cause(("3D000",), "no such database", lasting=True),
    Cause(("42501",), "permission denied", lasting=True),
    Cause(("53300",), "too many connections"),
    Cause(("57014", "TimeoutError"), "timed out"),
    Cause(("08", "57P", "OSError"), "connection lost"),
    Cause(("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "22", "23", "42"), "refused", retryable=False),
    Cause(("CommandError",), "made by a newer Parley", retryable=False, lasting=True),
)


def translate(error: Exception) -> StoreError:
    """What a database's failure is to the rest of the house. An error that is no database's comes out as it is.

    `detail` has no SQL, parameter or URL: only the driver's class and the cause.
    """
    cause = getattr(error, "orig", None) or error
    kinds = [kind.__name__ for one in (cause, error) for kind in type(one).__mro__]
    if not (isinstance(error, SQLAlchemyError | OSError) or _room(cause) in ("asyncpg", "sqlite3", "alembic")):
        raise error
    codes = [code for name in ("sqlite_errorname", "sqlstate") if (code := getattr(cause, name, None))]
    if getattr(error, "connection_invalidated", False):
        codes.append("08")
    for known in CAUSES:
        if any(code.startswith(known.signs) for code in codes) or any(kind in known.signs for kind in kinds):
            detail = f"{type(cause).__name__}: {known.words}"
            return StoreError(detail, retryable=known.retryable, cause=known.words, lasting=known.lasting)
    return StoreError(
        f"{type(cause).__name__}: unexpected ({codes[0] if codes else 'no code'})", cause="unexpected"
    )


def _room(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]
