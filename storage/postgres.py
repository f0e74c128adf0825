"""PostgreSQL: a pool of connections with our time limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import URL, AdaptedConnection, Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import greenlet_spawn

T = TypeVar("T")

CONNECTIONS = 10
NOT_DURABLE_CONNECTIONS = 2
"""Connections of commits that are not durable, which a transaction of its own would have to set: a round trip more."""
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 15
IDLE_TRANSACTION_S = 3.5
"""Seconds after which the server ends a transaction that stands still. A process that was frozen within one would hold
the rows of its answers until it goes on, while others take its places over: less than `replicas.session.IDLE_S`.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT
"""


class PostgresBackend:
    """The `Backend` of a PostgreSQL database."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine = postgres_engine(url, pool_size=CONNECTIONS)
        self._each = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._not_durable = postgres_engine(url, pool_size=NOT_DURABLE_CONNECTIONS, max_overflow=0)
        event.listen(self._engine.sync_engine, "connect", _prepare)
        event.listen(self._not_durable.sync_engine, "connect", _prepare_not_durable)

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        engine = self._engine if durable else self._not_durable

        def transaction() -> T:
            with engine.sync_engine.connect() as connection:
                done = _run(connection, work)
                connection.commit()
                return done

        return await greenlet_spawn(transaction)

    async def read(self, work: Callable[[Connection], T]) -> T:
        def working() -> T:
            with self._each.sync_engine.connect() as connection:
                return _run(connection, work)

        return await greenlet_spawn(working)

    async def write_each(self, work: Callable[[Connection], T]) -> T:
        # On a connection that has just been used: the server's process is quicker then.
        return await self.read(work)

    async def write_one(self, work: Callable[[Connection], T]) -> T:
        return await self.read(work)

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Run `upgrade` as one transaction. No time limit: it may wait for the migration of another process."""
        engine = postgres_engine(self._url, statement_timeout_s=None, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    async def purge(self, tables: Sequence[str]) -> None:
        """Free the dead rows of `tables`, and make the index of words anew, which keeps each word that ever was in it.
        The WAL and the backups are the operator's to expire.

        https://www.postgresql.org/docs/current/routine-vacuuming.html
        """
        await self.read(lambda connection: connection.exec_driver_sql(f"VACUUM {', '.join(tables)}"))
        engine = postgres_engine(self._url, statement_timeout_s=None, poolclass=NullPool)
        try:
            async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                await connection.exec_driver_sql("REINDEX INDEX CONCURRENTLY ix_sources_words")
        finally:
            await engine.dispose()

    async def close(self) -> None:
        await self._engine.dispose()
        await self._not_durable.dispose()


def _prepare(connection: AdaptedConnection, _record: object) -> None:
    limit = f"SET idle_in_transaction_session_timeout TO '{IDLE_TRANSACTION_S * 1_000:.0f}ms'"
    connection.run_async(lambda driver: driver.execute(limit))


def _prepare_not_durable(connection: AdaptedConnection, record: object) -> None:
    """https://www.postgresql.org/docs/current/wal-async-commit.html"""
    _prepare(connection, record)
    connection.run_async(lambda driver: driver.execute("SET synchronous_commit TO off"))


def _run(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Run `work`, once more where the server had closed the connection: nothing of it is committed yet.

    To try each connection before its use (`pool_pre_ping`) would cost three round trips a transaction.
    """
    try:
        return work(connection)
    except Exception as error:
        if not _is_lost(connection, error):
            raise
    connection.rollback()
    return work(connection)


def _is_lost(connection: Connection, error: Exception) -> bool:
    """True if the server had closed the connection, which is invalid then."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    driver: Any = connection.connection.driver_connection
    if driver.is_closed():  # `storage.direct` raises errors of the driver
        connection.invalidate(error)
        return True
    return False


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
