"""Token usage of answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from core.values.operation import OperationCount, OperationFigures
from core.values.places import Place
from core.values.report import ReportFigures
from core.values.usage import Charge, LastUsage, RatedAnswer, SummaryTotals, UsageField, UsageGroup, UsageTotals


class UsageStore(Protocol):
    """Token usage and cost of answers. Costs of everything are the operator's: what workspaces' own model accounts
    spend is in the figures of a workspace or channel alone."""

    async def charges(self, turn_id: int) -> list[Charge]:
        """The stored parts of the usage of a turn, by kind and model: none where one model gave
        one answer."""
        ...

    async def last_usage(self, place: Place, model: str) -> LastUsage | None: ...

    async def usage_totals(
        self, since: datetime, until: datetime, channel: Place | None = None, person: str = ""
    ) -> UsageTotals:
        """Totals of everything, of one channel, or of a workspace where `channel.channel` is empty; of one person."""
        ...

    async def summary_totals(
        self, since: datetime, until: datetime, channel: Place | None = None
    ) -> SummaryTotals:
        """The summaries of threads: of everything, of one channel, or of a workspace where `channel.channel` is
        empty."""
        ...

    async def report_figures(
        self,
        bars: Sequence[tuple[datetime, datetime]],
        before: tuple[datetime, datetime],
        scope: Place | None = None,
    ) -> ReportFigures:
        """The figures of a period, of which `bars` are the parts in order and without gaps, and of the one `before`.

        Of everything, of one channel, or of a workspace where `scope.channel` is empty. It lists the 5 people and the 5
        threads with the most questions, the 3 newest reasons, and the 5 newest questions that were left open. One that
        was asked again by a button is not left open.
        """
        ...

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
        """The usage of a period in groups, ordered by their fields; `scope` and `person` as in `usage_totals`. Days are
        those of `zone`.

        It reads a row for each answer: not for what people wait for. `names`: also the display names of people.
        """
        ...

    async def rated_answers(self, since: datetime, until: datetime) -> list[RatedAnswer]:
        """The opinions of a period, oldest first."""
        ...

    async def add_counts(self, counts: Sequence[OperationCount]) -> None:
        """Add to the counts of the operators' report. Those of more than 100 days before the newest are removed."""
        ...

    async def operation_figures(self, since: datetime, until: datetime) -> OperationFigures:
        """The figures of the operators' report. It reads a row for each answer."""
        ...
