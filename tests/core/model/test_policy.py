"""The decision table, row by row, and the arithmetic of waiting."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from core.errors import Code, ModelError
from core.model.faults import ADVICE, fault
from core.model.policy import (
    PROBE_S,
    RULES,
    STATUS_RULES,
    Allowance,
    Failed,
    Next,
    Same,
    Scope,
    decide,
    key_of,
    left_over,
    rule_for,
)
from core.phrases import explain, say
from core.roster import Account, Route
from core.types import Card

A, B = (Account(f"one/{name}", "one", "http://one/v1", SecretStr("sk-test")) for name in "ab")
C = Account("two/c", "two", "http://two/v1", SecretStr("sk-test"))
BIG, SMALL = Card("big", 100_000), Card("small", 8_000)
ROUTES = tuple(Route(account, card, card.name) for card in (SMALL, BIG) for account in (A, B, C))
NAMES = ("small a", "small b", "small c", "big a", "big b", "big c")
EVERYBODY = frozenset(NAMES) - {"small a"}
NOBODY: frozenset[str] = frozenset()
OF_B_AND_C = frozenset({"small b", "small c", "big b", "big c"})
OF_C = frozenset({"small c", "big c"})
BIG_ONES = frozenset({"big a", "big b", "big c"})

# What a person is told, and whether the operator hears of the first one.
ROWS: list[tuple[Code, int, int, frozenset[str], Scope | None, str, bool]] = [
    (Code.BAD_REQUEST, 400, 0, NOBODY, None, "bad_request", False),
    (Code.BAD_REQUEST, 422, 0, NOBODY, None, "bad_request", False),
    (Code.CONTEXT_OVERFLOW, 400, 1, BIG_ONES, None, "too_long", False),
    (Code.POLICY, 403, 0, NOBODY, None, "policy", False),
    (Code.TOO_LARGE, 413, 0, NOBODY, None, "too_long", False),
    (Code.BAD_KEY, 401, 0, OF_B_AND_C, Scope.ACCOUNT, "unreachable", True),
    (Code.NO_MONEY, 402, 0, OF_B_AND_C, Scope.ACCOUNT, "unreachable", True),
    (Code.NO_MONEY, 200, 0, OF_B_AND_C, Scope.ACCOUNT, "unreachable", True),
    (Code.FORBIDDEN, 403, 0, EVERYBODY, Scope.ACCOUNT, "unreachable", True),
    (Code.NO_MODEL, 404, 0, EVERYBODY - {"small b"}, Scope.OFFER, "no_model", True),
    (Code.NO_MODEL, 503, 0, EVERYBODY - {"small b"}, Scope.OFFER, "no_model", True),
    (Code.WRONG_URL, 404, 0, OF_C, Scope.ENDPOINT, "unreachable", True),
    (Code.RATE_LIMITED, 429, 2, EVERYBODY, Scope.ACCOUNT, "busy", False),
    *(
        (Code.SERVER_ERROR, status, 1, EVERYBODY, Scope.ENDPOINT, "busy", False)
        for status in (408, 409, 425, 500)
    ),
    *(
        (Code.SERVER_ERROR, status, 2, EVERYBODY, Scope.ENDPOINT, "busy", False)
        for status in (502, 503, 520, 529)
    ),
    *(
        (Code.GATEWAY_TIMEOUT, status, 0, EVERYBODY, Scope.ENDPOINT, "slow", False)
        for status in (504, 522, 524)
    ),
    (Code.UNREACHABLE, 0, 1, OF_C, Scope.ENDPOINT, "unreachable", False),
    (Code.STALLED, 200, 1, EVERYBODY, Scope.ENDPOINT, "slow", False),
    (Code.CUT, 200, 1, EVERYBODY, Scope.ENDPOINT, "unfinished", False),
    (Code.ERROR_IN_STREAM, 200, 1, EVERYBODY, Scope.ENDPOINT, "busy", False),
    (Code.EMPTY, 200, 1, BIG_ONES, Scope.OFFER, "empty", False),
    (Code.GARBLED, 200, 1, OF_C, Scope.ENDPOINT, "unreachable", False),
]


def failed(error: ModelError, **more: Any) -> Failed:
    return replace(Failed(error, 1, 1, 0.0), **more)


def after(error: ModelError, allowance: Allowance | None = None, **more: Any) -> Same | Next:
    return decide(failed(error, **more), allowance or Allowance(), jitter=0.0)


def wait_s(error: ModelError, allowance: Allowance | None = None, **more: Any) -> float | None:
    step = after(error, allowance, **more)
    return step.wait_s if isinstance(step, Same) else None


@pytest.mark.parametrize(
    ("code", "status", "same", "others", "blames", "words", "alerts"),
    ROWS,
    ids=[f"{row[0]}-{row[1]}" for row in ROWS],
)
def test_each_row_of_the_table(
    code: Code, status: int, same: int, others: frozenset[str], blames: Scope | None, words: str, alerts: bool
) -> None:
    error = fault(code, "UPSTREAM TEXT", status=status)
    rule = rule_for(error)
    again = 0
    while isinstance(after(error, Allowance(99, math.inf), tries_here=again + 1, shorter=True), Same):
        again += 1
    assert again == same
    left = left_over(ROUTES, ROUTES[0], rule.leaves)
    assert {NAMES[ROUTES.index(route)] for route in left} == others
    assert rule.blames is blames
    assert rule.alerts is alerts
    assert explain(error, "en").startswith(say(words, "en"))
    assert "UPSTREAM" not in explain(error, "zh")
    assert ADVICE[code]


def test_the_table_is_whole() -> None:
    assert {row[0] for row in ROWS} == set(RULES) == set(ADVICE)
    assert {(code, status) for code, status, *_ in ROWS} >= set(STATUS_RULES)


@pytest.mark.parametrize("code", RULES)
def test_once_a_word_is_visible_there_is_no_going_back(code: Code) -> None:
    assert after(fault(code, retryable=True), visible=True, shorter=True, elsewhere=True) is Next.NOBODY


@pytest.mark.parametrize("code", RULES)
def test_when_the_budget_is_spent_nobody_else_is_asked(code: Code) -> None:
    assert after(fault(code), tries=4) is Next.NOBODY
    assert after(fault(code), elapsed_s=60.1) is Next.NOBODY
    assert after(fault(code), Allowance(4, 0.0), elapsed_s=0.01) is Next.NOBODY


@pytest.mark.parametrize("code", sorted(set(RULES) - {Code.CONTEXT_OVERFLOW}))
def test_who_is_out_for_a_known_reason_is_asked_once(code: Code) -> None:
    assert not isinstance(after(fault(code), known=True), Same)


def test_a_wait_doubles_up_to_eight_seconds() -> None:
    error = fault(Code.SERVER_ERROR, status=502)
    assert [wait_s(error, tries_here=n) for n in (1, 2, 3)] == [0.5, 1.0, None]
    assert decide(failed(error), Allowance(), jitter=1.0) == Same(0.375)


@pytest.mark.parametrize(
    ("retry_after_s", "elapsed_s", "limit_s", "expected_s"),
    [
        (7, 0, 60, 7),
        (0, 0, 60, 0.25),
        (20, 0, 60, 20),
        (20.1, 0, 60, None),
        (20, 41, 60, None),
        (3600, 0, 60, None),
    ],
)
def test_a_turn_waits_as_long_as_it_is_asked_to_but_not_for_ever(
    retry_after_s: float, elapsed_s: float, limit_s: float, expected_s: float | None
) -> None:
    error = fault(Code.RATE_LIMITED, retry_after_s=retry_after_s)
    assert wait_s(error, Allowance(4, limit_s), elapsed_s=elapsed_s) == expected_s


def test_nobody_waits_while_there_is_somebody_else_to_ask() -> None:
    assert after(fault(Code.RATE_LIMITED, retry_after_s=5), elsewhere=True) is Next.OTHER
    assert after(fault(Code.RATE_LIMITED), elsewhere=True) is Next.OTHER
    assert after(fault(Code.SERVER_ERROR, status=503, retry_after_s=5), elsewhere=True) is Next.OTHER
    assert isinstance(after(fault(Code.SERVER_ERROR, status=503), elsewhere=True), Same)


def test_who_asks_us_to_come_back_soon_is_asked_again_though_out() -> None:
    assert wait_s(fault(Code.RATE_LIMITED, retry_after_s=5), known=True) == 5


def test_a_first_word_that_never_came_is_not_waited_for_again() -> None:
    assert after(fault(Code.STALLED, retryable=False)) is Next.OTHER


def test_a_prompt_that_is_too_long_is_trimmed_once_if_it_can_be() -> None:
    error = fault(Code.CONTEXT_OVERFLOW, status=400)
    assert after(error, shorter=True) == Same(0)
    assert after(error, shorter=True, tries_here=2) is Next.OTHER
    assert after(error) is Next.OTHER


def test_money_and_keys_are_left_alone_for_long() -> None:
    assert {code for code, rule in RULES.items() if rule.breaks_s == PROBE_S} == {Code.BAD_KEY, Code.NO_MONEY}


def test_breakers_are_named_as_operators_know_them() -> None:
    assert [key_of(ROUTES[0], scope) for scope in (Scope.ACCOUNT, Scope.OFFER, Scope.ENDPOINT)] == [
        "account one/a",
        "model small at one",
        "endpoint one",
    ]
