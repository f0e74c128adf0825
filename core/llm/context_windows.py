"""The longest request of each endpoint and account, learned from refusals."""

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
"""Seconds for which a learned limit counts: a plan may be raised, or a server restarted with a larger window."""
MOST = 1_000
"""Maximum number of limits kept. People may ask for models by any name."""
TOO_LONG = frozenset({Code.CONTEXT_OVERFLOW, Code.TOO_LARGE})

_HALF = 0.5
_TOKEN_LENGTH = 4
"""Characters of text per token, approximately."""
_MARGIN = 0.9
"""Share of a limit that a shortened request fills, because token counts differ."""
_LEAST_PART = 4
"""A request is cut to no less than a limit divided by this, even if the endpoint refuses a request that fits by
our estimate."""
NO_LIMIT = LengthLimit()


@dataclass(frozen=True, slots=True)
class _Known:
    """The limits that refusals of one model or account name. `tokens`: requests are cut to them; 0 where no
    refusal named a limit. `limit` and `length` (characters) are those of the last refusal and its request;
    `shortest` is the length of the shortest refused request. `counts`: the tokens that refusals name are the
    request's, as far as is known."""

    until: float = 0.0
    tokens: int = 0
    limit: LengthLimit = NO_LIMIT
    length: int = 0
    shortest: float = math.inf
    counts: bool = True


@dataclass(frozen=True, slots=True)
class RejectedRequest:
    """A request that was refused for its length. `messages`: those of `request` that were sent, fitted into `window`
    tokens."""

    request: Request
    messages: tuple[Message, ...]
    window: int


@dataclass(slots=True)
class ContextWindows:
    """Learned limits. A model's window is shared by all accounts of an endpoint; a plan's limit belongs to one
    account."""

    _learned: FIFOCache[str, _Known] = field(default_factory=lambda: FIFOCache(MOST))

    def model_info(self, route: Route, now: float) -> ModelInfo:
        """The `ModelInfo` of `route`, with the smallest known limit."""
        limits = [self._known(key, now).tokens for key in (_offer(route), _plan(route))]
        tokens = min(limit or route.model_info.context_tokens for limit in limits)
        return replace(route.model_info, context_tokens=min(tokens, route.model_info.context_tokens))

    def shortened(
        self, route: Route, error: ModelError, refused: RejectedRequest, now: float
    ) -> tuple[Message, ...]:
        """The messages cut to the limit that the refusal names, else by half. They are unchanged if the refusal
        gives no new information and would most likely repeat."""
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
    """The length in characters; an image counts as text of the same number of tokens."""
    text = sum(len(message_to_text(message)) for message in messages)
    return text + _TOKEN_LENGTH * sum(image.tokens for image in images_of(messages))


def _offer(route: Route) -> str:
    return f"model {route.offer}"


def _plan(route: Route) -> str:
    return f"account {route.account.name}, {route.model_info.name}"
