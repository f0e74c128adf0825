"""Limits of spending as people write them. Pure.

20                       money a month, as the operator's currency has it
2 a day, 20 a month      both hold
500k tokens a day        prompts and completions together
每月 20，每天 50万 tokens
off                      no limit

An amount has no currency: it is the operator's, whose signs `without_currency` takes off.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache, lru_cache

from babel.numbers import get_currency_symbol, list_currencies

from core.values.budgets import MICROS, BudgetUnit, Limit, LimitPeriod

_MOST = 10**15
"""The largest amount, in micros or tokens: sums of many stay below the integers of a database."""
_LONGEST = 200
_NONE = frozenset(
    {"", "off", "none", "no limit", "unlimited", "无", "不限", "不限制", "无限", "无限制", "没有限制", "关"}
)
_NAMES = {
    "CNY": ("人民币", "元", "块", "rmb", "yuan"),
    "EUR": ("欧元", "euros", "euro"),
    "GBP": ("英镑", "pounds", "pound"),
    "JPY": ("日元", "円", "yen"),
    "USD": ("美元", "美金", "dollars", "dollar"),
}
"""Names of currencies, as people write them behind an amount."""
_OTHER_PERIODS = re.compile(r"week|year|annual|quarter|hour|minute|周|星期|礼拜|年|季|小时|分钟", re.IGNORECASE)
_CODE = re.compile(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
_SIZES = {"k": 10**3, "m": 10**6, "千": 10**3, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_PERIODS = {
    **dict.fromkeys(("day", "daily", "天", "日"), LimitPeriod.DAY),
    **dict.fromkeys(("month", "monthly", "月", "个月", "個月"), LimitPeriod.MONTH),
}
_EVERY = r"(?:a|per|each|every|/|每)"
_PERIOD = r"(?:daily|monthly|day|month|天|日|个月|個月|月)"
_LIMIT = re.compile(
    rf"(?:(?:{_EVERY}\s*)?(?P<before>{_PERIOD})\s*[:：]?\s*)?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)\s*"
    r"(?:(?P<size>[km千万萬亿億])(?![a-z])\s*)?"
    r"(?P<tokens>(?:[个個]\s*)?(?:tokens?(?![a-z])|词元|詞元))?\s*"
    rf"(?:{_EVERY}?\s*(?P<after>{_PERIOD})(?![a-z]))?",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*(?:[,，、;；+]|and(?![a-z])|和)\s*", re.IGNORECASE)


class LimitProblem(StrEnum):
    """The reason why a text is no limit, where it is known."""

    CURRENCY = "currency"
    """It has another currency."""
    PERIOD = "period"
    """It is for neither a day nor a month."""
    SMALL = "small"
    """An amount is not 0, and below a millionth."""


class LimitError(ValueError):
    """A text that is no limit."""

    def __init__(self, text: str, problem: LimitProblem | None = None) -> None:
        super().__init__(text)
        self.problem = problem


def without_currency(text: str, currency: str) -> str:
    """`text` without the signs and names of `currency`, an ISO 4217 code."""
    return _of_currency(currency).sub("", text).strip()


@cache
def _of_currency(currency: str) -> re.Pattern[str]:
    signs = {get_currency_symbol(currency, locale) for locale in ("en_US", "en_GB", "zh_Hans_CN")}
    signs |= {sign.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for sign in signs} - {""}
    signs |= {sign.replace("¥", "￥").replace("$", "＄") for sign in signs}
    words = sorted({currency, *signs, *_NAMES.get(currency, ())}, key=lambda word: -len(word))
    return re.compile("|".join(rf"(?<![a-z]){re.escape(word)}(?![a-z])" for word in words), re.IGNORECASE)


def _problem(text: str) -> LimitProblem | None:
    """The reason why a text that can't be read is no limit."""
    signs = any(unicodedata.category(char) == "Sc" for char in text)
    names = any(name in text.lower() for names in _NAMES.values() for name in names)
    if signs or names or not list_currencies().isdisjoint(_CODE.findall(text)):
        return LimitProblem.CURRENCY
    return LimitProblem.PERIOD if _OTHER_PERIODS.search(text) else None


@lru_cache(maxsize=1_000)  # each question reads those of its layers several times
def limits_of(text: str) -> tuple[Limit, ...]:
    """The limits of a text, at most one of each unit and period; none where it is empty or says that there is no limit.

    Raises LimitError for a text that can't be read.
    """
    text = text.strip()
    if text.lower() in _NONE:
        return ()
    if (plain := _plain(text)) is not None:
        return (plain,)
    limits: dict[tuple[BudgetUnit, LimitPeriod], Limit] = {}
    for limit in _parsed(text):
        if (limit.unit, limit.per) in limits:
            raise LimitError(text)
        limits[limit.unit, limit.per] = limit
    return tuple(limits.values())


def tokens_meant(text: str) -> str:
    """`text` in tokens where an amount in it has a size such as `k` and no unit: many people mean tokens by it, and a
    limit in money would hardly ever hold. Empty where no amount has."""
    meant = _LIMIT.sub(_in_tokens, text)
    return "" if meant == text else meant


def _in_tokens(found: re.Match[str]) -> str:
    if not found["size"] or found["tokens"]:
        return found[0]
    end = found.end("size") - found.start()
    return f"{found[0][:end]} tokens{' ' if found['after'] else ''}{found[0][end:].lstrip()}".rstrip()


def _plain(text: str) -> Limit | None:
    """The limit of a number alone, which may have an exponent or a sign: money a month."""
    try:
        number = Decimal(text)
    except InvalidOperation:  # no number, or one with an exponent of 20 digits
        return None
    if not (number.is_finite() and 0 <= number <= Decimal(_MOST) / MICROS):
        raise LimitError(text)
    return Limit(_micros(number), BudgetUnit.MONEY, LimitPeriod.MONTH)


def _micros(number: Decimal) -> int:
    amount = round(number * MICROS)
    if number and not amount:
        raise LimitError(str(number), LimitProblem.SMALL)
    return amount


def _parsed(text: str) -> list[Limit]:
    if len(text) > _LONGEST:
        raise LimitError("too long")
    limits, at = list[Limit](), 0
    while found := _LIMIT.match(text, at):
        limits.append(_limit(found))
        at = found.end()
        if at == len(text):
            return limits
        between = _BETWEEN.match(text, at)
        if between is None:
            break
        at = between.end()
    raise LimitError(text, _problem(text))


def _limit(found: re.Match[str]) -> Limit:
    before, after = found["before"], found["after"]
    if before and after:
        raise LimitError(found[0])
    unit = BudgetUnit.TOKENS if found["tokens"] else BudgetUnit.MONEY
    number = Decimal(found["number"].replace(",", "")) * _SIZES.get((found["size"] or "").lower(), 1)
    amount = _micros(number) if unit is BudgetUnit.MONEY else int(number)
    if amount > _MOST or (unit is BudgetUnit.TOKENS and amount != number):
        raise LimitError(found[0])
    return Limit(amount, unit, _PERIODS[(before or after or "month").lower()])
