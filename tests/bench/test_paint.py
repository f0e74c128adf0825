"""The bench in short: that it measures, and that the painting is far from slow."""

from __future__ import annotations

import pytest

from tests.bench.bound import simulate
from tests.bench.paint import measure


@pytest.mark.parametrize(("platform", "mean_s"), [("slack", 0.6), ("discord", 0.9)])
@pytest.mark.parametrize("answers", [1, 10])
async def test_words_are_soon_read_and_none_is_refused_or_lost(
    platform: str, answers: int, mean_s: float
) -> None:
    result = await measure(platform, answers, words=60)
    assert (result.refused, result.lost, result.doubled, result.failed) == (0, 0, 0, 0)
    assert result.mean_s < mean_s
    assert result.first_s < 1.0
    assert result.last_s < 2.5


def test_the_bound_is_what_the_budgets_allow() -> None:
    assert simulate("slack", 1, 300, 50).mean_s < 0.15
    assert simulate("discord", 10, 300, 50).mean_s == pytest.approx(0.46, abs=0.05)
    assert simulate("slack", 10, 300, 50, scale=0.5).mean_s > 1.5 * simulate("slack", 10, 300, 50).mean_s
    assert simulate("discord", 1, 300, 50, fixed=True).mean_s == pytest.approx(0.65, abs=0.05)
