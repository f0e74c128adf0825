"""Money in micros: a price per million tokens is the micros that one token costs. Pure."""

from __future__ import annotations

from dataclasses import replace

from core.config import CoreSettings
from core.types import Usage


def priced(usage: Usage, settings: CoreSettings) -> Usage:
    """`usage` with its cost, where prices are set."""
    micros = usage.prompt_tokens * (settings.parley_price_input or 0) + usage.completion_tokens * (
        settings.parley_price_output or 0
    )
    return replace(usage, cost_micros=round(micros))
