"""The injected clock: modules that wait or read the time take a `Clock`, so that tests control it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time of day, durations, and waiting."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC: for stamps that are stored or shown."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards: for durations."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
