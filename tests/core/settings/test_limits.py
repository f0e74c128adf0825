from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.i18n import LANGUAGES
from core.settings.limits import LimitError, LimitProblem, limits_of, without_currency
from core.spend.budget_text import limits_to_text
from core.values.budgets import BudgetUnit, Limit, LimitPeriod

DAY, MONTH = LimitPeriod.DAY, LimitPeriod.MONTH


def money(amount: float, per: LimitPeriod = MONTH) -> Limit:
    return Limit(round(amount * 1_000_000), BudgetUnit.MONEY, per)


def tokens(amount: int, per: LimitPeriod = MONTH) -> Limit:
    return Limit(amount, BudgetUnit.TOKENS, per)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("20", [money(20)]),
        ("2.5", [money(2.5)]),
        ("1e3", [money(1_000)]),
        (" 0 ", [money(0)]),
        ("20 a month", [money(20)]),
        ("20/month", [money(20)]),
        ("2 a day, 20 a month", [money(2, DAY), money(20)]),
        ("2 per day and 20 per month", [money(2, DAY), money(20)]),
        ("1,000 a month", [money(1_000)]),
        ("500k tokens a day", [tokens(500_000, DAY)]),
        ("1.5M tokens monthly", [tokens(1_500_000)]),
        ("2 a day; 500,000 tokens a day", [money(2, DAY), tokens(500_000, DAY)]),
        ("每月 20", [money(20)]),
        ("每天50万 tokens", [tokens(500_000, DAY)]),
        ("每天 2，每月 20", [money(2, DAY), money(20)]),
        ("每日 500,000 个 token、每月 20", [tokens(500_000, DAY), money(20)]),
        ("20 每月", [money(20)]),
        ("off", []),
        ("unlimited", []),
        ("不限", []),
    ],
)
def test_limits_are_read_as_people_write_them(text: str, limits: list[Limit]) -> None:
    assert list(limits_of(text)) == limits


@pytest.mark.parametrize(
    "text",
    [
        "a lot",
        "-1",
        "nan",
        "inf",
        "1e30",
        "20 a week",
        "20 a day a day",
        "20 days",
        "每天 20 每月",
        "20 a day, 30 a day",
        "20,",
        "20 USD a month",
        "0.5 tokens a day",
        "tokens a day",
        "20 a day 30 a month",
        "1" * 300,
        "1e-99999999999999999999",
        "1e99999999999999999999",
        "snan",
    ],
)
def test_a_text_that_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        limits_of(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("20 USD a month", LimitProblem.CURRENCY),
        ("€20 a month", LimitProblem.CURRENCY),
        ("每月 20 元", LimitProblem.CURRENCY),
        ("20 a week", LimitProblem.PERIOD),
        ("每年 20", LimitProblem.PERIOD),
        ("0.0000001", LimitProblem.SMALL),
        ("0.0000001 a day", LimitProblem.SMALL),
        ("a lot", None),
        ("20 a day a day", None),
    ],
)
def test_the_reason_why_a_text_is_no_limit_is_known_where_it_can_be(
    text: str, problem: LimitProblem | None
) -> None:
    with pytest.raises(LimitError) as refused:
        limits_of(text)
    assert refused.value.problem is problem


@pytest.mark.parametrize(
    ("text", "currency", "left"),
    [
        ("$20 a month", "USD", "20 a month"),
        ("US$20 a month", "USD", "20 a month"),
        ("20 usd a month", "USD", "20  a month"),
        ("每天2美元", "USD", "每天2"),
        ("€20", "USD", "€20"),
        ("每月 20 元", "CNY", "每月 20"),
        ("￥20 每月", "CNY", "20 每月"),
        ("20 yen a day", "JPY", "20  a day"),
        ("20 a month", "EUR", "20 a month"),
    ],
)
def test_an_amount_may_have_the_operators_own_currency(text: str, currency: str, left: str) -> None:
    assert without_currency(text, currency) == left


LIMITS = st.lists(
    st.builds(Limit, st.integers(0, 10**15), st.sampled_from(BudgetUnit), st.sampled_from(LimitPeriod)),
    min_size=1,
    max_size=4,
    unique_by=lambda limit: (limit.unit, limit.per),
)


@given(LIMITS, st.sampled_from(sorted(LANGUAGES)))
def test_limits_are_read_back_as_they_are_stored_and_shown(limits: list[Limit], language: str) -> None:
    assert list(limits_of(", ".join(map(str, limits)))) == limits
    assert list(limits_of(limits_to_text(limits, language))) == limits
    for currency in ("USD", "CNY", "JPY", "XOF"):
        shown = limits_to_text(limits, language, currency)
        assert list(limits_of(without_currency(shown, currency))) == limits


@given(st.text(alphabet="0123456789.,kma dytoens/每月天万，;", max_size=250))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert all(limit.amount >= 0 for limit in limits_of(text))
