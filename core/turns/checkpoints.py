"""What live answers have come to, written down once a second for all of them in one transaction."""

from __future__ import annotations

import asyncio

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.store import TurnLedger

log = structlog.get_logger()

PERIOD_S = 1.0


class Checkpoints:
    """Collects the newest text and message ids of each live turn. A failed write is tried again next time."""

    def __init__(self, store: TurnLedger, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._dirty: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._writing = asyncio.Lock()

    def note(self, turn_id: int, text: str, posted: tuple[str, ...]) -> None:
        self._dirty[turn_id] = (text, posted)

    def forget(self, turn_id: int) -> None:
        """The turn has ended or is given back: what is stored stands."""
        self._dirty.pop(turn_id, None)

    async def flush(self) -> None:
        """Write down everything noted since the last time."""
        async with self._writing:
            dirty, self._dirty = self._dirty, {}
            if not dirty:
                return
            try:
                await self._store.checkpoint(
                    [(turn_id, text, posted) for turn_id, (text, posted) in dirty.items()]
                )
            except StoreError as error:
                log.warning("checkpoint_failed", **error.log_keys)
                self._dirty = dirty | self._dirty

    async def run(self) -> None:
        """Flush once a second until cancelled."""
        while True:
            await self._clock.sleep(PERIOD_S)
            await self.flush()
