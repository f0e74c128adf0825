"""Usage reports that Parley posts without a question: their text and their place."""

from __future__ import annotations

from itertools import repeat
from typing import Protocol

from core.clock import Clock
from core.errors import PlatformError
from core.platform_calls import PlatformCalls
from core.spend.usage_report import WrittenReport
from core.values.places import Place
from core.values.tasks import ReportUsage

_TRIES, _PAUSE_S = 12, 5.0


class UsageReporter(Protocol):
    """Makes usage reports."""

    async def report(self, task: ReportUsage, place: Place) -> WrittenReport:
        """The report of `task` for the readers of the channel `place`. Raises StoreError."""
        ...


async def channel_place(channel: str, platform_calls: PlatformCalls, clock: Clock) -> Place:
    """The place of a channel id. Raises PlatformError: one that is not retryable at once, others after a minute."""
    for pause_s in repeat(_PAUSE_S, _TRIES - 1):
        try:
            return await platform_calls.channel(channel)
        except PlatformError as error:
            if not error.retryable:
                raise
            await clock.sleep(min(error.retry_after_s or pause_s, pause_s))
    return await platform_calls.channel(channel)
