"""Stores the causes of errors that end no turn: of alerts, and of commands whose author was shown a reference.

No answer and no alert waits for it. While the database fails, the newest are kept in memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime

import structlog
from cachetools import LRUCache

from core.clock import Clock
from core.errors import BotError, StoreError
from core.ports.store.failures import FailureStore
from core.values.failures import Failure, error_to_failure
from core.values.places import Place

AGAIN_S = 10.0
"""Seconds from a refusal by the database to the next attempt."""
MOST = 200
"""The most failures that wait for the database."""

log = structlog.get_logger()


class FailureLog:
    """Keeps what it is told until `run` has stored it."""

    def __init__(self, store: FailureStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._new: deque[tuple[Failure, datetime, Place | None]] = deque(maxlen=MOST)
        self._known: LRUCache[str, bool] = LRUCache(MOST)
        self._any = asyncio.Event()

    def put(self, failure: Failure, place: Place | None = None) -> None:
        """Store `failure` soon. `place`: where a command failed."""
        self._new.append((failure, self._clock.now(), place))
        self._any.set()

    def failed(self, error: BotError, place: Place) -> None:
        """A person is shown the reference of `error` at `place`. The same error is stored once."""
        if error.ref in self._known:
            return
        self._known[error.ref] = True
        self.put(error_to_failure(error), place)

    async def run(self) -> None:
        """Store what comes, until cancelled."""
        while True:
            await self._any.wait()
            self._any.clear()
            await self.flush()
            if self._new:
                await self._clock.sleep(AGAIN_S)
                self._any.set()

    async def flush(self) -> None:
        """Store what is there; what the database refuses stays."""
        while self._new:
            first = self._new[0]
            try:
                await self._store.record_failure(*first)
            except StoreError as error:
                log.warning("failures_not_stored", **error.log_keys)
                return
            if self._new and self._new[0] is first:
                self._new.popleft()
