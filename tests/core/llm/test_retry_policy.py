"""Properties of the decision table beside its rows (test_decisions), and the arithmetic of waiting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from core.errors import Code, ModelError
from core.llm.catalog import Account, Route
from core.llm.errors import fault
from core.llm.retry_policy import (
    PROBE_S,
    RULES,
    BlameScope,
    FailedAttempt,
    FailureAction,
    RetryBudget,
    RetrySameRoute,
    decide,
    key_of,
)
from core.values.deltas import ModelInfo

ROUTE = Route(Account("one/a", "one", "http://one/v1", SecretStr("sk-test")), ModelInfo("small"), "small")


def failed(error: ModelError, **more: Any) -> FailedAttempt:
    return replace(FailedAttempt(error, 1, 1, 0.0), **more)


def after(
    error: ModelError, allowance: RetryBudget | None = None, **more: Any
) -> RetrySameRoute | FailureAction:
    return decide(failed(error, **more), allowance or RetryBudget(), jitter=0.0)


def wait_s(error: ModelError, allowance: RetryBudget | None = None, **more: Any) -> float | None:
    step = after(error, allowance, **more)
    return step.wait_s if isinstance(step, RetrySameRoute) else None


BLAMED = {
    None: {Code.BAD_REQUEST, Code.CONTEXT_OVERFLOW, Code.POLICY, Code.TOO_LARGE, Code.SETTINGS},
    BlameScope.ACCOUNT: {Code.BAD_KEY, Code.NO_MONEY, Code.FORBIDDEN, Code.RATE_LIMITED},
    BlameScope.OFFER: {Code.NO_MODEL, Code.EMPTY},
    BlameScope.ENDPOINT: {
        *(Code.WRONG_URL, Code.SERVER_ERROR, Code.GATEWAY_TIMEOUT, Code.UNREACHABLE),
        *(Code.STALLED, Code.CUT, Code.ERROR_IN_STREAM, Code.GARBLED),
    },
}


def test_each_failure_is_counted_against_whose_fault_it_was() -> None:
    blamed = {scope: {code for code, rule in RULES.items() if rule.blames is scope} for scope in BLAMED}
    assert blamed == BLAMED
    assert set().union(*BLAMED.values()) == set(RULES)


@pytest.mark.parametrize("code", RULES)
def test_once_a_word_is_visible_there_is_no_going_back(code: Code) -> None:
    assert (
        after(fault(code, retryable=True), visible=True, shorter=True, elsewhere=True) is FailureAction.GIVE_UP
    )


@pytest.mark.parametrize("code", RULES)
def test_when_the_budget_is_spent_nobody_else_is_asked(code: Code) -> None:
    assert after(fault(code), tries=4) is FailureAction.GIVE_UP
    assert after(fault(code), elapsed_s=60.1) is FailureAction.GIVE_UP
    assert after(fault(code), RetryBudget(4, 0.0), elapsed_s=0.01) is FailureAction.GIVE_UP


@pytest.mark.parametrize("code", sorted(set(RULES) - {Code.CONTEXT_OVERFLOW}))
def test_who_is_out_for_a_known_reason_is_asked_once(code: Code) -> None:
    assert not isinstance(after(fault(code), known=True), RetrySameRoute)


def test_a_wait_doubles_up_to_eight_seconds() -> None:
    error = fault(Code.SERVER_ERROR, status=502)
    assert [wait_s(error, route_tries=n) for n in (1, 2, 3)] == [0.5, 1.0, None]
    assert decide(failed(error), RetryBudget(), jitter=1.0) == RetrySameRoute(0.375)


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
    assert wait_s(error, RetryBudget(4, limit_s), elapsed_s=elapsed_s) == expected_s


def test_nobody_waits_while_there_is_somebody_else_to_ask() -> None:
    assert after(fault(Code.RATE_LIMITED, retry_after_s=5), elsewhere=True) is FailureAction.OTHER
    assert after(fault(Code.RATE_LIMITED), elsewhere=True) is FailureAction.OTHER
    assert after(fault(Code.SERVER_ERROR, status=503, retry_after_s=5), elsewhere=True) is FailureAction.OTHER
    assert isinstance(after(fault(Code.SERVER_ERROR, status=503), elsewhere=True), RetrySameRoute)


def test_who_asks_us_to_come_back_soon_is_asked_again_though_out() -> None:
    assert wait_s(fault(Code.RATE_LIMITED, retry_after_s=5), known=True) == 5


def test_a_first_word_that_never_came_is_not_waited_for_again() -> None:
    assert after(fault(Code.STALLED, retryable=False)) is FailureAction.OTHER


def test_a_prompt_that_is_too_long_is_trimmed_once_if_it_can_be() -> None:
    error = fault(Code.CONTEXT_OVERFLOW, status=400)
    assert after(error, shorter=True) == RetrySameRoute(0)
    assert after(error, shorter=True, route_tries=2) is FailureAction.OTHER
    assert after(error) is FailureAction.OTHER


def test_money_and_keys_are_left_alone_for_long() -> None:
    assert {code for code, rule in RULES.items() if rule.breaks_s == PROBE_S} == {Code.BAD_KEY, Code.NO_MONEY}


def test_breakers_are_named_as_operators_know_them() -> None:
    assert [key_of(ROUTE, scope) for scope in (BlameScope.ACCOUNT, BlameScope.OFFER, BlameScope.ENDPOINT)] == [
        "account one/a",
        "model small@one",
        "endpoint one",
    ]
