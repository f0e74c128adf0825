"""Open turns of the ledger that no queue has."""

from __future__ import annotations

from core.clock import Clock
from core.errors import StoreError
from core.ports.store import TurnLedger
from core.turns.queue import PlaceQueues

PERIOD_S = 1.0
_LOOKS = 5
WHOLE_S = 10.0
"""Seconds between two checks of all open turns."""


class Recovery:
    """Finds what another process (`parley summary`) has put there, and what was stored although nobody heard so: by a
    database that was cut off before it could say it, or for a process that was killed while it waited for that, in
    a commit later than the next one's start. Its event is known when it comes again, and asks nobody anew."""

    def __init__(self, store: TurnLedger, place_queues: PlaceQueues, clock: Clock) -> None:
        self._store = store
        self._place_queues = place_queues
        self._clock = clock
        self._looks = _LOOKS
        self._whole_at = 0.0

    def doubt(self) -> None:
        """Something could not be stored, or so it seems: look at every open turn, for as long as that may take."""
        self._looks = _LOOKS

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(PERIOD_S)
            await self._look()

    async def _look(self) -> None:
        known = self._place_queues.known  # before reading: what ends meanwhile is not begun again
        now = self._clock.monotonic()
        whole = self._looks > 0 or now - self._whole_at >= WHOLE_S
        try:
            turns = await self._store.open_turns(0 if whole else self._place_queues.highest_id)
        except StoreError:
            return
        if whole:
            self._looks, self._whole_at = max(0, self._looks - 1), now
        for turn in turns:
            if turn.id not in known:
                self._place_queues.submit(turn)
