"""The section of usage by day, model and channel, with its chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import structlog
from cachetools import TTLCache

from bots.operator.markup import Html, element, html
from bots.operator.sections import Query
from bots.operator.view import (
    ROOT,
    View,
    choices,
    figures,
    heading,
    more_rows,
    path_of,
    prose,
    soft,
    table,
)
from core.child_processes import ChildError
from core.clock import Clock
from core.ports.store.usage import UsageStore
from core.spend.chart_renderer import Charts
from core.spend.charts import Chart, bars_to_chart, chart_alt, chart_caption
from core.spend.cost_text import cost_text, money
from core.spend.periods import Period, PeriodName, period_at
from core.values.report import ReportFigures
from core.values.usage import UsageTotals

log = structlog.get_logger()

KEPT_S = 10.0
"""Seconds for which the figures of a period are kept: the chart shows those of its page."""
_KEPT = 20
"""Periods."""
_MOST = 50
"""Rows of models and of channels."""
_AMOUNTS = ("head_questions", "head_failed", "head_tokens_in", "head_tokens_out", "head_cost", "head_share")


@dataclass(frozen=True, slots=True)
class _Shown:
    """The period that an address asks for, and its figures. `up_to`: now, within a period that is not over."""

    period: Period
    figures: ReportFigures
    up_to: datetime | None


class UsageSection:
    """The day, week or month (`period`) with the date `on`. `currency` is that of the prices."""

    name = "usage"

    def __init__(self, store: UsageStore, charts: Charts, currency: Callable[[], str], clock: Clock) -> None:
        self._store = store
        self._read_lately: TTLCache[Period, _Shown] = TTLCache(_KEPT, KEPT_S, timer=clock.monotonic)
        self._charts = charts
        self._currency = currency

    async def body(self, view: View, query: Query) -> Html:
        shown = await self._read(view, query)
        period, now = shown.period, shown.figures.now
        models: list[tuple[Html | str, UsageTotals]] = [
            (one.model or view.say("none"), one.totals) for one in shown.figures.models
        ]
        channels: list[tuple[Html | str, UsageTotals]] = [
            (view.place(one.place), one.totals) for one in shown.figures.channels
        ]
        return html(
            choices(
                view, self.name, "period", ("day", "week", ""), "" if period.name == "month" else period.name
            ),
            self._period_links(view, period),
            self._totals(view, shown.figures),
            heading(view, "by_day"),
            self._chart(view, shown) if now.questions else element("p", view.say("usage_none"), class_="soft"),
            heading(view, "by_model"),
            self._groups(view, "by_model", "head_model", models),
            heading(view, "by_channel"),
            self._groups(view, "by_channel", "head_place", channels),
            heading(view, "by_error"),
            table(
                view,
                "by_error",
                ("head_cause", "head_questions"),
                [(element("code", one.code), view.number(one.questions)) for one in shown.figures.errors],
                "by_error_none",
            ),
        )

    async def picture(self, view: View, query: Query) -> bytes | None:
        """The chart of that period as a PNG; None where nobody asked, or it could not be drawn."""
        shown = await self._read(view, query)
        if not shown.figures.now.questions:
            return None
        try:
            return await self._charts.png(self._to_chart(shown))
        except ChildError as error:
            log.error("chart_not_drawn", detail=error.detail)
            return None

    async def _read(self, view: View, query: Query) -> _Shown:
        name, on = query.get("period", ""), _noon(query.get("on", ""), view)
        period = period_at(PeriodName(name) if name in set(PeriodName) else PeriodName.MONTH, on, view.zone)
        if (known := self._read_lately.get(period)) is not None:
            return known
        up_to = view.now if period.since <= view.now < period.until else None
        before = period.previous
        until = before.until if up_to is None else min(before.until, before.since + (up_to - period.since))
        found = await self._store.report_figures(period.bars, (before.since, until))
        shown = self._read_lately[period] = _Shown(period, found, up_to)
        return shown

    def _to_chart(self, shown: _Shown) -> Chart:
        least = shown.figures.now.unpriced > 0
        return bars_to_chart(shown.figures.bars, shown.period, self._currency(), least=least, up_to=shown.up_to)

    def _chart(self, view: View, shown: _Shown) -> Html:
        chart, bars, period = self._to_chart(shown), shown.figures.bars, shown.period
        address = f"{ROOT}/pictures/usage?{_query(period)}"
        return html(
            element(
                "figure",
                element("img", src=address, alt=chart_alt(chart, bars, period, view.language), class_="chart"),
                element("figcaption", chart_caption(chart, view.language), class_="soft"),
            ),
            element("details", element("summary", view.say("by_day_table")), self._days(view, shown)),
        )

    def _days(self, view: View, shown: _Shown) -> Html:
        hourly = shown.period.name is PeriodName.DAY
        rows = [
            (
                f"{bar.since.astimezone(view.zone):%H:%M}" if hourly else view.day(bar.since),
                view.number(bar.questions),
                view.say("unknown") if bar.cost_micros is None else self._money(view, bar.cost_micros),
            )
            for bar in shown.figures.bars
            if bar.questions or bar.cost_micros
        ]
        return table(view, "by_day", ("head_day", "head_questions", "head_cost"), rows, "usage_none")

    def _totals(self, view: View, found: ReportFigures) -> Html:
        now = found.now
        return figures(
            view,
            {
                "head_questions": html(view.number(now.questions), " ", self._before(view, found)),
                "head_people": view.number(now.people),
                "head_cost": cost_text(now, self._currency(), view.language),
                "head_failed": view.number(now.errors),
            },
        )

    def _before(self, view: View, found: ReportFigures) -> Html:
        return soft(view.say("before", n=found.before.questions))

    def _groups(
        self, view: View, caption: str, head: str, groups: Sequence[tuple[Html | str, UsageTotals]]
    ) -> Html:
        """The parts of the use, the dearest first."""
        money_spent = sum(totals.cost_micros for _, totals in groups)
        asked = sum(totals.questions for _, totals in groups)
        rows = []
        for name, totals in groups[:_MOST]:
            share = totals.cost_micros / money_spent if money_spent else totals.questions / max(1, asked)
            rows.append(
                (
                    prose(name),
                    view.number(totals.questions),
                    view.number(totals.errors),
                    view.number(totals.prompt_tokens),
                    view.number(totals.completion_tokens),
                    cost_text(totals, self._currency(), view.language),
                    html(_bar(share), " ", view.percent(share)),
                )
            )
        return html(
            table(view, caption, (head, *_AMOUNTS), rows, "usage_none"),
            more_rows(view, len(groups) - len(rows)),
        )

    def _money(self, view: View, micros: int) -> str:
        return money(micros, self._currency(), view.language)

    def _period_links(self, view: View, period: Period) -> Html:
        """The period in words, and links to the ones before and after it."""
        first, last = view.day(period.since), view.day(period.until - timedelta(hours=12))
        later = period.next if period.until <= view.now else None
        return element(
            "p",
            element("a", view.say("earlier_period"), href=f"{path_of(self.name)}?{_query(period.previous)}"),
            " · ",
            element("strong", first if first == last else f"{first} – {last}"),
            html(" · ", element("a", view.say("later_period"), href=f"{path_of(self.name)}?{_query(later)}"))
            if later
            else None,
        )


def _bar(share: float) -> Html:
    """A bar of that part of its length, for eyes alone: the number stands beside it."""
    width = round(100 * min(1.0, share), 1)
    filled = element("rect", width=str(width), height="8", rx="2", class_="filled")
    whole = element("rect", width="100", height="8", rx="2", class_="whole")
    return element("svg", whole, filled, viewBox="0 0 100 8", class_="bar", aria_hidden="true")


def _query(period: Period) -> str:
    return f"period={period.name}&on={period.first_day.isoformat()}"


def _noon(text: str, view: View) -> datetime:
    """Noon of a date; now where the text is none, or one that calendars end before."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return view.now
    if not date(2000, 1, 1) <= day <= view.now.date() + timedelta(days=366):
        return view.now
    return datetime.combine(day, time(12), view.zone).astimezone(UTC)
