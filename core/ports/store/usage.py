"""Token usage of answers."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.values.places import Place
from core.values.usage import LastUsage, UsageTotals


class UsageStore(Protocol):
    """Token usage and cost of answers."""

    async def last_usage(self, place: Place, model: str) -> LastUsage | None: ...

    async def usage_totals(
        self, since: datetime, until: datetime, channel: Place | None = None, person: str = ""
    ) -> UsageTotals:
        """Totals of everything, of one channel, or of a workspace where `channel.channel` is empty; of one person."""
        ...
