"""The operators' own report as Markdown: accounts, errors, latency by model, and questions that were refused. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from core.i18n import name_list, phrase
from core.spend.cost_text import cost_text
from core.spend.periods import Period
from core.spend.report import nearest_rank
from core.spend.report_text import code, period_text
from core.values.operation import CountName, ModelLatency, OperationFigures

ANSWERED = "answered"
"""The outcome of a request that was answered (`parley_tries_total`); the others are a `Code`."""

_Counts = list[tuple[str, int]]


def operation_to_text(figures: OperationFigures, period: Period, language: str, currency: str) -> str:
    """The report in at most one line for each account, model and platform; empty where nothing happened."""
    lines = [
        *_use(figures, language, currency),
        *(_account(account, counts, language) for account, counts in _by_subject(figures, CountName.TRIES)),
        *(line for latency in figures.latencies for line in _latency(latency, language)),
        *(_refused(name, counts, language) for name, counts in _by_subject(figures, CountName.REFUSED)),
    ]
    if not lines:
        return ""
    title = phrase("operation_title", language, period=period_text(period, language))
    return "\n".join([title, *(f"- {line}" for line in lines)])


def _use(figures: OperationFigures, language: str, currency: str) -> list[str]:
    """The questions with their cost, and the errors among them."""
    totals = figures.totals
    if not totals.questions:
        return []
    questions = phrase("usage_questions", language, n=totals.questions)
    cost = phrase("usage_cost", language, cost=cost_text(totals, currency, language))
    lines = [phrase("operation_use", language, questions=questions, cost=cost)]
    if figures.errors:
        errors = _numbers(((one.code, one.questions) for one in figures.errors), language)
        ended = phrase("usage_errors", language, n=totals.errors)
        lines.append(phrase("operation_detail", language, what=ended, numbers=errors))
    return lines


def _by_subject(figures: OperationFigures, name: CountName) -> list[tuple[str, _Counts]]:
    found: defaultdict[str, _Counts] = defaultdict(list)
    for kind, what, why, number in figures.counts:
        if kind is name:
            found[what].append((why, number))
    return sorted(found.items())


def _account(account: str, counts: _Counts, language: str) -> str:
    requests = sum(number for _, number in counts)
    failed = [(why, number) for why, number in counts if why != ANSWERED]
    what = phrase("operation_account", language, account=account, n=requests)
    if not failed:
        return what
    what = phrase("operation_failed", language, account=what, n=sum(number for _, number in failed))
    return phrase("operation_detail", language, what=what, numbers=_numbers(failed, language))


def _latency(latency: ModelLatency, language: str) -> list[str]:
    median, most = (nearest_rank(latency.first_words, percent) for percent in (50, 95))
    if median is None or most is None:
        return []
    words = phrase("report_within", language, median=median / 1000, most=most / 1000)
    return [phrase("operation_model", language, model=code(latency.model), latency=words)]


def _refused(platform: str, counts: _Counts, language: str) -> str:
    what = phrase("operation_refused", language, platform=platform, n=sum(number for _, number in counts))
    return phrase("operation_detail", language, what=what, numbers=_numbers(counts, language))


def _numbers(counts: Iterable[tuple[str, int]], language: str) -> str:
    """Reasons with their numbers, the most frequent first. They are names of the log and the metrics."""
    order = sorted(counts, key=lambda one: (-one[1], one[0]))
    return name_list((f"`{why}` {number}" for why, number in order), language)
