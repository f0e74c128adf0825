"""Usage as it was stored: of the last answer of a thread, and over a period."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LastUsage:
    """The last stored usage of a thread. The length of the next prompt is estimated from it.

    `anchor` is the id of the question's message; `estimate_tokens` our own estimate of that prompt.
    """

    anchor: str
    prompt_tokens: int
    completion_tokens: int
    estimate_tokens: int


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """Usage over a period: of one channel, or of everything.

    `cost_micros` is the sum of the known costs. `unpriced`: answers whose cost is unknown, wholly or in part.
    """

    questions: int = 0
    people: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micros: int = 0
    errors: int = 0
    unpriced: int = 0


def added(one: UsageTotals, other: UsageTotals) -> UsageTotals:
    """The sum of two totals. People who are in both would be counted twice: none are counted."""
    return UsageTotals(
        questions=one.questions + other.questions,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        cost_micros=one.cost_micros + other.cost_micros,
        errors=one.errors + other.errors,
        unpriced=one.unpriced + other.unpriced,
    )
