"""How long a request may be at each endpoint and account, as their refusals have told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from cachetools import FIFOCache

from core.errors import Code, LengthLimit, ModelError
from core.llm.catalog import Route
from core.llm.messages import message_to_text
from core.llm.prompt_fitting import fit
from core.ports.model import Request
from core.values.conversation import Message
from core.values.deltas import ModelInfo

LEARNT_S = 3600.0
"""For so long a limit is believed: a plan may be raised, a server started with a larger window."""
MOST = 1_000
"""Most limits remembered: people may ask for models by names of their own."""
TOO_LONG = frozenset({Code.CONTEXT_OVERFLOW, Code.TOO_LARGE})

_HALF = 0.5
_MARGIN = 0.9
"""How far below a limit a shortened request is kept: counts differ."""
_LEAST_PART = 4
"""Of a limit that refuses what is within it by our count, one part in so many is the least that is kept to."""
NOTHING_TOLD = LengthLimit()


@dataclass(frozen=True, slots=True)
class _Known:
    """What refusals of one model or account have told. `tokens`: what requests are cut to, 0 where no limit was named.
    `limit` and `length` (characters) are the last refusal's and its request's; `shortest` is the length of the
    shortest request that was refused. `counts`: the tokens that refusals name are the request's, as far as is known."""

    until: float = 0.0
    tokens: int = 0
    limit: LengthLimit = NOTHING_TOLD
    length: int = 0
    shortest: float = math.inf
    counts: bool = True


@dataclass(frozen=True, slots=True)
class TooLong:
    """A request that was refused for its length. `messages` are those of `request` that were sent, fitted into
    `window` tokens."""

    request: Request
    messages: tuple[Message, ...]
    window: int


@dataclass(slots=True)
class Windows:
    """A model's window is the same for all accounts of an endpoint, a plan's limit is the account's own."""

    _told: FIFOCache[str, _Known] = field(default_factory=lambda: FIFOCache(MOST))

    def model_info(self, route: Route, now: float) -> ModelInfo:
        """The card of `route`, with the smallest limit that is known."""
        limits = [self._known(key, now).tokens for key in (_offer(route), _plan(route))]
        tokens = min(limit or route.model_info.context_tokens for limit in limits)
        return replace(route.model_info, context_tokens=min(tokens, route.model_info.context_tokens))

    def shortened(self, route: Route, error: ModelError, refused: TooLong, now: float) -> tuple[Message, ...]:
        """The messages cut to the limit that the refusal tells, or else by half; as they are where the refusal tells
        nothing new and would most likely come again."""
        key = _offer(route) if error.code is Code.CONTEXT_OVERFLOW else _plan(route)
        known, length = self._known(key, now), _length(refused.messages)
        before = replace(route.model_info, context_tokens=refused.window)
        half = fit(refused.request, before, share=_HALF)
        again = error.limit.tokens > 0 and error.limit == known.limit
        kept_to = again and refused.window <= known.tokens
        tokens = known.tokens if again else error.limit.tokens or known.tokens
        if kept_to and _length(half) < length:
            tokens = max(tokens // 2, error.limit.tokens // _LEAST_PART)
        counts = known.counts and not (again and length != known.length)
        shortest = min(known.shortest, length)
        self._told[key] = _Known(now + LEARNT_S, tokens, error.limit, length, shortest, counts)
        ways = []
        if error.limit.share and counts:
            ways.append(fit(refused.request, before, share=_MARGIN * error.limit.share))
        if not kept_to and (after := self.model_info(route, now)) != before:
            ways.append(fit(refused.request, after))
        if shorter := [way for way in ways if way != refused.messages]:
            return min(shorter, key=_length)
        return refused.messages if kept_to or _length(half) >= known.shortest else half

    def _known(self, key: str, now: float) -> _Known:
        known = self._told.get(key)
        return known if known is not None and now < known.until else _Known()


def _length(messages: tuple[Message, ...]) -> int:
    return sum(len(message_to_text(message)) for message in messages)


def _offer(route: Route) -> str:
    return f"model {route.offer}"


def _plan(route: Route) -> str:
    return f"account {route.account.name}, {route.model_info.name}"
