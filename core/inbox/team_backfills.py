"""The backfills of installations that teams have made themselves: many, of which few have missed anything, so that one
timer serves all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from core.clock import Clock
from core.inbox.backfill import Backfill
from core.inbox.backfills import Backfills

LOOK_S = 1.0
STEP_S = 0.05
"""Seconds between two looks whether one more may begin."""
AT_ONCE = 4
"""The most that read at once: events come in meanwhile, and each of them would wait for every step of all."""
SLOW_S = 1.0
"""Seconds after which one that still reads waits for a limit of the platform, and does not count."""
WATERMARKS_A_SECOND = 2.0


class TeamBackfills:
    """`backfills`: those of all installations, as they come and go."""

    def __init__(self, backfills: Iterable[Backfills], clock: Clock) -> None:
        self._backfills = backfills
        self._clock = clock
        self._looking: dict[Backfill, float] = {}
        """Those that read now, and since when."""
        self._due: dict[Backfill, float] = {}

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                next_s = self._clock.monotonic() + LOOK_S
                ready = self._ready()
                while (left_s := next_s - self._clock.monotonic()) > 0:
                    for backfill in self._next(ready):
                        ready.remove(backfill)
                        group.create_task(self._look(backfill))
                    await self._clock.sleep(min(STEP_S, left_s) if ready else left_s)

    def _next(self, ready: list[Backfill]) -> list[Backfill]:
        """Those that begin now: the ones first for which turns wait."""
        now_s = self._clock.monotonic()
        reading = sum(now_s - began_s < SLOW_S for began_s in self._looking.values())
        begun = sorted(ready, key=lambda one: -one.waiting)[: max(0, AT_ONCE - reading)]
        self._looking |= dict.fromkeys(begun, now_s)
        return begun

    def _ready(self) -> list[Backfill]:
        """Those that have something to read or to store."""
        every = [one for many in self._backfills if (one := many.of_team) is not None]
        for one in every:
            one.watch()
        now_s, keep_s = self._clock.monotonic(), len(every) / WATERMARKS_A_SECOND
        self._due = {one: due_s for one, due_s in self._due.items() if due_s > now_s}
        idle = (one for one in every if one not in self._looking and one not in self._due)
        return [one for one in idle if one.wants_look(keep_s)]

    async def _look(self, backfill: Backfill) -> None:
        try:
            self._due[backfill] = await backfill.look() + self._clock.monotonic()
        finally:
            del self._looking[backfill]
