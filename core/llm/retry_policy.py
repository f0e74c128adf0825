"""The rules of the retry loop: one table by error code, and the decisions. Pure.

A rule says whether the same route may be tried again, which other routes this turn skips, and which circuit breaker
counts the failure. `core.i18n` has the texts for people and operators by the same code.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.errors import Code, ModelError
from core.llm.catalog import Route
from core.llm.context_windows import TOO_LONG

PROBE_S = 900.0
"""Seconds until an account without money or with a wrong key is probed."""
BREAK_S = 30.0
"""Seconds for which a breaker first opens. Each further break is twice as long."""
INLINE_S = 20.0
"""The longest Retry-After, in seconds, that a turn waits for."""
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0


class BlameScope(StrEnum):
    """The scope of a failure, narrowest first."""

    ROUTE = "route"
    """This account with this model."""
    ACCOUNT = "account"
    OFFER = "offer"
    """This model at this endpoint."""
    MODEL = "model"
    ENDPOINT = "endpoint"
    SMALL = "small"
    """Every model whose window is not larger."""
    ALL = "all"
    """Every account and model: the same refusal is expected of all."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """The consequences of a failure.

    `same`: maximum number of further tries of the same route. `leaves`: the routes that this turn does not try
    again. `blames`: the breaker that counts the failure, if any. `breaks_s`: seconds for which that breaker
    opens at once; 0 opens it only after too many failures. `alerts`: operators are alerted at once, not only
    when a breaker opens. `reports`: operators are alerted when a question has failed for this reason. `eager`:
    another account comes before a second try of the same one. `level`: the log level.
    """

    same: int
    leaves: BlameScope
    blames: BlameScope | None = None
    breaks_s: float = 0.0
    alerts: bool = False
    reports: bool = False
    eager: bool = False
    level: int = logging.WARNING


_NO_USE = RetryRule(0, BlameScope.ALL, level=logging.INFO)
_ONCE_MORE = RetryRule(1, BlameScope.ROUTE, BlameScope.ENDPOINT)

RULES: dict[Code, RetryRule] = {
    # The client has already repaired a refused field; another endpoint may accept the request.
    Code.BAD_REQUEST: RetryRule(0, BlameScope.ROUTE, level=logging.ERROR),
    Code.CONTEXT_OVERFLOW: RetryRule(1, BlameScope.SMALL, level=logging.INFO),  # the one retry is shortened
    Code.POLICY: _NO_USE,
    Code.TOO_LARGE: RetryRule(
        1, BlameScope.ROUTE, level=logging.INFO
    ),  # likewise: larger than a plan or a proxy takes
    Code.BAD_KEY: RetryRule(0, BlameScope.ACCOUNT, BlameScope.ACCOUNT, PROBE_S, alerts=True),
    Code.NO_MONEY: RetryRule(0, BlameScope.ACCOUNT, BlameScope.ACCOUNT, PROBE_S, alerts=True),
    Code.FORBIDDEN: RetryRule(0, BlameScope.ROUTE, BlameScope.ACCOUNT, alerts=True),
    Code.NO_MODEL: RetryRule(0, BlameScope.OFFER, BlameScope.OFFER, BREAK_S, alerts=True),
    Code.WRONG_URL: RetryRule(0, BlameScope.ENDPOINT, BlameScope.ENDPOINT, BREAK_S, alerts=True),
    Code.SETTINGS: RetryRule(0, BlameScope.ENDPOINT),  # the address of a workspace's account is refused
    Code.RATE_LIMITED: RetryRule(2, BlameScope.ROUTE, BlameScope.ACCOUNT, eager=True),
    Code.SERVER_ERROR: RetryRule(2, BlameScope.ROUTE, BlameScope.ENDPOINT),
    Code.GATEWAY_TIMEOUT: RetryRule(
        0, BlameScope.ROUTE, BlameScope.ENDPOINT
    ),  # the request may still run there and be charged
    Code.UNREACHABLE: RetryRule(1, BlameScope.ENDPOINT, BlameScope.ENDPOINT, reports=True),
    Code.STALLED: _ONCE_MORE,
    Code.CUT: _ONCE_MORE,
    Code.ERROR_IN_STREAM: _ONCE_MORE,
    Code.EMPTY: RetryRule(1, BlameScope.MODEL, BlameScope.OFFER),
    Code.GARBLED: RetryRule(1, BlameScope.ENDPOINT, BlameScope.ENDPOINT),
}

_ABOUT_THE_QUESTION = RetryRule(0, BlameScope.ALL, level=logging.ERROR)
"""The rule for a refusal for an unknown reason that quotes the question."""
_ONLY_ONCE_MORE_TO = 500
"""The highest status of a server error that may concern this request rather than a passing state of the server."""


def rule_for(error: ModelError) -> RetryRule:
    """The rule for an error, by its code, and for some by its status or quotation."""
    if error.code is Code.BAD_REQUEST and error.quotes:
        return _ABOUT_THE_QUESTION
    if error.code is Code.SERVER_ERROR and 0 < error.status <= _ONLY_ONCE_MORE_TO:
        return _ONCE_MORE
    return RULES[error.code]


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """The limits of one turn: `tries` in all, and `seconds` from the start of the first to the start of the last,
    without the time in queues."""

    tries: int = 4
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """The state of a turn after a failure. `tries`: in all; `route_tries`: of this route.

    `visible`: text of the answer has been shown. `known`: the breaker was open for this same reason, and the route was
    tried only because no other was left. `elsewhere`: another route of the same model is free. `shorter`: the messages
    can be cut.
    """

    error: ModelError
    tries: int
    route_tries: int
    elapsed_s: float
    visible: bool = False
    known: bool = False
    elsewhere: bool = False
    shorter: bool = False


@dataclass(frozen=True, slots=True)
class RetrySameRoute:
    """Try the same account and model again after `wait_s` seconds."""

    wait_s: float


class FailureAction(StrEnum):
    """The alternatives to `RetrySameRoute`."""

    OTHER = "other"
    """Try one of the remaining routes; without any, give up."""
    GIVE_UP = "give_up"
    """Show the error."""


def decide(failed: FailedAttempt, allowance: RetryBudget, jitter: float) -> RetrySameRoute | FailureAction:
    """The reaction to a failure. A turn is not retried once text is visible.

    `jitter`, from 0 to 1, spreads retries. A Retry-After of up to INLINE_S is waited for if no other route is left.
    """
    error, rule = failed.error, rule_for(failed.error)
    left_s = allowance.seconds - failed.elapsed_s
    if failed.visible or failed.tries >= allowance.tries or left_s < 0 or rule.leaves is BlameScope.ALL:
        return FailureAction.GIVE_UP
    if error.code in TOO_LONG:
        return RetrySameRoute(0) if failed.shorter and failed.route_tries <= rule.same else FailureAction.OTHER
    invited = error.retry_after_s is not None and error.retry_after_s <= INLINE_S
    if not error.retryable or failed.route_tries > rule.same or (failed.known and not invited):
        return FailureAction.OTHER
    if failed.elsewhere and (rule.eager or error.retry_after_s is not None):
        return FailureAction.OTHER
    wait_s: float = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (failed.route_tries - 1)) * (1 - 0.25 * jitter)
    if error.retry_after_s is not None:
        if error.retry_after_s > INLINE_S:
            return FailureAction.OTHER
        wait_s = max(error.retry_after_s, wait_s / 2) + 0.25 * jitter
    return RetrySameRoute(wait_s) if wait_s <= left_s else FailureAction.OTHER


def remaining_routes(routes: Iterable[Route], route: Route, scope: BlameScope) -> list[Route]:
    """The routes that may still be tried after `route` has failed for good in `scope`."""
    return [other for other in routes if other != route and not _about(scope, route, other)]


def _about(scope: BlameScope, route: Route, other: Route) -> bool:
    match scope:
        case BlameScope.ROUTE:
            return False
        case BlameScope.ACCOUNT:
            return other.account.name == route.account.name
        case BlameScope.OFFER:
            return other.offer == route.offer
        case BlameScope.MODEL:
            return other.model_info.name == route.model_info.name
        case BlameScope.ENDPOINT:
            return other.account.endpoint == route.account.endpoint
        case BlameScope.SMALL:
            return other.model_info.context_tokens <= route.model_info.context_tokens
        case BlameScope.ALL:
            return True


def key_of(route: Route, scope: BlameScope) -> str:
    """The name of the breaker of `route` for `scope`, as in logs and alerts."""
    return {
        BlameScope.ACCOUNT: f"account {route.account.name}",
        BlameScope.OFFER: f"model {route.offer}",
        BlameScope.ENDPOINT: f"endpoint {route.account.endpoint}",
    }[scope]


BREAKERS = (BlameScope.ACCOUNT, BlameScope.OFFER, BlameScope.ENDPOINT)


def keys_of(route: Route) -> tuple[str, ...]:
    """The keys of all circuit breakers of a route."""
    return tuple(key_of(route, scope) for scope in BREAKERS)
