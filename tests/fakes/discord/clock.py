"""Time and ids. Both only grow; a test may push time forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000
"""First millisecond of 2015. https://docs.discord.com/developers/reference#snowflakes"""


class Clock:
    """Wall time in seconds. ``advance`` moves it, so 15 minutes pass at once."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    def advance(self, seconds: float) -> None:
        self.ahead_s += seconds


def iso(at: float) -> str:
    """ISO 8601 in UTC, as every timestamp on Discord's wire."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


class Snowflakes:
    """Ids whose upper bits are milliseconds since 2015: they sort by time and never repeat."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        earliest = (int(self._clock.now() * 1000) - EPOCH_MS) << 22
        self._last = max(earliest, self._last + 1)
        return self._last
