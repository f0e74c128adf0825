"""Calendar periods in a time zone: the days, weeks and months of budgets and reports. Pure.

Times are in UTC: two times of one zone would be compared by their clocks, which repeat an hour each autumn.
https://docs.python.org/3/library/datetime.html#datetime.datetime
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

_HOUR = timedelta(hours=1)


class PeriodName(StrEnum):
    """The length of a period. A week begins on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """A day, week or month of `zone`: from `since` to `until`, which is not part of it."""

    name: PeriodName
    since: datetime
    until: datetime
    zone: tzinfo

    @property
    def first_day(self) -> date:
        """The date of its first day in its zone. It identifies the period among those of its name."""
        return _noon_after(self.since, self.zone).date()

    @property
    def last_day(self) -> date:
        return _noon_after(self.until, self.zone).date() - timedelta(days=1)

    @property
    def previous(self) -> Period:
        """The period that ends where this one begins."""
        return _period(self.name, self.first_day - timedelta(days=1), self.zone)

    @property
    def next(self) -> Period:
        """The period that begins where this one ends."""
        return _period(self.name, self.last_day + timedelta(days=1), self.zone)

    @property
    def bars(self) -> list[tuple[datetime, datetime]]:
        """The parts that a chart has a bar for: the hours of a day (23 to 25), the days of a week or month."""
        if self.name is PeriodName.DAY:
            hours = (self.until - self.since) // _HOUR
            bounds = [self.since + n * _HOUR for n in range(hours)]
        else:
            days = (self.last_day - self.first_day).days + 1
            bounds = [_midnight(self.first_day + timedelta(days=n), self.zone) for n in range(days)]
        return list(pairwise((*bounds, self.until)))


def period_at(name: PeriodName, moment: datetime, zone: tzinfo) -> Period:
    """The period of `zone` that `moment` is in. `moment` must be aware."""
    day = moment.astimezone(zone).date()
    period = _period(name, day, zone)
    # Where the clock is set back over midnight, a moment of the new day has the old date once more.
    return period.next if moment >= period.until else period


@lru_cache(maxsize=1_000)  # each question needs those of its limits several times
def _period(name: PeriodName, day: date, zone: tzinfo) -> Period:
    """The period with the date `day` in it."""
    if name is PeriodName.DAY:
        first, behind = day, day + timedelta(days=1)
    elif name is PeriodName.WEEK:
        first = day - timedelta(days=day.weekday())
        behind = first + timedelta(days=7)
    else:
        first = day.replace(day=1)
        behind = (first + timedelta(days=31)).replace(day=1)
    return Period(name, _midnight(first, zone), _midnight(behind, zone), zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    """The beginning of a day: its first midnight, or the time that the clock jumps to where it has none."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _noon_after(moment: datetime, zone: tzinfo) -> datetime:
    """Twelve hours on from the beginning of a day: no change of the clock moves its date."""
    return (moment + 12 * _HOUR).astimezone(zone)
