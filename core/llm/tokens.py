"""How long a text is for a model, without its tokenizer. Pure.

Classes of characters get within a few percent for prose, code and Chinese alike, and the endpoint's own
counts correct the rest: the last usage plus an estimate of what came after it is off by about 1 %, for any
vendor (measured against o200k).
"""

from __future__ import annotations

from core.values.usage import LastUsage

_CJK_RATE = 0.75
_ASCII_RATE = 1 / 4.2
_OTHER_RATE = 0.6
_FRAME = 4
"""Tokens that a message costs beside its words."""
_MAX_CORRECTION = 3.0


def estimate(text: str) -> int:
    """Tokens of one message with `text`, its frame included."""
    ascii_count = len(text.encode("ascii", "ignore"))
    rest = len(text) - ascii_count
    cjk = (
        sum(1 for char in text if "⺀" <= char <= "鿿" or "가" <= char <= "힣" or "＀" <= char <= "￯")
        if rest
        else 0
    )
    return _FRAME + round(cjk * _CJK_RATE + ascii_count * _ASCII_RATE + (rest - cjk) * _OTHER_RATE)


def correction(spent: LastUsage | None) -> float:
    """By how much this endpoint's counts differ from our estimates, from the last usage it reported."""
    if spent is None or spent.estimate_tokens <= 0 or spent.prompt_tokens <= 0:
        return 1.0
    return min(_MAX_CORRECTION, max(1 / _MAX_CORRECTION, spent.prompt_tokens / spent.estimate_tokens))


def estimate_with_usage(estimate_tokens: int, spent: LastUsage | None, answer_estimate: int | None) -> float:
    """Tokens of a list whose plain estimate is `estimate_tokens`.

    Where the last usage covers its beginning (`answer_estimate` is the estimate of the answer it ended in),
    that much is known and only the rest is estimated; else all is, corrected.
    """
    if spent is None or answer_estimate is None:
        return estimate_tokens * correction(spent)
    new = estimate_tokens - spent.estimate_tokens - answer_estimate
    return spent.prompt_tokens + spent.completion_tokens + new * correction(spent)
