"""`UsageStore` on a `Database`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, tzinfo

from core.values.operation import OperationCount, OperationFigures
from core.values.places import Place
from core.values.report import ReportFigures
from core.values.usage import Charge, LastUsage, RatedAnswer, SummaryTotals, UsageField, UsageGroup, UsageTotals
from storage import charges, exports, operation, reports, usage, usage_totals
from storage.store.state import StoreState
from storage.tables import to_us


class SqlUsageStore(StoreState):
    """`core.ports.store.usage` documents each method."""

    async def charges(self, turn_id: int) -> list[Charge]:
        return await self._database.read(charges.charges, turn_id)

    async def last_usage(self, place: Place, model: str) -> LastUsage | None:
        return await self._database.read(usage.last_usage, place, model)

    async def usage_totals(
        self, since: datetime, until: datetime, channel: Place | None = None, person: str = ""
    ) -> UsageTotals:
        return await self._database.read(usage.usage_totals, to_us(since), to_us(until), channel, person)

    async def summary_totals(
        self, since: datetime, until: datetime, channel: Place | None = None
    ) -> SummaryTotals:
        return await self._database.read(usage_totals.summaries, to_us(since), to_us(until), channel)

    async def report_figures(
        self,
        bars: Sequence[tuple[datetime, datetime]],
        before: tuple[datetime, datetime],
        scope: Place | None = None,
    ) -> ReportFigures:
        spans = [(to_us(since), to_us(until)) for since, until in (*bars, before)]
        return await self._database.read(reports.report_figures, spans[:-1], spans[-1], scope)

    async def usage_groups(
        self,
        since: datetime,
        until: datetime,
        by: Collection[UsageField],
        scope: Place | None = None,
        person: str = "",
        *,
        names: bool = False,
        zone: tzinfo = UTC,
    ) -> list[UsageGroup]:
        period = to_us(since), to_us(until)
        return await self._database.read(exports.usage_groups, *period, by, scope, person, names, zone)

    async def rated_answers(self, since: datetime, until: datetime) -> list[RatedAnswer]:
        return await self._database.read(exports.rated_answers, to_us(since), to_us(until))

    async def add_counts(self, counts: Sequence[OperationCount]) -> None:
        await self._database.write(operation.add_counts, counts)

    async def operation_figures(self, since: datetime, until: datetime) -> OperationFigures:
        return await self._database.read(operation.operation_figures, to_us(since), to_us(until))
