"""`python -m core.spend.chart_child`: reads a chart from stdin, and writes its picture to stdout as PNG.

matplotlib is imported here alone, in a child process: importing it and drawing take a second and 75 MB.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from core.spend.charts import (
    CARD,
    COST,
    GRID,
    INK,
    QUESTIONS,
    UNKNOWN,
    Chart,
    bytes_to_chart,
    short_number,
)

WIDTH, HEIGHT = 1_080, 760
"""Pixels: three times the width at which a phone shows it, where the text is 11 pixels high."""
_DPI = 100
_NICE = 10
_TEXT = 33
"""Pixels."""
_MOST_LABELS, _FEWEST = 7, 5
"""Labels under the bars, and the bars that a panel has room for at least."""


def picture(chart: Chart) -> bytes:
    """The chart as PNG: questions, and above them costs if any is known. Neither settings nor the time changes it."""
    mpl.rcdefaults()
    mpl.rcParams.update({"font.size": _TEXT * 72 / _DPI, "hatch.color": UNKNOWN, "text.color": INK})
    asked = short_number(sum(chart.questions))
    panels: list[tuple[str, str, Sequence[float | None], str]] = [("?", asked, chart.questions, QUESTIONS)]
    if chart.priced:
        total = f"≥ {chart.total}" if chart.least else chart.total
        panels.insert(0, (chart.currency, total, chart.costs, COST))
    layout = ConstrainedLayoutEngine(w_pad=0.25, h_pad=0.2, hspace=0.06)
    figure = Figure((WIDTH / _DPI, HEIGHT / _DPI), _DPI, facecolor=CARD, layout=layout)
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _draw(axes, *panel)
        _label(axes, chart.labels)
    axes.set_xlabel(chart.months, color=INK, labelpad=6)
    content = BytesIO()
    figure.savefig(content, format="png", facecolor=CARD, metadata={"Software": None})
    return content.getvalue()


def _draw(axes: Axes, unit: str, total: str, values: Sequence[float | None], colour: str) -> None:
    """One panel: its unit and total, and the bars. An unknown value is a hatched column of the whole height."""
    known = [value or 0 for value in values]
    badge = {"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": colour}
    place: dict[str, Any] = {"textcoords": "offset points", "weight": "bold", "va": "baseline"}
    head = axes.annotate(unit, (0, 1), (8, 20), xycoords="axes fraction", color="white", bbox=badge, **place)
    axes.annotate(total, (1, 1), (18, 20), xycoords=(head, "axes fraction"), **place)
    axes.bar(range(len(known)), known, 0.8, color=colour, zorder=2)
    for index, value in enumerate(values):
        if value is None:
            axes.axvspan(index - 0.4, index + 0.4, facecolor=CARD, hatch="//", edgecolor=UNKNOWN, zorder=1)
    axes.set_ylim(0, max(known, default=0) * 1.05 or 1)
    middle, width = (len(known) - 1) / 2, max(len(known), _FEWEST) + 0.2
    axes.set_xlim(middle - width / 2, middle + width / 2)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=unit == "?") if any(known) else FixedLocator([0]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    axes.grid(axis="y", color=GRID, linewidth=1.5, zorder=0)
    axes.set_facecolor(CARD)
    axes.tick_params(colors=INK, length=0, pad=10)
    axes.tick_params("x", pad=18)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=INK, linewidth=1.5)


def _label(axes: Axes, labels: Sequence[str]) -> None:
    """The labels of at most `_MOST_LABELS` bars, at equal distances."""
    step = -(-len(labels) // _MOST_LABELS) or 1
    axes.set_xticks(range(0, len(labels), step), labels[::step])


def main() -> None:
    """Read, draw, write. Parley's own process goes first."""
    os.nice(_NICE)
    sys.stdout.buffer.write(picture(bytes_to_chart(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
