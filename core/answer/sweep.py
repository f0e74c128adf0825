"""The sweep: open turns in the ledger that nobody has handed to the lanes."""

from __future__ import annotations

from core.answer.worker import Lanes
from core.clock import Clock
from core.errors import StoreError
from core.ports import Store

PERIOD_S = 1.0
_LOOKS = 5


class Sweep:
    """Finds what another process (`parley summary`) has put there and, after a `doubt`, what was stored although the
    database, cut off before it could say so, seemed to have failed: its event is known when it comes again."""

    def __init__(self, store: Store, lanes: Lanes, clock: Clock) -> None:
        self._store = store
        self._lanes = lanes
        self._clock = clock
        self._looks = 0

    def doubt(self) -> None:
        """Something could not be stored, or so it seems: look at every open turn, for as long as that may take."""
        self._looks = _LOOKS

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(PERIOD_S)
            await self._look()

    async def _look(self) -> None:
        known = self._lanes.known  # before reading: what ends meanwhile is not begun again
        try:
            turns = await self._store.open_turns(0 if self._looks else self._lanes.highest_id)
        except StoreError:
            return
        self._looks = max(0, self._looks - 1)
        for turn in turns:
            if turn.id not in known:
                self._lanes.submit(turn)
