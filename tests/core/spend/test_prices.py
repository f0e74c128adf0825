"""Prices, and the costs of answers."""

from __future__ import annotations

import pytest

from core.spend.cost_text import cost_text
from core.spend.prices import priced, total
from core.values.deltas import ModelInfo, Usage
from core.values.usage import UsageTotals


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
    totals = UsageTotals(1200, cost_micros=cost_micros, unpriced=unpriced)
    assert cost_text(totals, "USD", "en") == shown


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
