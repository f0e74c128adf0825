"""The chart of a report: cost and questions by hour or day. Pure.

Its picture has only digits, dates, the code of a currency and a speech bubble, which every reader knows: its font has
no Chinese. The rest is in the alternative text, for readers who can't see the picture, and in the caption beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import reduce

from babel.dates import format_date, format_time

from core.i18n import LOCALES, language_of, phrase
from core.spend.cost_text import amount_digits, money
from core.spend.periods import Period, PeriodName
from core.values.report import Bar

CARD, INK, GRID, COST, QUESTIONS, UNKNOWN = "#f6f8fa", "#1f2328", "#d0d7de", "#0b57d0", "#b45309", "#57606a"
"""Colours on a card of their own, so that a chart looks the same on light and dark pages. Text has a contrast of 4.5
at least, and bars of 3: https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast."""
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
"""https://www.bipm.org/en/measurement-units/si-prefixes"""


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of a period as the child process draws them (`core.spend.chart_child`).

    `labels` have the local hour, or the day of the month, the first one of each month with its month as in ISO 8601.
    `ahead`: the place between the bars from which on the period is still to come, in bars from the first one's
    beginning; None where it is over. `total`: the sum of the costs, as the text beside the picture has it. `costs` are
    in units of `currency`, an ISO 4217 code; None is unknown. `least`: other costs are unknown too, so that their sum
    is the least that it can be.
    """

    labels: tuple[str, ...]
    questions: tuple[int, ...]
    costs: tuple[float | None, ...]
    currency: str
    least: bool = False
    total: str = ""
    ahead: float | None = None

    @property
    def priced(self) -> bool:
        """True if any cost is known: without one the picture has no panel for it."""
        return any(cost is not None for cost in self.costs)


def bars_to_chart(
    bars: Sequence[Bar],
    period: Period,
    currency: str,
    *,
    least: bool = False,
    up_to: datetime | None = None,
) -> Chart:
    """The chart of a period. An hour or day without questions costs nothing, unless no cost at all is known. `least`:
    the cost of some answers is unknown. `up_to`: the moment up to which a period is reported that is not over."""
    hourly = period.name is PeriodName.DAY
    begun = [bar.since.astimezone(period.zone) for bar in bars]
    months = [moment.month for moment in begun]
    days = (
        f"{moment:%m-%d}" if not number or month != months[number - 1] else f"{moment:%d}"
        for number, (moment, month) in enumerate(zip(begun, months, strict=True))
    )
    costs = [None if bar.cost_micros is None else bar.cost_micros / 1_000_000 for bar in bars]
    known = any(cost is not None and bar.questions for bar, cost in zip(bars, costs, strict=True))
    return Chart(
        tuple(f"{moment:%H:%M}" for moment in begun) if hourly else tuple(days),
        tuple(bar.questions for bar in bars),
        tuple(costs) if known else (None,) * len(costs),
        currency,
        least,
        amount_digits(sum(bar.cost_micros or 0 for bar in bars), currency),
        None if up_to is None else sum(_share(bar, up_to) for bar in bars),
    )


def _share(bar: Bar, moment: datetime) -> float:
    """The share of the time of a bar that is before `moment`."""
    return min(1.0, max(0.0, (moment - bar.since) / (bar.until - bar.since)))


def chart_to_bytes(chart: Chart) -> bytes:
    """The input of the child process."""
    return json.dumps(asdict(chart)).encode()


def bytes_to_chart(data: bytes) -> Chart:
    """The inverse of `chart_to_bytes`."""
    return Chart(**json.loads(data))


def chart_caption(chart: Chart, language: str) -> str:
    """The legend of the picture, which has no words of its own."""
    if not chart.priced:
        sentences = [phrase("chart_caption_unpriced", language)]
    else:
        sentences = [phrase("chart_caption", language, currency=chart.currency)]
        if not all(cost is not None for cost in chart.costs):
            sentences.append(phrase("chart_hatched", language))
    if chart.ahead is not None:
        sentences.append(phrase("chart_ahead", language))
    return _joined(sentences, language)


def _joined(sentences: Iterable[str], language: str) -> str:
    return reduce(lambda one, two: phrase("joined", language, one=one, two=two), sentences)


def chart_alt(chart: Chart, bars: Sequence[Bar], period: Period, language: str) -> str:
    """The picture in words, for a period with questions: one line of at most 200 characters."""
    locale = LOCALES[language_of(language)]

    def day(moment: datetime) -> str:
        return format_date(moment.astimezone(period.zone), "medium", locale)

    def hour(moment: datetime) -> str:
        return format_time(moment, "short", period.zone, locale)

    def most(values: Sequence[int]) -> str:
        return when(bars[values.index(max(values))].since)

    hourly = period.name is PeriodName.DAY
    key, when = ("chart_alt_hours", hour) if hourly else ("chart_alt_days", day)
    sentences = [
        phrase(key, language, first=day(period.since), last=day(bars[-1].since)),
        phrase(
            "chart_alt_questions",
            language,
            total=sum(chart.questions),
            most=max(chart.questions),
            at=most(chart.questions),
        ),
    ]
    if chart.priced:
        costs = [bar.cost_micros or 0 for bar in bars]
        total, highest = (money(cost, chart.currency, language) for cost in (sum(costs), max(costs)))
        if chart.least:
            total = phrase("cost_least", language, cost=total)
        sentences.append(phrase("chart_alt_costs", language, total=total, most=highest, at=most(costs)))
    return _joined(sentences, language)


def short_number(value: float) -> str:
    """Three digits with an SI prefix, or fewer."""
    for size, prefix in _UNITS:
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.3g}"
