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
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation

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
_EACH = 3
"""The largest number of questions up to which each has a line."""
_BUBBLE_AT = 26.0, 29.0
"""Points from the corner above a panel to the middle of its badge."""
_BUBBLE = Path(
    [(-1, 0.8), (1, 0.8), (1, -0.4), (-0.1, -0.4), (-0.6, -1), (-0.6, -0.4), (-1, -0.4), (-1, 0.8)], closed=True
)
"""A speech bubble as a marker."""
_MOST_LABELS, _FEWEST = 7, 5
"""Labels under the bars, and the bars that a panel has room for at least."""


def picture(chart: Chart) -> bytes:
    """The chart as PNG: questions, and above them costs if any is known. Neither settings nor the time changes it."""
    mpl.rcdefaults()
    mpl.rcParams.update({"font.size": _TEXT * 72 / _DPI, "hatch.color": UNKNOWN, "text.color": INK})
    asked = short_number(sum(chart.questions))
    panels: list[tuple[str, str, Sequence[float | None], str]] = [("", asked, chart.questions, QUESTIONS)]
    if chart.priced:
        total = f"≥ {chart.total}" if chart.least else chart.total
        panels.insert(0, (chart.currency, total, chart.costs, COST))
    layout = ConstrainedLayoutEngine(w_pad=0.25, h_pad=0.2, hspace=0.06)
    figure = Figure((WIDTH / _DPI, HEIGHT / _DPI), _DPI, facecolor=CARD, layout=layout)
    drawn = list(zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True))
    for axes, panel in drawn:
        _draw(axes, *panel)
        if chart.ahead is not None:
            axes.axvspan(chart.ahead - 0.5, len(chart.labels) - 0.5, facecolor=GRID, zorder=0.5)
        axes.set_xticks([])
    _label(drawn[-1][0], chart.labels)
    content = BytesIO()
    figure.savefig(content, format="png", facecolor=CARD, metadata={"Software": None})
    return content.getvalue()


def _draw(axes: Axes, unit: str, total: str, values: Sequence[float | None], colour: str) -> None:
    """One panel: its unit and total, and the bars. An unknown value is a hatched column of the whole height. Without a
    unit they are questions, which have a speech bubble."""
    known = [value or 0 for value in values]
    badge = {"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": colour}
    place: dict[str, Any] = {"textcoords": "offset points", "weight": "bold", "va": "baseline"}
    head = axes.annotate(
        unit or "\u2003\u2002", (0, 1), (8, 20), xycoords="axes fraction", color="white", bbox=badge, **place
    )
    if not unit:
        offset = ScaledTranslation(_BUBBLE_AT[0] / 72, _BUBBLE_AT[1] / 72, axes.figure.dpi_scale_trans)
        mark = Line2D([0], [1], marker=_BUBBLE, markersize=24, color="white", markeredgewidth=0)
        mark.set_transform(axes.transAxes + offset)
        mark.set(clip_on=False, in_layout=False, zorder=head.zorder + 1)
        axes.add_artist(mark)
    axes.annotate(total, (1, 1), (18, 20), xycoords=(head, "axes fraction"), **place)
    axes.bar(range(len(known)), known, 0.8, color=colour, zorder=2)
    for index, value in enumerate(values):
        if value is None:
            axes.axvspan(index - 0.4, index + 0.4, facecolor=CARD, hatch="//", edgecolor=UNKNOWN, zorder=1)
    ticks = _ticks(max(known, default=0), whole=not unit)
    axes.set_ylim(0, ticks[-1] or 1)
    middle, width = (len(known) - 1) / 2, max(len(known), _FEWEST) + 0.2
    axes.set_xlim(middle - width / 2, middle + width / 2)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    axes.grid(axis="y", color=GRID, linewidth=1.5, zorder=0)
    axes.set_facecolor(CARD)
    axes.tick_params(colors=INK, length=0, pad=10)
    axes.tick_params("x", pad=18)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=INK, linewidth=1.5)


def _ticks(most: float, *, whole: bool) -> list[float]:
    """The values with a line, from 0 to one that no bar passes. Small numbers of questions have each of theirs."""
    if not most:
        return [0]
    if whole and most <= _EACH:
        return list(range(int(most) + 1))
    return [float(tick) for tick in MaxNLocator(3, integer=whole).tick_values(0, most)]


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
