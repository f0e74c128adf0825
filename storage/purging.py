"""Rids the database's files of forgotten texts, in the background."""

from __future__ import annotations

import asyncio

import structlog

from core.clock import Clock
from core.errors import StoreError
from storage import people
from storage.engine import Database

log = structlog.get_logger()

PURGE_AFTER_S = 1.0
"""Seconds after something is forgotten at which the database's files are rid of it."""


class Purging:
    """Purges a database once for everything that is forgotten within a moment."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._later())

    async def _later(self) -> None:
        await self._clock.sleep(PURGE_AFTER_S)
        self._task = None  # texts forgotten from now on need another one
        await self._purge()

    async def _purge(self) -> None:
        try:
            await self._database.purge(people.PURGED)
        except StoreError as error:
            log.warning("purge_failed", **error.log_keys)

    async def close(self) -> None:
        """Purge now what waits for it."""
        if self._task is not None:
            self._task.cancel()
            await self._purge()
