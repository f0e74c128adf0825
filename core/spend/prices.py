"""Money in micros: a price per million is the micros that one costs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from core.ports.files import Transcript
from core.values.deltas import ChargeKind, ModelInfo, Usage
from core.values.prices import Prices
from core.values.usage import Charge

_MILLION = 1_000_000
_MOST_TOKENS = 2**31 - 1
"""The largest integer of the database's columns of tokens. No true count of an answer comes near it."""
NO_USAGE = Usage(cost_micros=0)
"""The usage of a question for which no model was asked."""


def priced(usage: Usage, model_info: ModelInfo, day: date, pictures: int = 0) -> Usage:
    """`usage` of the model of `model_info` with its cost, for a request with so many pictures.

    It is the cost that the endpoint reported, where that counts; else the cost at the prices of `day`, None where a
    price that the usage needs is unknown.
    """
    if usage.cost_micros is not None and model_info.reported_cost:
        return usage
    return replace(usage, cost_micros=cost_micros(usage, model_info.prices_on(day), pictures))


def cost_micros(usage: Usage, prices: Prices, pictures: int = 0) -> int | None:
    """The cost at `prices`, half a micro rounded up; None where a price that the usage needs is unknown."""
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    reasoning = min(usage.reasoning_tokens, usage.completion_tokens)
    cost = Decimal()
    for count, price in (
        (usage.prompt_tokens - cached, prices.input),
        (cached, prices.input if prices.cached_input is None else prices.cached_input),
        (usage.completion_tokens - reasoning, prices.output),
        (reasoning, prices.output if prices.reasoning is None else prices.reasoning),
        (pictures, prices.picture or Decimal()),
    ):
        if count and price is None:
            return None
        cost += count * (price or 0)
    if usage.sound_s:
        if prices.minute is None:
            return None
        cost += Decimal(str(usage.sound_s)) * _MILLION * prices.minute / 60
    return int(cost.to_integral_value(ROUND_HALF_UP))


def transcript_to_charge(transcript: Transcript, day: date) -> Charge:
    """The charge for a transcript of `day` (UTC). Where the endpoint did not report its usage, the cost of the words is
    the least that it can be, and only a price of nothing makes it known."""
    model_info = transcript.model_info
    usage = priced(transcript.usage, model_info, day)
    if usage.estimated:
        least = usage.cost_micros or None
        usage = replace(usage, cost_micros=least, partly_priced=least is not None)
        if model_info.prices_on(day).minute == 0:
            usage = replace(usage, cost_micros=0, partly_priced=False)
    return Charge(ChargeKind.TRANSCRIPTION, model_info.name, usage)


def merged(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """`charges` with one for each kind and model, without those that count and cost nothing."""
    usages: dict[tuple[ChargeKind, str], list[Usage]] = {}
    for charge in charges:
        usages.setdefault((charge.kind, charge.model), []).append(charge.usage)
    whole = (Charge(kind, model, total(some)) for (kind, model), some in usages.items())
    return tuple(charge for charge in whole if replace(charge.usage, estimated=False) != NO_USAGE)


def total(usages: Iterable[Usage]) -> Usage:
    """All tries of one question together; estimated where any of them is."""
    used = list(usages)
    costs = [usage.cost_micros for usage in used if usage.cost_micros is not None]
    unknown = len(costs) < len(used)
    return Usage(
        prompt_tokens=_count(usage.prompt_tokens for usage in used),
        completion_tokens=_count(usage.completion_tokens for usage in used),
        reasoning_tokens=_count(usage.reasoning_tokens for usage in used),
        estimated=any(usage.estimated for usage in used),
        cost_micros=sum(costs) if any(costs) or not unknown else None,
        cached_tokens=_count(usage.cached_tokens for usage in used),
        partly_priced=any(usage.partly_priced for usage in used) or (unknown and any(costs)),
        sound_s=sum(usage.sound_s for usage in used),
    )


def _count(tokens: Iterable[int]) -> int:
    return min(sum(tokens), _MOST_TOKENS)
