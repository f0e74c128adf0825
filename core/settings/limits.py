"""Limits of spending as people write them. Pure.

20                       money a month, as the operator's currency has it
2 a day, 20 a month      both hold
500k tokens a day        prompts and completions together
每月 20，每天 50万 tokens
off                      no limit
"""

from __future__ import annotations

import re
from decimal import Decimal

from core.values.budgets import MICROS, BudgetUnit, Limit, LimitPeriod

_MOST = 10**15
"""The largest amount, in micros or tokens: sums of many stay below the integers of a database."""
_LONGEST = 200
_NONE = frozenset({"", "off", "none", "no limit", "无", "不限", "关"})
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


def limits_of(text: str) -> tuple[Limit, ...]:
    """The limits of a text, at most one of each unit and period; none where it is empty or says that there is no limit.

    Raises ValueError for a text that can't be read.
    """
    text = text.strip()
    if text.lower() in _NONE:
        return ()
    if (plain := _plain(text)) is not None:
        return (plain,)
    limits: dict[tuple[BudgetUnit, LimitPeriod], Limit] = {}
    for limit in _parsed(text):
        if (limit.unit, limit.per) in limits:
            raise ValueError(text)
        limits[limit.unit, limit.per] = limit
    return tuple(limits.values())


def _plain(text: str) -> Limit | None:
    """The limit of a number alone, which may have an exponent or a sign: money a month."""
    try:
        number = float(text)
    except ValueError:
        return None
    if not 0 <= number * MICROS <= _MOST:
        raise ValueError(text)
    return Limit(round(Decimal(text) * MICROS), BudgetUnit.MONEY, LimitPeriod.MONTH)


def _parsed(text: str) -> list[Limit]:
    if len(text) > _LONGEST:
        raise ValueError("too long")
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
    raise ValueError(text)


def _limit(found: re.Match[str]) -> Limit:
    before, after = found["before"], found["after"]
    if before and after:
        raise ValueError(found[0])
    unit = BudgetUnit.TOKENS if found["tokens"] else BudgetUnit.MONEY
    number = Decimal(found["number"].replace(",", "")) * _SIZES.get((found["size"] or "").lower(), 1)
    amount = round(number * MICROS) if unit is BudgetUnit.MONEY else int(number)
    if amount > _MOST or (unit is BudgetUnit.TOKENS and amount != number):
        raise ValueError(found[0])
    return Limit(amount, unit, _PERIODS[(before or after or "month").lower()])
