"""The backfills of installations that teams have made themselves: many, of which few have missed anything, so that one
timer serves all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from core.clock import Clock
from core.inbox.backfill import Backfill
from core.inbox.backfills import Backfills

LOOK_S = 1.0
AT_ONCE = 50
"""The most that begin to read in one look: of a thousand that connect together, each reads within half a minute."""
WATERMARKS_A_SECOND = 2.0


class TeamBackfills:
    """`backfills`: those of all installations, as they come and go."""

    def __init__(self, backfills: Iterable[Backfills], clock: Clock) -> None:
        self._backfills = backfills
        self._clock = clock
        self._looking: set[Backfill] = set()
        self._due: dict[Backfill, float] = {}

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for backfill in self._next():
                    self._looking.add(backfill)
                    group.create_task(self._look(backfill))
                await self._clock.sleep(LOOK_S)

    def _next(self) -> list[Backfill]:
        """Those that begin to read now: the ones first for which turns wait."""
        every = [one for many in self._backfills if (one := many.of_team) is not None]
        for one in every:
            one.watch()
        now_s, keep_s = self._clock.monotonic(), len(every) / WATERMARKS_A_SECOND
        self._due = {one: due_s for one, due_s in self._due.items() if due_s > now_s}
        ready = [
            one for one in every if one not in self._looking and one not in self._due and one.wants_look(keep_s)
        ]
        return sorted(ready, key=lambda one: -one.waiting)[:AT_ONCE]

    async def _look(self, backfill: Backfill) -> None:
        try:
            self._due[backfill] = await backfill.look() + self._clock.monotonic()
        finally:
            self._looking.discard(backfill)
