from __future__ import annotations

import pytest

from core.llm.tokens import correction, estimate, estimate_with_usage
from core.values.usage import LastUsage


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 10, 100),
        ("今天天气很好，我们去公园散步吧。" * 10, 110),
    ],
)
def test_an_estimate_is_close_without_a_tokenizer(text: str, tokens: int) -> None:
    assert estimate(text) == pytest.approx(tokens, rel=0.2)


def test_what_the_endpoint_counted_corrects_the_estimate() -> None:
    spent = LastUsage("m1", prompt_tokens=150, completion_tokens=30, estimate_tokens=100)
    assert correction(spent) == 1.5
    assert estimate_with_usage(140, spent, answer_estimate=20) == 150 + 30 + 20 * 1.5
    assert estimate_with_usage(140, spent, answer_estimate=None) == 140 * 1.5
    assert estimate_with_usage(140, None, None) == 140
