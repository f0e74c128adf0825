"""The times at which reports are due. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo

from core.spend.periods import Period, PeriodName, period_at
from core.values.places import Place
from core.values.tasks import ReportScope


@dataclass(frozen=True, slots=True)
class Schedule:
    """A report that is posted in the channel `place` for each period, at the local time `at` of the next one's first
    day."""

    place: Place
    period: PeriodName
    at: time
    zone: tzinfo
    scope: ReportScope

    def last_due(self, now: datetime) -> DueReport:
        """The newest report that is due by `now`.

        A local time that the clock skips is due when it would have been without the change; one that comes twice is due
        the first time (https://docs.python.org/3/library/datetime.html#datetime.datetime.fold).
        """
        current = period_at(self.period, now, self.zone)
        due = self._due(current)
        if due > now:
            current = current.previous
            due = self._due(current)
        return DueReport(due, current.previous, self._name(current))

    def _due(self, period: Period) -> datetime:
        return datetime.combine(period.first_day, self.at, self.zone).astimezone(UTC)

    def _name(self, period: Period) -> str:
        kinds = [] if self.scope is ReportScope.ALL else [str(self.scope)]
        kinds += [] if self.period is PeriodName.DAY else [str(self.period)]
        return "-".join((*kinds, f"{period.since:%Y-%m-%dT%H%M}"))


@dataclass(frozen=True, slots=True)
class DueReport:
    """A report about `period`, due at the time `at`. `name` is its own among the reports of a channel: days of two time
    zones may have one date."""

    at: datetime
    period: Period
    name: str
