"""Clocks that only a test moves, and an event loop that does not wait."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class FakeClock:
    """`advance` wakes sleepers in order, each at its own moment. With `jumps`, `sleep` moves the clock itself."""

    def __init__(self, start: datetime = START, *, jumps: bool = False) -> None:
        self.slept_s: list[float] = []
        self._start = start
        self._passed_s = 0.0
        self._jumps = jumps
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    @property
    def sleepers(self) -> int:
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        if self._jumps:
            self._passed_s += max(0.0, seconds)
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed_s + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Returns after everything that became due has had its turn, short of input and output."""
        end_s = self._passed_s + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            due_s, _, future = heapq.heappop(self._sleepers)
            self._passed_s = max(self._passed_s, due_s)
            if not future.done():
                future.set_result(None)
            await self._settle()
        self._passed_s = end_s
        await self._settle()

    async def _settle(self) -> None:
        """Let all tasks run until each waits, at most 20 times."""
        ready: Any = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        for _ in range(20):
            await asyncio.sleep(0)
            if not ready:
                return


def skip_waits(loop: asyncio.AbstractEventLoop) -> None:
    """Make every timer of `loop` due as soon as nothing else is: its time moves on only while all tasks wait.

    For code without sockets, threads and processes, which waits by asyncio's own timers. `loop.time()` then says how
    long a test would have taken, and no pace of the machine is in it.
    """
    selector: Any = loop._selector  # type: ignore[attr-defined]
    select, passed_s = selector.select, 0.0

    def skip(timeout: float | None = None) -> Any:
        nonlocal passed_s
        passed_s += timeout or 0.0
        return select(None if timeout is None else 0)

    selector.select = skip
    loop.time = lambda: passed_s  # type: ignore[method-assign]


@asynccontextmanager
async def beside(job: Coroutine[Any, Any, None], clock: FakeClock) -> AsyncIterator[None]:
    """Run `job`, which waits for nothing but the clock, while the test goes on."""
    task = asyncio.create_task(job)
    await clock.advance(0.0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
