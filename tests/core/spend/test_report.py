"""The arithmetic of a usage report."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spend.report import change_percent, nearest_rank, two_digits


@given(st.lists(st.integers(0, 40), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    found = nearest_rank(sorted(Counter(values).items()), percent)
    reached = [one for one in sorted(values) if 100 * sum(v <= one for v in values) >= percent * len(values)]
    assert found == reached[0]


def test_there_is_no_percentile_of_nothing() -> None:
    assert nearest_rank([], 50) is None


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_two_significant_digits_keep_the_order_of_values(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert two_digits(low) <= two_digits(high)


@pytest.mark.parametrize(
    ("exact", "rounded"), [(0, 0), (7, 7), (99, 99), (104, 100), (105, 110), (999, 1_000), (12_499, 12_000)]
)
def test_times_are_rounded_half_up(exact: int, rounded: int) -> None:
    assert two_digits(exact) == rounded


def test_changes_are_whole_percent() -> None:
    assert (change_percent(150, 100), change_percent(50, 100), change_percent(3, 0)) == (50, -50, None)
