"""SQLite: one connection that writes, and `READERS` that only read.

The file is in WAL mode, and writers wait in this process instead of failing with SQLITE_BUSY
(https://sqlite.org/lang_transaction.html). Each transaction runs whole in a thread: a hop between threads costs more
than a statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from storage.url import make_private, sqlite_file

T = TypeVar("T")
Synchronous = Literal["FULL", "NORMAL"]

BUSY_TIMEOUT_S = 5
QUEUE_TIMEOUT_S = 30.0
"""Seconds for which a transaction waits for a free connection."""
READERS = 4
MOST_REWRITTEN = 256 * 1024 * 1024
"""Bytes. A larger file is not vacuumed after a deletion, since nothing can be stored meanwhile."""


MERGED_PAGES = 500
"""Pages of the full-text index that one transaction merges, in some 20 ms."""


class SqliteBackend:
    """The `Backend` of an SQLite database. One in memory has a single connection."""

    def __init__(self, url: URL, synchronous: Synchronous) -> None:
        # SQLite has no password, and SQLAlchemy would warn.
        self._url = url.difference_update_query(["password"])
        self._synchronous = synchronous
        self._file = sqlite_file(url)
        self._writer = self._connections(1)
        self._reader = self._writer if self._file is None else self._connections(READERS, writes=False)

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        return await self._writer.write(work if durable else self._not_durable(work))

    async def write_each(self, work: Callable[[Connection], T]) -> T:
        """One transaction costs no more than several here."""
        return await self.write(work, durable=False)

    async def write_one(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    def _not_durable(self, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """The next durable commit syncs this one too. https://sqlite.org/pragma.html#pragma_synchronous"""

        def working(connection: Connection) -> T:
            driver = connection.connection.cursor()  # a statement of SQLAlchemy takes ten times as long
            driver.execute("PRAGMA synchronous=NORMAL")
            try:
                done = work(connection)
                connection.commit()
                return done
            finally:
                connection.rollback()
                driver.execute(f"PRAGMA synchronous={self._synchronous}")
                driver.close()

        return working

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._reader.read(work)

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Run `upgrade` as one transaction, alone, making the folder of the file first."""

        def alone(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            upgrade(connection)

        if self._file is None:
            return await self._writer.write(alone)
        await asyncio.to_thread(make_private, self._file)
        # Rebuilding a table must not delete the rows that refer to it: https://sqlite.org/lang_altertable.html
        connections = self._connections(1, foreign_keys=False)
        try:
            await connections.write(alone)
        finally:
            await connections.close()

    async def purge(self, _tables: object) -> None:
        """Rid the full-text index of deleted words, VACUUM, and empty the -wal. In a file of over `MOST_REWRITTEN`
        bytes only `secure_delete` has overwritten what was deleted.

        https://sqlite.org/pragma.html#pragma_secure_delete and https://sqlite.org/lang_vacuum.html
        """
        if self._file is not None:
            await self._merge_words()
            if self._file.stat().st_size <= MOST_REWRITTEN:
                await self.write(lambda connection: connection.exec_driver_sql("VACUUM"))
            await self.write(lambda connection: connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)"))

    async def _merge_words(self) -> None:
        """Merge the whole index, some pages at a time, so that others can write in between: only then it lets go of
        deleted words. https://sqlite.org/fts5.html#the_merge_command"""
        pages = -MERGED_PAGES  # the first call has to be negative, to merge what would not need it
        while await self.write(partial(_merge, pages=pages)):
            pages = MERGED_PAGES

    async def close(self) -> None:
        await self._writer.close()
        if self._reader is not self._writer:
            await self._reader.close()

    def _connections(self, count: int, *, writes: bool = True, foreign_keys: bool = True) -> SqliteConnections:
        # A read is one statement, or needs no more of a transaction than the order of its statements.
        alone: dict[str, Any] = (
            {} if writes else {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
        )
        timeout = {} if "timeout" in self._url.query else {"timeout": BUSY_TIMEOUT_S}
        engine = create_engine(
            self._url,
            hide_parameters=True,
            connect_args={"check_same_thread": False, **timeout},
            poolclass=QueuePool,
            pool_size=count,
            max_overflow=0,
            pool_use_lifo=True,  # each connection keeps up to 2 MB of pages
            **alone,
        )
        pragmas = (
            "journal_mode=WAL",
            f"synchronous={self._synchronous}",
            f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
            f"query_only={'OFF' if writes else 'ON'}",
            "secure_delete=ON",
        )

        @event.listens_for(engine, "connect")
        def _open(connection: Any, _record: object) -> None:
            # The driver sends BEGIN IMMEDIATE itself before the first INSERT, UPDATE or DELETE.
            connection.isolation_level = "IMMEDIATE" if writes else None
            try:
                for pragma in pragmas:
                    connection.execute(f"PRAGMA {pragma}").close()
            except Exception:
                connection.close()
                raise

        return SqliteConnections(engine, count)


def _merge(connection: Connection, pages: int) -> bool:
    """Merge up to that many pages. False where there was nothing left to merge."""
    driver: Any = connection.connection.dbapi_connection
    before = driver.total_changes
    connection.exec_driver_sql("INSERT INTO source_words(source_words, rank) VALUES ('merge', ?)", (pages,))
    return bool(driver.total_changes - before >= 2)


class SqliteConnections:
    """Some connections, each of which one thread uses at a time. A caller waits for a free one."""

    def __init__(self, engine: Engine, count: int) -> None:
        self._engine = engine
        self._free = asyncio.Semaphore(count)
        self._threads = ThreadPoolExecutor(count, "sqlite")

    async def write(self, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with self._engine.connect() as connection:
                done = work(connection)
                connection.commit()
                return done

        return await self._run(transaction)

    async def read(self, work: Callable[[Connection], T]) -> T:
        def reading() -> T:
            with self._engine.connect() as connection:
                return work(connection)

        return await self._run(reading)

    async def _run(self, work: Callable[[], T]) -> T:
        async with asyncio.timeout(QUEUE_TIMEOUT_S):
            await self._free.acquire()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._free.release()

    async def close(self) -> None:
        await asyncio.to_thread(self._engine.dispose)
        self._threads.shutdown(wait=False)
