"""Costs as people read them. Pure."""

from __future__ import annotations

from decimal import Decimal

from babel import Locale
from babel.numbers import format_currency, get_currency_precision

from core.i18n import LOCALES, language_of, phrase
from core.values.usage import SummaryTotals, UsageTotals


def money(micros: int, currency: str, language: str, *, exact: bool = False) -> str:
    """An amount in millionths of `currency`, as `language` writes it. One that its smallest coin would show as nothing
    has all its digits, and with `exact` each that it would change."""
    locale = LOCALES[language_of(language)]
    amount = Decimal(micros).scaleb(-6)
    rounded = round(amount, get_currency_precision(currency))
    if rounded == amount or (rounded and not exact):
        return str(format_currency(amount, currency, locale=locale))
    pattern = Locale.parse(locale).currency_formats["standard"].pattern.replace("0.00", "0.00####")
    return str(format_currency(amount, currency, pattern, locale=locale, currency_digits=False))


def amount_digits(micros: int, currency: str) -> str:
    """The digits of `money` in every language, without the currency."""
    digits = money(micros, currency, "en")
    return "".join(sign for sign in digits if sign.isdigit() or sign in "-.,")


def cost_text(totals: UsageTotals, currency: str, language: str) -> str:
    """The cost of `totals`; the least that it can be where the prices of some answers are unknown."""
    if totals.unpriced and not totals.cost_micros:
        return phrase("cost_unknown", language)
    cost = money(totals.cost_micros, currency, language)
    return phrase("cost_at_least", language, cost=cost, n=totals.unpriced) if totals.unpriced else cost


def summaries_to_text(totals: SummaryTotals, currency: str, language: str) -> str:
    """The number and the cost of the summaries of threads."""
    if totals.unpriced and not totals.cost_micros:
        cost = phrase("cost_unknown", language)
    else:
        cost = money(totals.cost_micros, currency, language)
        cost = phrase("cost_least", language, cost=cost) if totals.unpriced else cost
    return phrase("usage_summaries", language, n=totals.number, cost=cost)
