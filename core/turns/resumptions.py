"""The order in which turns begin after a sudden end: answers that were broken off go on before new ones begin, and few
get ready at a time, since of many that do so together each is as late as the last one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from core.clock import Clock, ends_within
from core.turns.running import RunningTurn

AT_ONCE = 4
"""Answers that get ready at the same time: their threads are read, and their requests built."""
MOST_S = 0.75
"""The longest that a turn waits, in seconds: what one gets ready for may take long."""


class Resumptions:
    """Turns `wait` before they begin, and have `passed` once the model is asked, or they have ended. All on the event
    loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: set[int] = set()
        """Turns that were begun before and get ready now."""
        self._next: OrderedDict[int, asyncio.Future[None]] = OrderedDict()
        """Those that wait for one of them, in their order."""
        self._new: dict[int, asyncio.Future[None]] = {}

    async def wait(self, running: RunningTurn) -> None:
        """Return when the turn may begin."""
        turn_id, begun = running.id, running.turn.attempt > 0
        if len(self._ready) < AT_ONCE if begun else not self._ready:
            if begun:
                self._ready.add(turn_id)
            return
        waiting = self._next if begun else self._new
        waits = waiting[turn_id] = asyncio.get_running_loop().create_future()
        try:
            await ends_within(waits, MOST_S, self._clock)
        finally:
            waiting.pop(turn_id, None)
        if begun:
            self._ready.add(turn_id)

    def passed(self, turn_id: int) -> None:
        """The turn is ready, or has ended. May be called more than once."""
        self._ready.discard(turn_id)
        while self._next and len(self._ready) < AT_ONCE:
            following, waits = self._next.popitem(last=False)
            self._ready.add(following)
            _end(waits)
        if not self._ready:
            for waits in self._new.values():
                _end(waits)


def _end(waits: asyncio.Future[None]) -> None:
    if not waits.done():
        waits.set_result(None)
