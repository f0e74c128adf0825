"""Money in micros: a price per million tokens is the micros that one token costs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.values.deltas import ModelInfo, Usage


def priced(usage: Usage, model_info: ModelInfo) -> Usage:
    """`usage` of the model of `model_info` with its cost, where prices are known."""
    micros = usage.prompt_tokens * (model_info.price_input or 0) + usage.completion_tokens * (
        model_info.price_output or 0
    )
    return replace(usage, cost_micros=round(micros))


def total(usages: Iterable[Usage]) -> Usage:
    """All tries of one question together; estimated where any of them is."""
    used = list(usages)
    return Usage(
        sum(usage.prompt_tokens for usage in used),
        sum(usage.completion_tokens for usage in used),
        sum(usage.reasoning_tokens for usage in used),
        any(usage.estimated for usage in used),
        sum(usage.cost_micros for usage in used),
    )
