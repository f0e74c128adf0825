"""The bot's global rate limit: every REST call of the bot takes a slot before it is sent.

Discord allows a bot 50 calls a second over all routes; the endpoints of interactions are outside that limit:
https://docs.discord.com/developers/topics/rate-limits#global-rate-limit
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum

import discord

from core.clock import Clock

CALLS, WINDOW_S = 50, 1.0
_MARGIN_S = 0.005
_UNANSWERED_S = 1.0
"""Seconds after its failure in which Discord may still count a call without an answer."""


class Priority(IntEnum):
    """The purpose of a call. The smallest goes first."""

    FIRST = 0  # first words, acknowledgements, and the calls these wait for
    EDIT = 1
    READ = 2  # no person waits for it: reading after downtime
    HINT = 3  # typing


_PATIENCE_S = {Priority.FIRST: 0.0, Priority.EDIT: 0.25, Priority.READ: 1.5, Priority.HINT: 2.0}
"""Seconds from a request until its call is due. The call that is due first goes first."""
_MOST = {Priority.READ: 20, Priority.HINT: 10}
"""The most slots that calls of this priority may hold, so that a question never waits behind them."""


class Limited(discord.RateLimited):
    """A call was refused with status 429, or not sent because it would be.

    `everywhere`: the limit is the bot's or the address's, not one route's.
    """

    def __init__(self, retry_after: float, *, everywhere: bool) -> None:
        super().__init__(retry_after)
        self.everywhere = everywhere


@dataclass(slots=True, eq=False)
class _Waiting:
    due: float
    granted: asyncio.Future[None]


class RateLimiter:
    """Grants slots so that no second, wherever it begins, holds more than `CALLS` calls as Discord counts them.

    Discord counts a call at some moment between its sending and its answer. So a slot is free again `WINDOW_S`
    after the answer, not after the sending.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.part: Callable[[], float] = lambda: 1.0
        """The part of the bot's limit that is this process's, from 0 to 1."""
        self._held: Counter[Priority] = Counter()
        self._ended: list[tuple[float, int, Priority]] = []
        """A heap of the slots whose calls have ended: (free at, number, priority)."""
        self._numbers = itertools.count()
        self._waiting: dict[Priority, deque[_Waiting]] = {priority: deque() for priority in Priority}
        self._timer: asyncio.Task[None] | None = None
        self._bot_paused_until = self._all_paused_until = float("-inf")

    @asynccontextmanager
    async def slot(self, priority: Priority, *, by_bot: bool = True) -> AsyncIterator[None]:
        """Hold a slot for one call; leave the context when it is answered. `by_bot` is False for calls outside the
        bot's limit, which only a pause of all calls stops. Raises Limited during a pause."""
        self.check(by_bot=by_bot)
        if not by_bot:
            yield
            return
        await self._granted(priority)
        late_s = _UNANSWERED_S
        try:
            yield
            late_s = 0.0
        finally:
            free_at = self._clock.monotonic() + WINDOW_S + _MARGIN_S + late_s
            heapq.heappush(self._ended, (free_at, next(self._numbers), priority))
            self._grant()

    @property
    def paused(self) -> bool:
        """True while all calls are paused."""
        return self._clock.monotonic() < self._all_paused_until

    def check(self, *, by_bot: bool) -> None:
        """Raise Limited during a pause."""
        until = self._bot_paused_until if by_bot else self._all_paused_until
        left_s = until - self._clock.monotonic()
        if left_s > 0:
            raise Limited(left_s, everywhere=True)

    def pause(self, seconds: float, *, all_calls: bool) -> None:
        """No call of the bot is sent for so long; with `all_calls`, none at all. Waiting calls raise Limited."""
        until = self._clock.monotonic() + seconds
        self._bot_paused_until = max(self._bot_paused_until, until)
        if all_calls:
            self._all_paused_until = max(self._all_paused_until, until)
        for waiting in itertools.chain.from_iterable(self._waiting.values()):
            if not waiting.granted.done():
                waiting.granted.set_exception(Limited(seconds, everywhere=True))

    async def _granted(self, priority: Priority) -> None:
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[priority].append(_Waiting(self._clock.monotonic() + _PATIENCE_S[priority], granted))
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self._held[priority] -= 1  # granted, and never used
                self._grant()
            raise

    def _grant(self) -> None:
        """Give every free slot to the call that is due first."""
        now = self._clock.monotonic()
        while self._ended and self._ended[0][0] <= now:
            self._held[heapq.heappop(self._ended)[2]] -= 1
        while self._held.total() < max(2, int(CALLS * self.part())) and (priority := self._next()) is not None:
            self._held[priority] += 1
            self._waiting[priority].popleft().granted.set_result(None)
        if self._ended and any(self._waiting.values()) and (self._timer is None or self._timer.done()):
            self._timer = asyncio.create_task(self._grant_later(self._ended[0][0] - now))

    def _next(self) -> Priority | None:
        """The priority whose first waiting call is due first, of those that may hold another slot."""
        for queue in self._waiting.values():
            while queue and queue[0].granted.done():
                queue.popleft()
        ready = [
            priority
            for priority, queue in self._waiting.items()
            if queue and self._held[priority] < max(2, _MOST.get(priority, CALLS) * self.part())
        ]
        return min(ready, key=lambda priority: self._waiting[priority][0].due, default=None)

    async def _grant_later(self, wait_s: float) -> None:
        await self._clock.sleep(wait_s)
        self._timer = None
        self._grant()
