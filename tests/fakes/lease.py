"""The owner of all places, for as long as a clock says."""

from __future__ import annotations

from core.clock import Clock
from core.values.places import Place

LEASE_S = 4.0


class Lease:
    """Ends `LEASE_S` after it was made or `renew`ed, and for ever once it is `lost`. `waits`: how often a call has
    waited for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lost = False
        self.waits = 0
        self.renew()

    def renew(self) -> None:
        self._until_s = self._clock.monotonic() + LEASE_S

    def call_wait_s(self, place: Place) -> float | None:
        if self.lost:
            return None
        return 0.0 if self._clock.monotonic() < self._until_s else 0.05

    def read_wait_s(self, place: Place) -> float | None:
        return self.call_wait_s(place)

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        await self._clock.sleep(seconds)
