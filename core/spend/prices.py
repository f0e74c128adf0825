"""Money in micros: a price per million tokens is the micros that one token costs. Pure."""

from __future__ import annotations

from dataclasses import replace

from core.types import Card, Usage


def priced(usage: Usage, card: Card) -> Usage:
    """`usage` of the model of `card` with its cost, where prices are known."""
    micros = usage.prompt_tokens * (card.price_input or 0) + usage.completion_tokens * (card.price_output or 0)
    return replace(usage, cost_micros=round(micros))
