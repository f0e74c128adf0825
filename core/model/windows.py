"""How long a request may be at each endpoint and account, as their refusals have told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.errors import Code, ModelError
from core.roster import Route
from core.types import Card

LEARNT_S = 3600.0
"""For so long a limit is believed: a plan may be raised, a server started with a larger window."""
MOST = 1_000
"""Limits remembered: anybody may ask for models by names that nobody wrote down."""
TOO_LONG = frozenset({Code.CONTEXT_OVERFLOW, Code.TOO_LARGE})


@dataclass(slots=True)
class Windows:
    """A model's window is the same for all accounts of an endpoint, a plan's limit is the account's own."""

    _told: dict[str, tuple[int, float]] = field(default_factory=dict)

    def card(self, route: Route, now: float) -> Card:
        """The card of `route`, with the smallest limit that is known."""
        limits = [self._tokens(key, now) for key in (_offer(route), _plan(route))]
        tokens = min(limit or route.card.context_tokens for limit in limits)
        return replace(route.card, context_tokens=min(tokens, route.card.context_tokens))

    def learn(self, route: Route, error: ModelError, now: float) -> None:
        """Keep what the refusal of a request that was too long tells of the limit."""
        if not error.limit.tokens or error.code not in TOO_LONG:
            return
        key = _offer(route) if error.code is Code.CONTEXT_OVERFLOW else _plan(route)
        self._told.pop(key, None)
        self._told[key] = error.limit.tokens, now + LEARNT_S
        if len(self._told) > MOST:
            del self._told[next(iter(self._told))]

    def _tokens(self, key: str, now: float) -> int:
        tokens, until = self._told.get(key, (0, 0.0))
        return tokens if now < until else 0


def _offer(route: Route) -> str:
    return f"model {route.offer}"


def _plan(route: Route) -> str:
    return f"account {route.account.name}, {route.card.name}"
