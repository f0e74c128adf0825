"""PostgreSQL: a pool of connections with our time limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

T = TypeVar("T")

CONNECTIONS = 10
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_S = 15


class PostgresBackend:
    """The `Backend` of a PostgreSQL database."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine = postgres_engine(url, pool_size=CONNECTIONS)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        # https://www.postgresql.org/docs/current/wal-async-commit.html
        def not_durable(connection: Connection) -> T:
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            return work(connection)

        async with self._engine.connect() as connection:
            done = await _run(connection, work if durable else not_durable)
            await connection.commit()
            return done

    async def read(self, work: Callable[[Connection], T]) -> T:
        async with self._reader.connect() as connection:
            return await _run(connection, work)

    async def migrate(self, upgrade: Callable[[Connection], None]) -> None:
        """Run `upgrade` as one transaction. No time limit: it may wait for the migration of another process."""
        engine = postgres_engine(self._url, statement_timeout_s=None, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(upgrade)
        finally:
            await engine.dispose()

    async def purge(self, tables: Sequence[str]) -> None:
        """Free the dead rows of `tables`. The WAL and the backups are the operator's to expire.

        https://www.postgresql.org/docs/current/routine-vacuuming.html
        """
        await self.read(lambda connection: connection.exec_driver_sql(f"VACUUM {', '.join(tables)}"))

    async def close(self) -> None:
        await self._engine.dispose()


async def _run(connection: AsyncConnection, work: Callable[[Connection], T]) -> T:
    """Run `work`, once more where the server had closed the connection: nothing of it is committed yet.

    To try each connection before its use (`pool_pre_ping`) would cost three round trips a transaction.
    """
    try:
        return await connection.run_sync(work)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    await connection.rollback()
    return await connection.run_sync(work)


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
