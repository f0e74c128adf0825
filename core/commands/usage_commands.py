"""/usage and /export usage: the use by a person, in a channel or in a workspace."""

from __future__ import annotations

from datetime import datetime

import structlog

from core.access import is_admin, is_manager
from core.child_processes import ChildError
from core.clock import Clock
from core.commands import reports
from core.commands.budget_command import readable
from core.commands.context import CommandContext
from core.commands.parser import CommandError
from core.ports.store.usage import UsageStore
from core.spend.budget_checks import BudgetChecks
from core.spend.budget_text import share_to_text
from core.spend.chart_renderer import Charts, draw
from core.spend.periods import Period, PeriodName, period_at
from core.spend.usage_table import TableFormat, rows_to_text, usage_columns, usage_rows
from core.values.places import Place
from core.values.report import Bar
from core.values.ui import Attachment, ImmediateReply
from core.values.usage import SummaryTotals, UsageField

log = structlog.get_logger()

_TYPES = {TableFormat.CSV: "text/csv", TableFormat.JSON: "application/json"}


class UsageCommands:
    """Every method raises StoreError, and CommandError where the person may not. Periods are those of the calendar, in
    the time zone of the workspace, up to now."""

    def __init__(
        self, store: UsageStore, clock: Clock, budgets: BudgetChecks, charts: Charts | None = None
    ) -> None:
        self._store = store
        self._budgets = budgets
        self._charts = charts
        self._clock = clock

    async def usage(self, given: CommandContext) -> ImmediateReply:
        of = given.option("of", "me")
        if of == "workspace":
            _require(is_admin(given.author, given.place, given.core), "usage_by_admin")
        period, person = self._period(given), given.author.id if of == "me" else ""
        totals = await self._store.usage_totals(period.since, self._clock.now(), _scope(given, of), person)
        summaries = None if person else await self._summaries(given, of, period)
        currency = given.core.parley_currency
        text = reports.usage(totals, of, period.name, given.language, currency, summaries)
        text = "\n".join([text, *await self._shares(given)])
        if self._charts is None or not totals.questions or not given.place.channel:
            return ImmediateReply(text)
        bars = [await self._bar(since, until, _scope(given, of), person) for since, until in period.bars]
        try:
            drawn = await draw(
                self._charts,
                bars,
                period,
                given.core.parley_currency,
                given.language,
                f"usage-{period.first_day}.png",
                least=totals.unpriced > 0,
                up_to=self._clock.now(),
            )
        except ChildError as error:
            log.error("chart_not_drawn", detail=error.detail)
            return ImmediateReply("\n".join((text, given.phrase("chart_failed"))))
        return ImmediateReply(text, picture=drawn)

    async def _summaries(self, given: CommandContext, of: str, period: Period) -> SummaryTotals:
        return await self._store.summary_totals(period.since, self._clock.now(), _scope(given, of))

    async def _bar(self, since: datetime, until: datetime, scope: Place, person: str) -> Bar:
        """The use of a part of the period; nothing is read of the future."""
        if since > self._clock.now():
            return Bar(since, until)
        totals = await self._store.usage_totals(since, until, scope, person)
        unknown = bool(totals.unpriced) and not totals.cost_micros
        return Bar(since, until, totals.questions, None if unknown else totals.cost_micros)

    async def _shares(self, given: CommandContext) -> list[str]:
        """The share that is spent of each limit that holds for the asker, in the limit's own period."""
        found = await self._budgets.balances(given.place, given.author.id, given.settings)
        shown = readable(found, given)
        return [f"- {share_to_text(*one, given.language, given.core.parley_currency)}" for one in shown]

    async def export(self, given: CommandContext) -> ImmediateReply:
        """The usage of each day, channel and model as a file; also of each person, where people may be named."""
        of = given.option("of", "me")
        if of == "workspace":
            _require(is_admin(given.author, given.place, given.core), "export_usage_by_admin")
        elif of == "channel":
            _require(is_manager(given.author, given.place, given.core), "export_usage_by_manager")
        names = given.settings.report_names and of != "me"
        by = [field for field in UsageField if names or field is not UsageField.PERSON]
        period, person = self._period(given), given.author.id if of == "me" else ""
        now, scope = self._clock.now(), _scope(given, of)
        zone = given.settings.zone
        groups = await self._store.usage_groups(period.since, now, by, scope, person, names=names, zone=zone)
        if not groups:
            return ImmediateReply(given.phrase("export_nothing"))
        table_format = TableFormat(given.option("format", TableFormat.CSV))
        rows = usage_rows(groups, by, given.core.parley_currency, names=names)
        file = Attachment(
            f"usage-{period.first_day}.{table_format}",
            _TYPES[table_format],
            rows_to_text(rows, usage_columns(by, names=names), table_format).encode("utf-8", "replace"),
        )
        whose, when = given.phrase(f"usage_{of}"), given.phrase(f"usage_{period.name}")
        return ImmediateReply(given.phrase("usage_title", whose=whose, period=when), file=file)

    def _period(self, given: CommandContext) -> Period:
        name = PeriodName(given.option("period", PeriodName.MONTH))
        return period_at(name, self._clock.now(), given.settings.zone)


def _require(may: bool, key: str) -> None:
    """Raises CommandError with the phrase `key` where the person may not."""
    if not may:
        raise CommandError(key)


def _scope(given: CommandContext, of: str) -> Place:
    place = given.place
    return Place(place.platform, place.team, place.channel if of == "channel" else "")
