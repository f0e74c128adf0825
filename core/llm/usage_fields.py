"""The usage of a response under the names of each vendor. Pure.

OpenAI counts cached tokens as part of the prompt and reasoning as part of the completion:
https://platform.openai.com/docs/api-reference/chat/object. Departures:

- Anthropic's own names count what the cache holds beside `input_tokens`:
  https://docs.claude.com/en/docs/build-with-claude/prompt-caching
- xAI counts reasoning beside the completion; only `total_tokens` has both:
  https://docs.x.ai/docs/key-information/consumption-and-rate-limits
- DeepSeek names cached tokens `prompt_cache_hit_tokens`: https://api-docs.deepseek.com/guides/kv_cache
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from core.values.deltas import Usage

MOST_TOKENS = 100_000_000
"""The largest count of tokens that is accepted: a larger one is an error of the endpoint."""
MOST_COST = 1_000_000
"""The largest cost of one response that is accepted, in US dollars."""
MOST_SOUND_S = 1_000_000
"""The longest sound that is accepted, in seconds."""

_PROMPT, _COMPLETION = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
_CACHED = ("prompt_cache_hit_tokens", "cache_read_input_tokens")
_BESIDE_INPUT = ("cache_read_input_tokens", "cache_creation_input_tokens")
_XAI_TICKS = 10_000
"""xAI's `cost_in_usd_ticks` that are a millionth of a dollar."""


def usage_of(fields: Mapping[str, Any]) -> Usage | None:
    """The usage, with the cost in millionths of a US dollar where the endpoint reports it; None if it counts no
    tokens."""
    prompt, completion = _first(fields, _PROMPT), _first(fields, _COMPLETION)
    if not prompt and not completion:
        return None
    if not _count(fields.get("prompt_tokens")):
        prompt += sum(_count(fields.get(name)) for name in _BESIDE_INPUT)
    reasoning = _detail(fields, ("completion_tokens_details", "output_tokens_details"), "reasoning_tokens")
    if reasoning and _count(fields.get("total_tokens")) == prompt + completion + reasoning:
        completion += reasoning
    cached = _detail(fields, ("prompt_tokens_details", "input_tokens_details"), "cached_tokens")
    return Usage(
        prompt,
        completion,
        reasoning,
        cost_micros=_cost_micros(fields),
        cached_tokens=min(prompt, cached or _first(fields, _CACHED)),
    )


def sound_usage_of(body: Mapping[str, Any]) -> Usage | None:
    """The usage of a transcription: tokens, or seconds of sound in its `usage` or, in the verbose form, in its
    `duration`. https://platform.openai.com/docs/api-reference/audio/json-object"""
    found = body.get("usage")
    fields = found if isinstance(found, dict) else {}
    if usage := usage_of(fields):
        return usage
    seconds = _amount(fields.get("seconds"), MOST_SOUND_S) or _amount(body.get("duration"), MOST_SOUND_S)
    return Usage(sound_s=seconds, cost_micros=_cost_micros(fields)) if seconds else None


def _cost_micros(fields: Mapping[str, Any]) -> int | None:
    """The cost that OpenRouter, LiteLLM (`cost`) or xAI report. With a key of one's own at a vendor (`is_byok`),
    OpenRouter's `cost` is its fee alone: https://openrouter.ai/docs/use-cases/usage-accounting."""
    ticks = _amount(fields.get("cost_in_usd_ticks"), MOST_COST * 1_000_000 * _XAI_TICKS)
    if ticks is not None:
        return math.floor(ticks / _XAI_TICKS + 0.5)
    cost = _amount(fields.get("cost"), MOST_COST)
    if cost is not None and fields.get("is_byok") is True:
        details = fields.get("cost_details")
        vendor = details.get("upstream_inference_cost") if isinstance(details, dict) else None
        paid = _amount(vendor, MOST_COST)
        cost = None if paid is None else cost + paid
    return None if cost is None else math.floor(cost * 1_000_000 + 0.5)


def _detail(fields: Mapping[str, Any], groups: tuple[str, ...], name: str) -> int:
    """The first count of `name` in one of the objects `groups`."""
    found = (fields.get(group) for group in groups)
    return next((count for one in found if isinstance(one, dict) and (count := _count(one.get(name)))), 0)


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return next((count for name in names if (count := _count(fields.get(name)))), 0)


def _count(value: object) -> int:
    return value if type(value) is int and 0 < value <= MOST_TOKENS else 0


def _amount(value: object, most: int) -> float | None:
    """A finite number from 0 to `most`; None for anything else, and for True and False."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= most else None
