from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.settings.environment import CoreSettings
from core.spend.prices import priced, total
from core.spend.usage_report import totals_to_text
from core.values.deltas import ModelInfo, Usage
from core.values.usage import UsageTotals

SINCE, UNTIL = datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 2, 8, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
TOTALS = UsageTotals(
    questions=1200, people=1, prompt_tokens=45_000, completion_tokens=9_000, cost_micros=1_234_000, errors=2
)


def test_the_summary_says_who_asked_how_much_and_what_it_cost() -> None:
    settings = CoreSettings(_env_file=None, parley_currency="EUR")
    assert totals_to_text(TOTALS, SINCE, UNTIL, BERLIN, settings) == (
        "**Usage from 1 Mar 09:00 to 2 Mar 09:00**\n"
        "- 1,200 questions by 1 person\n"
        "- 45,000 input tokens, 9,000 output tokens\n"
        "- cost: €1.23\n"
        "- 2 questions ended in an error"
    )


@pytest.mark.parametrize(
    ("cost_micros", "unpriced", "shown"),
    [
        (0, 0, "US$0.00"),
        (0, 1200, "unknown"),
        (2_500_000, 1, "at least US$2.50; 1 answer without a known price"),
        (2_500_000, 1199, "at least US$2.50; 1,199 answers without a known price"),
    ],
)
def test_a_cost_that_is_unknown_is_never_shown_as_zero(cost_micros: int, unpriced: int, shown: str) -> None:
    totals = replace(TOTALS, cost_micros=cost_micros, unpriced=unpriced)
    text = totals_to_text(totals, SINCE, UNTIL, BERLIN, CoreSettings(_env_file=None))
    assert f"- cost: {shown}\n" in text


def test_it_speaks_chinese_and_knows_a_quiet_day() -> None:
    settings = CoreSettings(_env_file=None, parley_language="zh")
    assert (
        totals_to_text(UsageTotals(), SINCE, UNTIL, BERLIN, settings)
        == "**3月1日 09:00 至 3月2日 09:00 的用量**\n没有提问记录。"
    )


def test_a_price_a_million_is_the_micros_of_one() -> None:
    model_info = ModelInfo("gpt", price_input=2.5, price_output=10)
    assert priced(Usage(1_000, 100), model_info).cost_micros == 3_500


@pytest.mark.parametrize(
    ("usage", "prices", "cost_micros"),
    [
        (Usage(1, 0), (0.4, None), 0),
        (Usage(1, 0), (0.5, None), 1),  # half a micro is rounded up
        (Usage(3, 0), (0.5, None), 2),
        (Usage(1, 0), (None, 1.0), None),
        (Usage(1, 1), (1.0, None), None),
        (Usage(), (None, None), 0),
        (Usage(1, 1), (0.0, 0.0), 0),
    ],
)
def test_only_a_price_that_is_needed_makes_a_cost_unknown(
    usage: Usage, prices: tuple[float | None, float | None], cost_micros: int | None
) -> None:
    model_info = ModelInfo("gpt", price_input=prices[0], price_output=prices[1])
    assert priced(usage, model_info).cost_micros == cost_micros


@pytest.mark.parametrize(
    ("costs", "cost_micros", "partly_priced"),
    [
        ((), 0, False),
        ((3, 4), 7, False),
        ((3, None), 3, True),
        ((0, None), None, False),
        ((None,), None, False),
    ],
)
def test_a_sum_says_that_some_of_it_is_unknown(
    costs: tuple[int | None, ...], cost_micros: int | None, partly_priced: bool
) -> None:
    spent = total(Usage(1, 1, cost_micros=cost) for cost in costs)
    assert (spent.cost_micros, spent.partly_priced) == (cost_micros, partly_priced)
    assert total([spent, Usage(cost_micros=5)]).partly_priced is (spent.partly_priced or cost_micros is None)
