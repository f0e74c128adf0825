"""Events of a channel, one at a time.

Slack spreads events over all sockets and sends missed ones again, so that they arrive in any order: of those that
wait, the one that happened first goes first.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Order:
    """Holds something only for channels in which an event is being taken."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[str, int, asyncio.Future[None]]]] = {}
        self._arrived = itertools.count()

    @asynccontextmanager
    async def turn(self, channel: str, ts: str) -> AsyncIterator[None]:
        """Hold `channel` alone. Waits for the current holder, and for waiting events with an earlier `ts`."""
        if channel in self._waiting:
            called = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting[channel], (ts, next(self._arrived), called))
            try:
                await called
            except asyncio.CancelledError:
                if called.done() and not called.cancelled():
                    self._call_next(channel)
                raise
        else:
            self._waiting[channel] = []
        try:
            yield
        finally:
            self._call_next(channel)

    def _call_next(self, channel: str) -> None:
        waiting = self._waiting[channel]
        while waiting:
            _, _, called = heapq.heappop(waiting)
            if not called.done():
                called.set_result(None)
                return
        del self._waiting[channel]
