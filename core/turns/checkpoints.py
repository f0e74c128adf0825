"""Partial answers, stored once a second for all running turns in one transaction."""

from __future__ import annotations

import asyncio

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.store.turns import TurnLedger
from core.turns.running import RunningTurns

log = structlog.get_logger()

PERIOD_S = 1.0
TOLD_EVERY_S = 60.0
"""Seconds between two lines of the log about a database that goes on refusing."""


class Checkpoints:
    """Stores `RunningTurn.unsaved` of each running turn. A failed write is tried again next time."""

    def __init__(self, store: TurnLedger, running_turns: RunningTurns, clock: Clock) -> None:
        self._store = store
        self._running_turns = running_turns
        self._clock = clock
        self._writing = asyncio.Lock()
        self._told_at: float | None = None

    async def flush(self) -> None:
        """Store everything that is unsaved."""
        async with self._writing:
            changed = [(one, one.unsaved) for one in self._running_turns if one.unsaved is not None]
            if not changed:
                return
            for running, _ in changed:
                running.unsaved = None
            try:
                await self._store.checkpoint(
                    [(running.id, text, posted) for running, (text, posted) in changed]
                )
            except StoreError as error:
                self._tell(error)
                for running, unsaved in changed:
                    running.unsaved = running.unsaved or unsaved
            else:
                self._told_at = None

    def _tell(self, error: StoreError) -> None:
        now = self._clock.monotonic()
        if self._told_at is None or now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            log.warning("checkpoint_failed", **error.log_keys)

    async def run(self) -> None:
        """Flush once a second until cancelled."""
        while True:
            await self._clock.sleep(PERIOD_S)
            await self.flush()
