"""The counts of words in the index of answered questions, in memory."""

from __future__ import annotations

import asyncio

import structlog

from core.errors import StoreError
from core.memory.ranking import WordCounts
from storage import source_search
from storage.engine import Database

log = structlog.get_logger()

FEW = 2_000
"""Sources whose words are counted in a few milliseconds: a search waits for that."""
CHANGED_SHARE = 0.1
"""The share of the sources that are new, at which their words are counted again."""


class KeptWordCounts:
    """Counts words at the first search, and again once there are many new sources: beside the searches, if that
    takes long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: WordCounts | None = None
        self._new = 0
        self._task: asyncio.Task[None] | None = None

    def added(self, number: int = 1) -> None:
        """That many sources are new."""
        self._new += number

    async def counts(self) -> WordCounts:
        """The counts, of which the newest sources may be missing. Raises StoreError where they can't be read."""
        known = self._counts
        if known is None or (self._is_old(known) and known.sources < FEW):
            return await self._count()
        if self._is_old(known) and self._task is None:
            self._task = asyncio.create_task(self._count_later())
        return known

    def _is_old(self, known: WordCounts) -> bool:
        return self._new > CHANGED_SHARE * known.sources

    async def _count(self) -> WordCounts:
        self._new, counted = 0, self._new
        try:
            self._counts = await self._database.read(source_search.count_words)
        except BaseException:
            self._new += counted
            raise
        return self._counts

    async def _count_later(self) -> None:
        try:
            await self._count()
        except StoreError as error:
            log.warning("words_not_counted", **error.log_keys)
        finally:
            self._task = None

    async def close(self) -> None:
        """Cancel a count that still runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
