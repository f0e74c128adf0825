"""How many answers an account is asked for at once: a limit that learns, and a fair queue before it.

https://api-docs.deepseek.com/quick_start/rate_limit and many gateways limit answers at once, and tell of it by 429
alone: a 429 halves what was under way, and each quiet minute gives one back.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

REGROWTH_S = 60.0
"""How long until the limit has grown back by one."""


class Limit:
    """Additive increase, multiplicative decrease. Pure: times are handed in, in seconds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._at = 0.0
        self._halved_at = float("-inf")

    def at(self, now: float) -> int:
        """How many may be under way now, at least one."""
        grown = max(0.0, now - self._at) / REGROWTH_S  # who waited may come with an old time
        return int(min(self._most, self._limit + grown))

    def halve(self, now: float, began_at: float, under_way: int) -> None:
        """A question that was sent at `began_at` was refused. Of a burst, only the first refusal counts; that of a
        question which was alone says nothing about how many at once are too many."""
        if began_at <= self._halved_at or under_way < 2:
            return
        self._limit = max(1.0, min(self.at(now), under_way) / 2)
        self._at = self._halved_at = now


class Turnstile:
    """Lets in as many as the limit allows; the others wait, and their places take turns."""

    def __init__(self, most: int) -> None:
        self.limit = Limit(most)
        self.inside = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def full(self, now: float) -> bool:
        return bool(self._waiting) or self.inside >= self.limit.at(now)

    async def enter(self, fair_key: str, now: float) -> None:
        """Return when let in; `leave` must follow. Cancelled, it has not entered."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(fair_key, deque()).append(turn)
        self._let_in(now)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in and called off at the same moment
                self.leave(now)
            else:
                self._forget(fair_key, turn)
            raise

    def leave(self, now: float) -> None:
        self.inside -= 1
        self._let_in(now)

    def _let_in(self, now: float) -> None:
        while self._waiting and self.inside < self.limit.at(now):
            fair_key, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[fair_key] = queue  # behind all other places
            if not turn.cancelled():  # else its task has not run since, and will find itself forgotten
                self.inside += 1
                turn.set_result(None)

    def _forget(self, fair_key: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(fair_key, deque())
        if turn in queue:
            queue.remove(turn)
        if not queue:
            self._waiting.pop(fair_key, None)
