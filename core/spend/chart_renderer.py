"""Draws charts in child processes, so that matplotlib takes no memory and no time of Parley's own process."""

from __future__ import annotations

import sys

from core.child_processes import ChildProcesses
from core.clock import Clock
from core.spend.charts import Chart, chart_to_bytes

WALL_S = 30.0
_LARGEST = 1_000_000
"""Bytes. A chart has 20,000."""
_COMMAND = (sys.executable, "-P", "-W", "ignore", "-m", "core.spend.chart_child")


class ChartRenderer:
    """Draws one chart at a time. A child takes a second, so that none is kept."""

    def __init__(self, clock: Clock, command: tuple[str, ...] = _COMMAND) -> None:
        self._command = command
        self._children = ChildProcesses(clock, at_once=1, wall_s=WALL_S)

    async def png(self, chart: Chart) -> bytes:
        """The picture of `chart`. Takes at most 30 s once its turn has come. Raises ChildError."""
        return await self._children.output(self._command, chart_to_bytes(chart), _LARGEST)

    async def close(self) -> None:
        """End the child. Calls that wait or come later raise ChildError."""
        await self._children.close()
