"""The accounts of a router as an operator sees them: how busy they are, and which breakers are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import Code
from core.i18n import advise
from core.llm.catalog import Route
from core.llm.retry_policy import keys_of
from core.llm.router import ModelRouter


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """A breaker that is open, by its name in logs and alerts. `probe_in_s`: seconds until its next probe, 0 where one
    is due. `advice` is for operators, in the asked language."""

    key: str
    why: Code
    probe_in_s: float
    advice: str


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """An account. `limit`: the requests that it may have under way, of `most` that are configured; `waiting`: those
    that wait for a slot. `key_at` names the setting that holds its key."""

    name: str
    host: str
    key_at: str
    models: tuple[str, ...]
    under_way: int
    waiting: int
    limit: int
    most: int
    breakers: tuple[OpenBreaker, ...]


@dataclass(frozen=True, slots=True)
class AccountLoad:
    """The figures of an account: `slots` are the requests that it may have under way now."""

    account: str
    under_way: int
    waiting: int
    slots: int
    open_breakers: int


def load(router: ModelRouter) -> list[AccountLoad]:
    """The figures of all accounts."""
    return [
        AccountLoad(one.name, one.under_way, one.waiting, one.limit, len(one.breakers))
        for one in overview(router, "en")
    ]


def overview(router: ModelRouter, language: str) -> list[AccountOverview]:
    """The accounts in the order of their preference."""
    accounts: dict[str, list[Route]] = {}
    for route in router.catalog.routes:
        accounts.setdefault(route.account.name, []).append(route)
    return [_account(router, routes, language) for routes in accounts.values()]


def _account(router: ModelRouter, routes: Sequence[Route], language: str) -> AccountOverview:
    account, now = routes[0].account, router.clock.monotonic()
    limiter = router.limiters[account.name]
    return AccountOverview(
        account.name,
        account.host,
        account.key_at,
        tuple(route.model_info.name for route in routes),
        limiter.inside,
        limiter.waiting,
        limiter.limit.at(now),
        account.concurrency,
        tuple(_open_breakers(router, routes, now, language)),
    )


def _open_breakers(
    router: ModelRouter, routes: Sequence[Route], now: float, language: str
) -> list[OpenBreaker]:
    """Those of the account, of its models and of its endpoint, each once."""
    found: dict[str, OpenBreaker] = {}
    for route in routes:
        for key in keys_of(route):
            breaker = router.breakers[key]
            if breaker.why is not None:
                advice = advise(breaker.why, language, route.places)
                found.setdefault(key, OpenBreaker(key, breaker.why, breaker.probe_in_s(now), advice))
    return list(found.values())
