"""The bench of growing answers in short: nothing is lost, and the figures that it compares with are right.

How soon words can be read depends on the machine: `make bench only=paint` measures that.
"""

from __future__ import annotations

import pytest

from tests.bench.bound import simulate
from tests.bench.paint import measure


@pytest.mark.parametrize("platform", ["slack", "discord"])
async def test_no_word_of_ten_answers_at_once_is_refused_or_lost(platform: str) -> None:
    result = await measure(platform, 10, words=60)
    assert (result.refused, result.lost, result.doubled, result.failed) == (0, 0, 0, 0)


def test_the_bound_is_what_the_budgets_allow() -> None:
    assert simulate("slack", 1, 300, 50).mean_s < 0.15
    assert simulate("discord", 10, 300, 50).mean_s == pytest.approx(0.46, abs=0.05)
    assert simulate("slack", 10, 300, 50, scale=0.5).mean_s > 1.5 * simulate("slack", 10, 300, 50).mean_s
    assert simulate("discord", 1, 300, 50, fixed=True).mean_s == pytest.approx(0.65, abs=0.05)
