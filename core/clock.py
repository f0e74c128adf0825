"""The injected clock: modules that wait or read the time take a `Clock`, so that tests control it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Protocol


class Clock(Protocol):
    """The time of day, durations, and waiting."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC: for stamps that are stored or shown."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards: for durations."""
        ...

    async def sleep(self, seconds: float) -> None: ...


async def ends_within(work: asyncio.Future[Any], wait_s: float, clock: Clock) -> bool:
    """True if `work` ends within that many seconds; else, or where the caller is cancelled, it is cancelled. Its errors
    stay in it."""
    timer = asyncio.ensure_future(clock.sleep(wait_s))
    try:
        await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        in_time = work.done()
        work.cancel()
        timer.cancel()
        await asyncio.gather(work, timer, return_exceptions=True)
    return in_time


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
