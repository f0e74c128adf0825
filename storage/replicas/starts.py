"""Turns for what a platform lets all replicas together do only now and then: an advisory lock of each bucket, held
until the next may follow.

The lock lives and dies with a session of its own. The server ends one that has been idle for too long, so that a
process that was frozen holds no other up.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from core.clock import Clock
from storage.postgres import postgres_engine

LONGEST_TURN_S = 30
"""Seconds after which a turn that was never released has ended."""
_LOCK = "SELECT pg_advisory_lock(hashtext('parley starts ' || current_schema()), $1)"


class StartTurns:
    """As `core.ports.connections.Turns`, over all replicas of a database: turns of a bucket are `apart_s` apart."""

    def __init__(self, url: URL, clock: Clock, apart_s: float) -> None:
        self._engine = postgres_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._apart_s = apart_s
        self._held: dict[int, AsyncConnection] = {}
        self._ends: set[asyncio.Task[None]] = set()

    async def take(self, bucket: int) -> None:
        """Raises errors of the driver."""
        connection = await self._engine.connect()
        try:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute(f"SET idle_session_timeout = '{LONGEST_TURN_S}s'")
            await driver.execute(_LOCK.replace("$1", str(int(bucket))))
        except BaseException:
            await self._end(connection)
            raise
        self._held[bucket] = connection

    def release(self, bucket: int, *, sent: bool) -> None:
        task = asyncio.create_task(self._release(self._held.pop(bucket), self._apart_s if sent else 0.0))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def _release(self, connection: AsyncConnection, after_s: float) -> None:
        try:
            if after_s:
                await self._clock.sleep(after_s)
        finally:
            await self._end(connection)

    @staticmethod
    async def _end(connection: AsyncConnection) -> None:
        with suppress(Exception):
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            driver.terminate()
        with suppress(Exception):
            await connection.invalidate()
            await connection.close()

    async def close(self) -> None:
        """End all turns."""
        for connection in self._held.values():
            await self._end(connection)
        self._held.clear()
        for task in list(self._ends):
            task.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)
