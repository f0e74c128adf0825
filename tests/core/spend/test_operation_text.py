"""The text of the operators' own report."""

from __future__ import annotations

from datetime import UTC, datetime

from core.spend.operation_text import operation_to_text
from core.spend.periods import PeriodName, period_at
from core.values.operation import CountName, ModelLatency, OperationFigures
from core.values.report import ErrorUse
from core.values.usage import UsageTotals

WEEK = period_at(PeriodName.WEEK, datetime(2026, 11, 18, tzinfo=UTC), UTC)
FIGURES = OperationFigures(
    UsageTotals(800, 0, 1, 1, 12_000_000, 3),
    (ErrorUse("bad_key", 2), ErrorUse("cut", 1)),
    (ModelLatency("gpt-4o", ((900, 9), (4_000, 1))), ModelLatency("silent", ())),
    (
        (CountName.TRIES, "one", "answered", 990),
        (CountName.TRIES, "one", "rate_limited", 10),
        (CountName.TRIES, "one", "stalled", 1_000),
        (CountName.TRIES, "two", "answered", 1),
        (CountName.REFUSED, "telnet", "limited", 2),
        (CountName.REFUSED, "telnet", "refused", 3),
    ),
)


def test_it_has_a_line_for_each_account_model_and_platform() -> None:
    assert operation_to_text(FIGURES, WEEK, "en", "USD") == (
        "**Operation, 16\u201322 Nov 2026**\n"
        "- 800 questions, cost: US$12.00\n"
        "- 3 questions ended in an error (`bad_key` 2, `cut` 1)\n"
        "- account one: 2,000 requests, 1,010 failed (`stalled` 1000, `rate_limited` 10)\n"
        "- account two: 1 request\n"
        "- `gpt-4o`: half of the answers began within 0.9 s, 95% within 4 s\n"
        "- telnet: 5 questions refused (`refused` 3, `limited` 2)"
    )


def test_it_speaks_chinese() -> None:
    text = operation_to_text(FIGURES, WEEK, "zh", "USD")
    assert "- 800 个问题，费用：US$12.00\n" in text
    assert "- 账户 one：2,000 次请求，1,010 次失败（`stalled` 1000、`rate_limited` 10）\n" in text


def test_a_week_in_which_nothing_happened_has_no_text() -> None:
    assert operation_to_text(OperationFigures(UsageTotals(), (), (), ()), WEEK, "en", "USD") == ""
