"""The figures of the operators' report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.values.report import ErrorUse
from core.values.usage import UsageTotals


class CountName(StrEnum):
    """The meaning of a count. TRIES: requests to an endpoint, by account and outcome. REFUSED: questions that were
    refused, by platform and reason."""

    TRIES = "tries"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class OperationCount:
    """The number of events of a kind in the quarter of an hour that `at` is in."""

    name: CountName
    what: str
    why: str
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ModelLatency:
    """The times to the first word of a model in milliseconds, of two significant digits, each with its count,
    ascending."""

    model: str
    first_words: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class OperationFigures:
    """The figures of a period. `counts` has no times: each is the sum of one name, subject and reason, ordered by
    these."""

    totals: UsageTotals
    errors: tuple[ErrorUse, ...]
    latencies: tuple[ModelLatency, ...]
    counts: tuple[tuple[CountName, str, str, int], ...]
