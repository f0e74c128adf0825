"""Prices of models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in PARLEY_CURRENCY from the day `since` (UTC) on: `minute` of a minute of sound, the others of a million.

    None: `input`, `output` and `minute` are unknown; cached input and reasoning cost as much as other input and output;
    a picture costs nothing beside its tokens.
    """

    since: date = date.min
    input: Decimal | None = None
    cached_input: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    picture: Decimal | None = None
    minute: Decimal | None = None
