"""Usages as vendors and gateways report them."""

from __future__ import annotations

from typing import Any

import pytest

from core.llm.usage_fields import MOST_COST, MOST_TOKENS, usage_of
from core.values.deltas import Usage

OPENAI = {"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306}


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        (OPENAI, Usage(2006, 300)),
        (
            OPENAI
            | {
                "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 120},
            },
            Usage(2006, 300, 120, cached_tokens=1920),
        ),
        (  # OpenAI's Responses
            {
                "input_tokens": 2006,
                "input_tokens_details": {"cached_tokens": 1920},
                "output_tokens": 300,
                "output_tokens_details": {"reasoning_tokens": 120},
            },
            Usage(2006, 300, 120, cached_tokens=1920),
        ),
        (  # DeepSeek
            OPENAI | {"prompt_cache_hit_tokens": 1920, "prompt_cache_miss_tokens": 86},
            Usage(2006, 300, cached_tokens=1920),
        ),
        (  # Anthropic
            {
                "input_tokens": 6,
                "cache_read_input_tokens": 1920,
                "cache_creation_input_tokens": 80,
                "output_tokens": 300,
            },
            Usage(2006, 300, cached_tokens=1920),
        ),
        (  # LiteLLM in front of Anthropic
            OPENAI | {"cache_read_input_tokens": 1920, "cache_creation_input_tokens": 0},
            Usage(2006, 300, cached_tokens=1920),
        ),
        (  # xAI
            {
                "prompt_tokens": 12,
                "completion_tokens": 1,
                "total_tokens": 399,
                "completion_tokens_details": {"reasoning_tokens": 386},
                "cost_in_usd_ticks": 232_856_000,
            },
            Usage(12, 387, 386, cost_micros=23_286),
        ),
        (OPENAI | {"cost": 0.00014}, Usage(2006, 300, cost_micros=140)),
        (OPENAI | {"cost": 0}, Usage(2006, 300, cost_micros=0)),
        (OPENAI | {"cost": 0.95, "is_byok": False}, Usage(2006, 300, cost_micros=950_000)),
        (
            OPENAI | {"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}},
            Usage(2006, 300, cost_micros=1_050_000),
        ),
        (OPENAI | {"cost": 0.05, "is_byok": True}, Usage(2006, 300)),  # the fee alone
        (OPENAI | {"prompt_tokens_details": {"cached_tokens": 9_000}}, Usage(2006, 300, cached_tokens=2006)),
        ({"prompt_tokens": None, "completion_tokens": 5}, Usage(0, 5)),
        ({"prompt_tokens": 0, "completion_tokens": 0, "cost": 1}, None),
        ({}, None),
    ],
)
def test_a_usage_is_read_under_each_vendors_names(fields: dict[str, Any], usage: Usage | None) -> None:
    assert usage_of(fields) == usage


@pytest.mark.parametrize(
    "cost", [True, "0.5", -1, -0.01, float("nan"), float("inf"), MOST_COST + 1, 10**400, None, [], {"total": 1}]
)
def test_a_cost_that_is_no_amount_is_none(cost: object) -> None:
    assert usage_of(OPENAI | {"cost": cost}) == Usage(2006, 300)
    assert usage_of(OPENAI | {"cost_in_usd_ticks": cost if cost != MOST_COST + 1 else 10**17}) == Usage(
        2006, 300
    )


@pytest.mark.parametrize("count", [True, "5", -1, 1.5, MOST_TOKENS + 1, None, {}])
def test_a_count_that_is_none_is_left_out(count: object) -> None:
    odd = {
        "prompt_tokens_details": {"cached_tokens": count},
        "completion_tokens_details": {"reasoning_tokens": count},
        "prompt_cache_hit_tokens": count,
        "total_tokens": count,
    }
    assert usage_of(OPENAI | odd) == Usage(2006, 300)
    assert usage_of({"prompt_tokens": count, "completion_tokens": 5}) == Usage(0, 5)
