"""Concurrent requests of one account: a limit learned from refusals, and a fair queue.

https://api-docs.deepseek.com/quick_start/rate_limit and many gateways limit concurrent requests and report it only by a
429. A 429 halves the limit; each minute without one raises it by one.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque

REGROWTH_S = 60.0
"""Seconds after which the limit grows by one."""


class LearnedLimit:
    """Additive increase, multiplicative decrease. Pure: times are arguments, in seconds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._at = 0.0
        self._halved_at = float("-inf")

    def at(self, now: float) -> int:
        """The limit at `now`, at least one."""
        grown = max(0.0, now - self._at) / REGROWTH_S  # a task that waited may pass an earlier time
        return int(min(self._most, self._limit + grown))

    def halve(self, now: float, began_at: float, under_way: int) -> None:
        """Record the refusal of a request that began at `began_at`, with `under_way` requests in all.

        Only the first refusal of a burst counts. The refusal of a single request says nothing about concurrency.
        """
        if began_at <= self._halved_at or under_way < 2:
            return
        self._limit = max(1.0, min(self.at(now), under_way) / 2)
        self._at = self._halved_at = now


SPARED = 4
"""One person leaves one of this many slots to others, and at least one of two or more."""


def share(limit: int) -> int:
    """The largest number of the `limit` slots that one person may hold."""
    return limit - max(1, limit // SPARED) if limit > 1 else limit


class ConcurrencyLimiter:
    """A semaphore with a learned limit and a fair queue.

    The next question belongs to the person with the fewest under way; that person's places alternate. A person holds at
    most `share` slots, so the first question of another person need not wait for one of theirs.
    """

    def __init__(self, most: int) -> None:
        self.limit = LearnedLimit(most)
        self._inside: Counter[str] = Counter()
        self._waiting: OrderedDict[str, OrderedDict[str, deque[asyncio.Future[None]]]] = OrderedDict()

    @property
    def inside(self) -> int:
        return self._inside.total()

    @property
    def waiting(self) -> int:
        """The number of questions that wait for a slot."""
        return sum(len(queue) for places in self._waiting.values() for queue in places.values())

    def full(self, person: str, now: float) -> bool:
        """True if a question of `person` would have to wait."""
        limit = self.limit.at(now)
        return person in self._waiting or self.inside >= limit or self._inside[person] >= share(limit)

    async def enter(self, person: str, place: str, now: float) -> None:
        """Return when a slot is free; `leave` must follow. A cancelled call holds no slot."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(person, OrderedDict()).setdefault(place, deque()).append(turn)
        self._let_in(now)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # assigned a slot and cancelled in the same moment
                self.leave(person, now)
            else:
                self._forget(person, place, turn)
                self._let_in(now)
            raise

    def leave(self, person: str, now: float) -> None:
        self._inside[person] -= 1
        self._inside += Counter()  # drops those with none
        self._let_in(now)

    def _let_in(self, now: float) -> None:
        limit = self.limit.at(now)
        while self.inside < limit and (person := self._next(limit)) is not None:
            turn = self._take(person)
            if not turn.cancelled():  # else its task will remove itself
                self._inside[person] += 1
                turn.set_result(None)

    def _next(self, limit: int) -> str | None:
        """The next person: of those with the fewest under way, the one who has had none for longest."""
        within = (person for person in self._waiting if self._inside[person] < share(limit))
        return min(within, key=self._inside.__getitem__, default=None)

    def _take(self, person: str) -> asyncio.Future[None]:
        """The first question of the next place of `person`. Both move to the end of their queues."""
        places = self._waiting.pop(person)
        place, queue = places.popitem(last=False)
        turn = queue.popleft()
        if queue:
            places[place] = queue
        if places:
            self._waiting[person] = places
        return turn

    def _forget(self, person: str, place: str, turn: asyncio.Future[None]) -> None:
        places = self._waiting.get(person, OrderedDict())
        queue = places.get(place, deque())
        if turn in queue:
            queue.remove(turn)
        if not queue:
            places.pop(place, None)
        if not places:
            self._waiting.pop(person, None)
