"""Usage as it was stored: of the last answer of a thread, and over a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.values.deltas import ChargeKind, Usage
from core.values.places import Place


@dataclass(frozen=True, slots=True)
class Charge:
    """A part of the usage of an answer, with its cost: the work `kind` of the model `model`."""

    kind: ChargeKind
    model: str
    usage: Usage


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


@dataclass(frozen=True, slots=True)
class SummaryTotals:
    """The summaries of threads over a period, with the sum of their known costs. `unpriced`: those whose cost is
    unknown, wholly or in part. Their tokens and costs are part of the `UsageTotals` too."""

    number: int = 0
    cost_micros: int = 0
    unpriced: int = 0


DIRECT = "direct"
"""The channel of all direct conversations of a workspace together."""


class UsageField(StrEnum):
    """A field by which usage is grouped. Direct conversations are one channel, `DIRECT`."""

    DAY = "day"
    CHANNEL = "channel"
    PERSON = "person"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class UsageGroup:
    """The usage of a group of answers. The fields by which it is not grouped are empty; `day` is as in ISO 8601.

    `team` is not empty where it is grouped by channel or person. `name` is the display name of the person, where names
    were asked for. `answers`: all that ended, those that failed too. `cost_micros` is the sum of the known costs,
    `unpriced` the number of the others.
    """

    day: str
    platform: str
    team: str
    channel: str
    person: str
    name: str
    model: str
    answers: int
    questions: int
    errors: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost_micros: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """A person's opinion of an answer to the question `message_id`. `helpful` is False where they rated it down."""

    place: Place
    message_id: str
    model: str
    person: str
    name: str
    helpful: bool
    reason: str
    at: datetime
