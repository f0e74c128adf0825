"""Transactions: plain functions of a `Connection`, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from core.errors import StoreError
from storage.errors import translate
from storage.postgres import PostgresBackend
from storage.sqlite import SqliteBackend, Synchronous

P = ParamSpec("P")
T = TypeVar("T")


class Watch(Protocol):
    """Receives the end of each transaction."""

    def worked(self) -> None:
        """A transaction that writes was committed."""
        ...

    def failed(self, error: StoreError) -> None: ...

    def took(self, kind: str, seconds: float) -> None:
        """A transaction has ended. `kind`: read or write."""
        ...


class Backend(Protocol):
    """The connections to one kind of database. Raises errors of the driver."""

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` as one transaction, committed when this returns.

        Others see a commit that is not `durable` at once as well, but a crash of the machine may lose it.
        """
        ...

    async def write_each(self, work: Callable[[Connection], T]) -> T:
        """`write` that need not be durable, where each statement may be a transaction."""
        ...

    async def write_one(self, work: Callable[[Connection], T]) -> T:
        """`write` of a single statement, which may be run again where the connection broke meanwhile."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T: ...

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Run `upgrade` as one transaction, alone. It may take its time."""
        ...

    async def purge(self, tables: Sequence[str]) -> None:
        """Remove what was deleted from the database's files, as far as the database can."""
        ...

    async def close(self) -> None: ...


class Database:
    """One database: `write` and `read` run a function of a `Connection` as one transaction.

    Each raises StoreError, and no exception of SQLAlchemy or of a driver. The function may run in another thread.
    """

    def __init__(self, url: URL, synchronous: Synchronous = "FULL") -> None:
        is_sqlite = url.get_backend_name() == "sqlite"
        self._backend: Backend = SqliteBackend(url, synchronous) if is_sqlite else PostgresBackend(url)
        self.in_one_trip = not is_sqlite
        """A statement that does the work of several is worth its trouble: each is a round trip to a server."""
        self._running: set[asyncio.Task[Any]] = set()
        self.watch: Watch | None = None

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` as one transaction, committed when this returns. Raises StoreError."""
        return await self._written(self._backend.write(lambda connection: work(connection, *args, **kwargs)))

    async def write_soon(self, work: Callable[[Connection], T]) -> T:
        """`write`, without the wait for the disk: a crash of the machine, though not of the process, may lose it."""
        return await self._written(self._backend.write(work, durable=False))

    async def write_each(self, work: Callable[[Connection], T]) -> T:
        """`write_soon`, where PostgreSQL commits each statement of `work` by itself: a transaction is two round trips
        more. A statement that need not wait for its disk says so itself."""
        return await self._written(self._backend.write_each(work))

    async def write_one(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`write` of a single statement: PostgreSQL commits it by itself, in one round trip instead of three. Where the
        connection broke it may be run once more, though it was committed."""
        return await self._written(
            self._backend.write_one(lambda connection: work(connection, *args, **kwargs))
        )

    async def _written(self, writing: Coroutine[Any, Any, T]) -> T:
        written = await self._finished(writing, "write")
        if self.watch is not None:
            self.watch.worked()
        return written

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        reading = self._backend.read(lambda connection: work(connection, *args, **kwargs))
        return await self._finished(reading, "read")

    async def _finished(self, running: Coroutine[Any, Any, T], kind: str = "") -> T:
        """Run a transaction to its end, also where the caller is cancelled.

        A cancelled transaction would cost its connection, and hold the lock until that is closed.
        """
        began_s = asyncio.get_running_loop().time()
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
        finally:
            if self.watch is not None and kind:
                self.watch.took(kind, asyncio.get_running_loop().time() - began_s)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieves it where the caller was cancelled

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Run `upgrade` as one transaction, alone. Raises StoreError. On SQLite it goes on if it is cancelled."""
        try:
            await self._backend.migrate(upgrade)
        except Exception as error:
            raise translate(error) from None

    async def purge(self, tables: Sequence[str]) -> None:
        """Remove what was deleted from the database's files. Raises StoreError."""
        await self._finished(self._backend.purge(tables))

    async def running_ended(self) -> None:
        """Return when the transactions that run now have ended."""
        if self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Wait for running transactions, then close every connection."""
        await self.running_ended()
        await self._backend.close()


def insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT with ON CONFLICT, which SQLAlchemy has only by dialect."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
