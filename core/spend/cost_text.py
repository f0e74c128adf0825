"""Costs as people read them. Pure."""

from __future__ import annotations

from babel.numbers import format_currency

from core.i18n import LOCALES, language_of, phrase
from core.values.usage import UsageTotals


def money(micros: int, currency: str, language: str) -> str:
    """An amount in millionths of `currency`, as `language` writes it."""
    return str(format_currency(micros / 1_000_000, currency, locale=LOCALES[language_of(language)]))


def cost_text(totals: UsageTotals, currency: str, language: str) -> str:
    """The cost of `totals`; the least that it can be where the prices of some answers are unknown."""
    if totals.unpriced and not totals.cost_micros:
        return phrase("cost_unknown", language)
    cost = money(totals.cost_micros, currency, language)
    return phrase("cost_at_least", language, cost=cost, n=totals.unpriced) if totals.unpriced else cost
