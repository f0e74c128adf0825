"""Connections to a database.

SQLite has one connection that writes, in WAL with BEGIN IMMEDIATE, and `READERS` that only read. Writers wait in this
process instead of failing with SQLITE_BUSY (https://sqlite.org/lang_transaction.html). PostgreSQL has a pool. A
transaction is a plain function of a `Connection`, the same for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from core.errors import StoreError
from storage.errors import translate
from storage.url import make_private, sqlite_file

P = ParamSpec("P")
T = TypeVar("T")
Synchronous = Literal["FULL", "NORMAL"]

BUSY_TIMEOUT_S = 5
READERS = 4
POSTGRES_CONNECTIONS = 10
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 15
MOST_REWRITTEN = 256 * 1024 * 1024
"""Bytes. A larger SQLite file is not vacuumed after a deletion, since nothing can be stored meanwhile."""


class Watch(Protocol):
    """Receives the end of each transaction."""

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
        """Run `work` as one transaction, committed when this returns. Raises StoreError."""

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
        """Run a transaction to its end, also where the caller is cancelled.

        A cancelled transaction would cost its connection, and hold the lock until that is closed.
        """
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
            task.exception()  # retrieves it where the caller was cancelled

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Run `upgrade` as one transaction, alone, making the folder of an SQLite file first."""
        file = sqlite_file(self.url)
        if self.url.get_backend_name() == "postgresql":
            # No time limit: it may wait for the migration of another process.
            engine = postgres_engine(self.url, statement_timeout_s=None, poolclass=NullPool)
        elif file is not None:
            # Rebuilding a table must not delete the rows that refer to it:
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
        """Remove deleted data from the database's files. Raises StoreError.

        SQLite: VACUUM, and an empty -wal. In a file of over `MOST_REWRITTEN` bytes only `secure_delete` has overwritten
        the data. PostgreSQL: the dead rows of `tables` are freed; its WAL and its backups are the operator's to
        expire.
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

    async def running_ended(self) -> None:
        """Return when the transactions that run now have ended."""
        if self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Wait for running transactions, then close every connection."""
        await self.running_ended()
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()

    def _sqlite(self, *, connections: int, writes: bool = True, foreign_keys: bool = True) -> AsyncEngine:
        # A read is one statement. A transaction around it would cost three hops between threads.
        alone: dict[str, Any] = (
            {} if writes else {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
        )
        engine = create_async_engine(
            # SQLite has no password, and SQLAlchemy would warn.
            self.url.difference_update_query(["password"]),
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
            # The driver sends BEGIN IMMEDIATE itself before the first INSERT, UPDATE or DELETE.
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
    """An engine with our time limits. Imports asyncpg."""
    return create_async_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": statement_timeout_s},
        **options,
    )


def insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT with ON CONFLICT, which SQLAlchemy has only by dialect."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
