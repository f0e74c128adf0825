"""How long a request may be at each endpoint and account, learned from their refusals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from cachetools import FIFOCache

from core.errors import Code, LengthLimit, ModelError
from core.llm.catalog import Route
from core.llm.images import images_of
from core.llm.messages import message_to_text
from core.llm.prompt_fitting import fit
from core.ports.model import Request
from core.values.conversation import Message
from core.values.deltas import ModelInfo

LEARNT_S = 3600.0
"""Seconds for which a limit counts: a plan may be raised, or a server started with a larger window."""
MOST = 1_000
"""The most limits kept: people may ask for models by names of their own."""
TOO_LONG = frozenset({Code.CONTEXT_OVERFLOW, Code.TOO_LARGE})

_HALF = 0.5
_TOKEN_LENGTH = 4
"""Characters of text that are about one token."""
_MARGIN = 0.9
"""The part of a limit that a shortened request fills: counts differ."""
_LEAST_PART = 4
"""Requests are cut to no less than this part of a limit, even where the limit refuses what fits by our count."""
NO_LIMIT = LengthLimit()


@dataclass(frozen=True, slots=True)
class _Known:
    """What refusals of one model or account say. `tokens`: what requests are cut to, 0 where no refusal named a limit.
    `limit` and `length` (characters) are those of the last refusal and its request; `shortest` is the length of the
    shortest refused request. `counts`: the tokens that refusals name are the request's, as far as is known."""

    until: float = 0.0
    tokens: int = 0
    limit: LengthLimit = NO_LIMIT
    length: int = 0
    shortest: float = math.inf
    counts: bool = True


@dataclass(frozen=True, slots=True)
class RejectedRequest:
    """A request that was refused for its length. `messages` are those of `request` that were sent, fitted into
    `window` tokens."""

    request: Request
    messages: tuple[Message, ...]
    window: int


@dataclass(slots=True)
class ContextWindows:
    """A model's window is the same for all accounts of an endpoint, a plan's limit is the account's own."""

    _learned: FIFOCache[str, _Known] = field(default_factory=lambda: FIFOCache(MOST))

    def model_info(self, route: Route, now: float) -> ModelInfo:
        """The card of `route`, with the smallest limit that is known."""
        limits = [self._known(key, now).tokens for key in (_offer(route), _plan(route))]
        tokens = min(limit or route.model_info.context_tokens for limit in limits)
        return replace(route.model_info, context_tokens=min(tokens, route.model_info.context_tokens))

    def shortened(
        self, route: Route, error: ModelError, refused: RejectedRequest, now: float
    ) -> tuple[Message, ...]:
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
        self._learned[key] = _Known(now + LEARNT_S, tokens, error.limit, length, shortest, counts)
        ways = []
        if error.limit.share and counts:
            ways.append(fit(refused.request, before, share=_MARGIN * error.limit.share))
        if not kept_to and (after := self.model_info(route, now)) != before:
            ways.append(fit(refused.request, after))
        if shorter := [way for way in ways if way != refused.messages]:
            return min(shorter, key=_length)
        return refused.messages if kept_to or _length(half) >= known.shortest else half

    def _known(self, key: str, now: float) -> _Known:
        known = self._learned.get(key)
        return known if known is not None and now < known.until else _Known()


def _length(messages: tuple[Message, ...]) -> int:
    """In characters, a picture as the text of as many tokens."""
    text = sum(len(message_to_text(message)) for message in messages)
    return text + _TOKEN_LENGTH * sum(image.tokens for image in images_of(messages))


def _offer(route: Route) -> str:
    return f"model {route.offer}"


def _plan(route: Route) -> str:
    return f"account {route.account.name}, {route.model_info.name}"
