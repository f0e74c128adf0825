"""A usage report: the arithmetic of its figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from core.spend.periods import Period
from core.values.places import Place
from core.values.report import Bar, ReportFigures

LISTED = 5
"""The most models and channels that a report lists by name."""


@dataclass(frozen=True, slots=True)
class Report:
    """The use over a period: of everything, of a workspace (`scope` without a channel) or of a channel.

    `up_to`: the moment within the period up to which it is reported, where that is not over.
    """

    period: Period
    scope: Place | None
    figures: ReportFigures
    up_to: datetime | None = None

    @property
    def bars(self) -> tuple[Bar, ...]:
        """One for each part of `Period.bars`, in order."""
        return self.figures.bars

    @property
    def budgeted(self) -> tuple[Place, ...]:
        """The channels whose budgets the report mentions: its own, or the first ones of those that it lists."""
        if self.scope is not None and self.scope.channel:
            return (self.scope,)
        listed = (one.place for one in self.figures.channels if not one.place.direct)
        return tuple(islice(listed, LISTED))


def change_percent(now: float, before: float) -> int | None:
    """The change from `before` to `now` in whole percent. None where there was nothing before."""
    return round(100 * (now - before) / before) if before else None


def nearest_rank(counts: Sequence[tuple[int, int]], percent: int) -> int | None:
    """The percentile by nearest rank of values with their counts, ascending. None where there are none.

    It is the least value that at least `percent` of 100 values do not exceed.
    https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method
    """
    rank = -(-percent * sum(count for _, count in counts) // 100)
    for value, count in counts:
        rank -= count
        if rank <= 0:
            return value
    return None


def two_digits(milliseconds: int) -> int:
    """`milliseconds` rounded to two significant digits, half up. It keeps the order of values."""
    unit = int("1" + "0" * max(0, len(str(milliseconds)) - 2))
    return (milliseconds + unit // 2) // unit * unit
