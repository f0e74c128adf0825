"""Costs at the prices of the day, and those that an endpoint reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from core.ports.files import Transcript
from core.spend.cost_text import cost_text
from core.spend.prices import cost_micros, merged, priced, total, transcript_to_charge
from core.values.deltas import ChargeKind, ModelInfo, Usage
from core.values.prices import Prices
from core.values.usage import Charge, UsageTotals

DAY = date(2026, 12, 1)
BOTH = Prices(input=Decimal("2.5"), output=Decimal(10))
ALL = Prices(
    input=Decimal(2),
    cached_input=Decimal("0.2"),
    output=Decimal(8),
    reasoning=Decimal(4),
    picture=Decimal(3_000),
)


@pytest.mark.parametrize(
    ("usage", "prices", "pictures", "cost"),
    [
        (Usage(1_000, 100), BOTH, 0, 3_500),
        (
            Usage(1_000, 100, reasoning_tokens=60, cached_tokens=900),
            BOTH,
            2,
            3_500,
        ),  # they have no price of their own
        (Usage(1_000, 0), ALL, 0, 2_000),
        (Usage(1_000, 0, cached_tokens=1_000), ALL, 0, 200),
        (Usage(1_000, 0, cached_tokens=400), ALL, 0, 1_280),
        (Usage(0, 100), ALL, 0, 800),
        (Usage(0, 100, reasoning_tokens=60), ALL, 0, 560),
        (Usage(1_000, 100, 60, cached_tokens=400), ALL, 2, 1_280 + 560 + 6_000),
        (Usage(100, 10, reasoning_tokens=70, cached_tokens=300), ALL, 0, 20 + 40),  # more than there are
        (Usage(1, 0), Prices(input=Decimal("0.4")), 0, 0),
        (Usage(1, 0), Prices(input=Decimal("0.5")), 0, 1),  # half a micro is rounded up
        (Usage(15, 0), Prices(input=Decimal("0.1")), 0, 2),  # 1.5, which binary fractions miss
        (Usage(1_000_000_000, 0), Prices(input=Decimal(1_000_000_000)), 0, 10**18),
        (Usage(1, 0), Prices(output=Decimal(1)), 0, None),
        (Usage(1, 1), Prices(input=Decimal(1)), 0, None),
        (Usage(2, 0, cached_tokens=2), Prices(cached_input=Decimal(1)), 0, 2),
        (Usage(2, 0, cached_tokens=1), Prices(cached_input=Decimal(1)), 0, None),
        (Usage(sound_s=90), Prices(minute=Decimal("0.006")), 0, 9_000),
        (Usage(sound_s=0.5), Prices(minute=Decimal("0.006")), 0, 50),
        (Usage(sound_s=90), BOTH, 0, None),
        (Usage(90, 12), Prices(minute=Decimal("0.006")), 0, None),
        (Usage(), Prices(), 0, 0),
        (Usage(1, 1), Prices(input=Decimal(), output=Decimal()), 0, 0),
    ],
)
def test_a_usage_costs_what_each_of_its_tokens_costs(
    usage: Usage, prices: Prices, pictures: int, cost: int | None
) -> None:
    assert cost_micros(usage, prices, pictures) == cost


@pytest.mark.parametrize(
    ("day", "price"),
    [
        (date(2026, 1, 1), 1),
        (date(2026, 11, 30), 1),
        (date(2026, 12, 1), 2),
        (date(2026, 12, 31), 2),
        (date(2027, 1, 1), 3),
    ],
)
def test_the_newest_prices_of_the_day_count_in_any_order(day: date, price: int) -> None:
    prices = (
        Prices(date(2027, 1, 1), input=Decimal(3)),
        Prices(input=Decimal(1)),
        Prices(date(2026, 12, 1), input=Decimal(2)),
    )
    assert ModelInfo("m", prices=prices).prices_on(day).input == price
    assert priced(Usage(5, 0), ModelInfo("m", prices=prices), day).cost_micros == 5 * price


def test_before_the_first_dated_prices_a_cost_is_unknown() -> None:
    model_info = ModelInfo("m", prices=(Prices(date(2026, 12, 2), input=Decimal(3)),))
    assert priced(Usage(5, 0), model_info, DAY).cost_micros is None


@pytest.mark.parametrize(
    ("reported", "counts", "cost"), [(7, True, 7), (0, True, 0), (7, False, 3_500), (None, True, 3_500)]
)
def test_a_cost_that_the_endpoint_reports_counts_where_its_currency_is_ours(
    reported: int | None, counts: bool, cost: int
) -> None:
    model_info = ModelInfo("m", prices=(BOTH,), reported_cost=counts)
    assert priced(Usage(1_000, 100, cost_micros=reported), model_info, DAY).cost_micros == cost


WORDS = Usage(0, 20, estimated=True)


@pytest.mark.parametrize(
    ("prices", "usage", "charged"),
    [
        (Prices(minute=Decimal("0.006")), Usage(sound_s=60), Usage(sound_s=60, cost_micros=6_000)),
        (Prices(minute=Decimal("0.006")), WORDS, WORDS),
        (Prices(minute=Decimal(0)), WORDS, replace(WORDS, cost_micros=0)),
        (Prices(), WORDS, WORDS),
        (BOTH, WORDS, replace(WORDS, cost_micros=200, partly_priced=True)),
        (BOTH, Usage(estimated=True), Usage(estimated=True)),
    ],
)
def test_a_transcript_without_a_usage_costs_at_least_its_words_and_is_known_only_where_it_is_free(
    prices: Prices, usage: Usage, charged: Usage
) -> None:
    transcript = Transcript("so", ModelInfo("whisper", prices=(prices,)), usage)
    assert transcript_to_charge(transcript, DAY) == Charge(ChargeKind.TRANSCRIPTION, "whisper", charged)


def test_charges_are_merged_by_kind_and_model_and_empty_ones_left_out() -> None:
    one = Charge(ChargeKind.ANSWER, "m", Usage(1, 2, cost_micros=3))
    nothing = Charge(ChargeKind.ANSWER, "n", Usage(estimated=True, cost_micros=0))
    heard = Charge(ChargeKind.TRANSCRIPTION, "m", Usage(estimated=True))
    twice = Charge(ChargeKind.ANSWER, "m", Usage(2, 4, cost_micros=6))
    assert merged([one, nothing, heard, one]) == (twice, heard)


@pytest.mark.parametrize(
    ("costs", "known", "partly_priced"),
    [
        ((), 0, False),
        ((3, 4), 7, False),
        ((3, None), 3, True),
        ((0, None), None, False),
        ((None,), None, False),
    ],
)
def test_a_sum_says_that_some_of_it_is_unknown(
    costs: tuple[int | None, ...], known: int | None, partly_priced: bool
) -> None:
    spent = total(Usage(1, 1, cached_tokens=1, cost_micros=cost) for cost in costs)
    assert (spent.cost_micros, spent.partly_priced) == (known, partly_priced)
    assert spent.cached_tokens == len(costs)
    assert total([spent, Usage(cost_micros=5)]).partly_priced is (spent.partly_priced or known is None)


@pytest.mark.parametrize(
    ("known", "unpriced", "shown"),
    [
        (0, 0, "US$0.00"),
        (635, 0, "US$0.000635"),
        (0, 1200, "unknown"),
        (2_500_000, 1, "at least US$2.50 (price of 1 answer unknown)"),
        (2_500_000, 1199, "at least US$2.50 (price of 1,199 answers unknown)"),
    ],
)
def test_a_cost_that_is_unknown_is_never_shown_as_zero(known: int, unpriced: int, shown: str) -> None:
    totals = UsageTotals(1200, cost_micros=known, unpriced=unpriced)
    assert cost_text(totals, "USD", "en") == shown
