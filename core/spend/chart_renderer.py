"""Draws charts in child processes, so that matplotlib takes no memory and no time of Parley's own process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cachetools import LRUCache

from core.child_processes import ChildProcesses
from core.clock import Clock
from core.spend.charts import Chart, bars_to_chart, chart_alt, chart_caption, chart_to_bytes
from core.spend.periods import Period
from core.values.outgoing import AnswerPicture
from core.values.report import Bar

WALL_S = 30.0
_KEPT = 50
_LARGEST = 1_000_000
"""Bytes. A chart has 20,000."""
_COMMAND = (sys.executable, "-P", "-W", "ignore", "-m", "core.spend.chart_child")


class Charts(Protocol):
    """Draws charts."""

    async def png(self, chart: Chart) -> bytes:
        """The picture of `chart`. Raises ChildError."""
        ...


async def draw(
    charts: Charts,
    bars: Sequence[Bar],
    period: Period,
    currency: str,
    language: str,
    name: str,
    *,
    least: bool = False,
    up_to: datetime | None = None,
) -> AnswerPicture:
    """The picture of a period with questions, with its caption and its words. `least` and `up_to` as in
    `bars_to_chart`. Raises ChildError."""
    chart = bars_to_chart(bars, period, currency, least=least, up_to=up_to)
    content = await charts.png(chart)
    caption = f"_{chart_caption(chart, language)}_"
    return AnswerPicture(name, chart_alt(chart, bars, period, language), "image/png", content, caption)


class ChartRenderer:
    """Draws one chart at a time. A child takes a second, so that none is kept; the last pictures are, so that the same
    question again costs nothing."""

    def __init__(self, clock: Clock, command: tuple[str, ...] = _COMMAND) -> None:
        self._command = command
        self._children = ChildProcesses(clock, at_once=1, wall_s=WALL_S)
        self._drawn: LRUCache[Chart, bytes] = LRUCache(_KEPT)

    async def png(self, chart: Chart) -> bytes:
        """The picture of `chart`. Takes at most 30 s once its turn has come. Raises ChildError."""
        if chart not in self._drawn:
            self._drawn[chart] = await self._children.output(self._command, chart_to_bytes(chart), _LARGEST)
        return self._drawn[chart]

    async def close(self) -> None:
        """End the child. Calls that wait or come later raise ChildError."""
        await self._children.close()
