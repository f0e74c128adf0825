"""Submits open turns of the ledger that no queue has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.store.threads import PROCESS, ThreadStore
from core.ports.store.turns import TurnLedger
from core.turns.ownership import SOLE_OWNER, Gained, Ownership
from core.turns.queue import PlaceQueues
from core.values.conversation import TurnState
from core.values.places import Place

log = structlog.get_logger()

PERIOD_S = 1.0
LATE_IDS = 200
"""Ids are given before the commit: so many lower ones of other replicas may appear after a higher one."""
ALIVE = timedelta(days=365)
"""Beyond any sign of life: others show them too, so that theirs say nothing of the former owner."""
_LOOKS = 5
SIGN_OF_LIFE_S = 10.0
WHOLE_S = 10.0
"""Seconds between two checks of all open turns."""


async def nothing() -> None:
    """Do nothing."""


class Recovery:
    """Looks at the ledger once a second for turns of three origins. Another process (`parley summary`) stored them. The
    connection to the database broke before it confirmed the commit. The commit of a killed process took effect after
    the next process had started: the platform delivers the question again, but it is known then.

    It also takes up the turns of places that `ownership` gains, and drops those of places that it loses.
    """

    def __init__(
        self, store: TurnLedger, place_queues: PlaceQueues, clock: Clock, ownership: Ownership = SOLE_OWNER
    ) -> None:
        self._store = store
        self._place_queues = place_queues
        self._clock = clock
        self._ownership = ownership
        self._looks = _LOOKS
        self._whole_at = 0.0
        self.on_gained: Callable[[], Awaitable[None]] = nothing
        """Called when more places are owned, before their turns begin. It may raise StoreError."""

    def doubt(self) -> None:
        """A commit was not confirmed: look at all open turns the next times, because it may take effect late."""
        self._looks = _LOOKS

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_ownership())
            while True:
                await self._clock.sleep(PERIOD_S)
                await self._look()

    async def _follow_ownership(self) -> None:
        while True:
            if isinstance(await self._ownership.change(), Gained):
                await self._gain()
            else:
                await self._place_queues.release()

    async def _gain(self) -> None:
        """Take up the turns of gained places: those that their former owner was running wait again."""
        self.doubt()
        try:
            await self.on_gained()
            await self._recover(self._clock.now() - ALIVE, taken_over=self._ownership.shared)
        except StoreError as error:
            log.warning("turns_not_recovered", **error.log_keys)
        await self._look()

    @property
    def _seen(self) -> int:
        """The id up to which all turns are known, as far as one can know."""
        late = 0 if self._ownership is SOLE_OWNER else LATE_IDS
        return max(0, self._place_queues.highest_id - late)

    def holds(self, place: Place) -> bool:
        """True if the turns of `place` are taken up here."""
        return self._ownership.holds(place)

    @property
    def settles_s(self) -> float:
        """`Ownership.settles_s`."""
        return self._ownership.settles_s

    async def recover(self, still_since: datetime) -> None:
        """`TurnLedger.recover` of the places that are held. Raises StoreError."""
        await self._recover(still_since, taken_over=False)

    async def _recover(self, still_since: datetime, *, taken_over: bool) -> None:
        holds, known = self._ownership.holds, self._place_queues.known
        await self._store.recover(still_since, holds, known, taken_over=taken_over)

    async def _look(self) -> None:
        known = self._place_queues.known  # before reading: what ends meanwhile is not begun again
        now = self._clock.monotonic()
        whole = self._looks > 0 or now - self._whole_at >= WHOLE_S
        try:
            turns = await self._store.open_turns(0 if whole else self._seen)
        except StoreError:
            return
        if whole:
            self._looks, self._whole_at = max(0, self._looks - 1), now
        for turn in sorted(turns, key=lambda turn: not turn.posted):  # people see those that were broken off
            if turn.id not in known:
                # One that its former owner was running goes on here, also before `recover` has stored that it waits.
                self._place_queues.submit(replace(turn, state=TurnState.WAITING))


async def give_signs_of_life(store: ThreadStore, clock: Clock) -> None:
    """Have the next process know until when this one was alive (`TurnLedger.recover`). Until cancelled."""
    while True:
        with suppress(StoreError):
            await store.advance_watermark(PROCESS, "", clock.now())
        await clock.sleep(SIGN_OF_LIFE_S)
