"""Budgets as people read them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from babel.numbers import format_decimal

from core.i18n import LOCALES, language_of, name_list, phrase
from core.spend.cost_text import money
from core.values.budgets import MICROS, BudgetUnit, Limit

_EXACT = "#,##0.######"


def limits_to_text(limits: Iterable[Limit], language: str, currency: str = "") -> str:
    """Limits as `core.settings.limits` reads them; with their currency where one is given."""
    return name_list((limit_to_text(limit, language, currency) for limit in limits), language)


def limit_to_text(limit: Limit, language: str, currency: str = "") -> str:
    """One limit, such as `$20.00 a month`."""
    amount = amount_to_text(limit.amount, limit.unit, language, currency)
    return phrase(f"limit_{limit.per}", language, amount=amount)


def amount_to_text(amount: int, unit: BudgetUnit, language: str, currency: str = "") -> str:
    """An amount in millionths of `currency`, or in tokens."""
    if unit is BudgetUnit.TOKENS:
        return phrase("amount_tokens", language, n=amount)
    if currency:
        return money(amount, currency, language)
    return str(format_decimal(amount / MICROS, _EXACT, LOCALES[language_of(language)]))
