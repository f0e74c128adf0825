"""Money in micros: a price per million tokens is the micros that one token costs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from core.values.deltas import ModelInfo, Usage

NO_USAGE = Usage(cost_micros=0)
"""The usage of a question for which no model was asked."""


def priced(usage: Usage, model_info: ModelInfo) -> Usage:
    """`usage` of the model of `model_info` with its cost; None where a price that it needs is unknown."""
    micros = 0.0
    for tokens, price in (
        (usage.prompt_tokens, model_info.price_input),
        (usage.completion_tokens, model_info.price_output),
    ):
        if tokens and price is None:
            return replace(usage, cost_micros=None)
        micros += tokens * (price or 0)
    return replace(usage, cost_micros=math.floor(micros + 0.5))


def total(usages: Iterable[Usage]) -> Usage:
    """All tries of one question together; estimated where any of them is."""
    used = list(usages)
    costs = [usage.cost_micros for usage in used if usage.cost_micros is not None]
    unknown = len(costs) < len(used)
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in used),
        completion_tokens=sum(usage.completion_tokens for usage in used),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in used),
        estimated=any(usage.estimated for usage in used),
        cost_micros=sum(costs) if any(costs) or not unknown else None,
        cached_tokens=sum(usage.cached_tokens for usage in used),
        partly_priced=any(usage.partly_priced for usage in used) or (unknown and any(costs)),
    )
