"""How many answers an account is asked for at once: a limit that learns, and a fair queue before it.

https://api-docs.deepseek.com/quick_start/rate_limit and many gateways limit answers at once, and tell of it by 429
alone: a 429 halves what was under way, and each quiet minute gives one back.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque

REGROWTH_S = 60.0
"""How long until the limit has grown back by one."""


class LearnedLimit:
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


SPARED = 4
"""One person's questions leave one place in so many free for others; at least one, where there are two or more."""


def share(limit: int) -> int:
    """How many of `limit` places one person's questions may hold."""
    return limit - max(1, limit // SPARED) if limit > 1 else limit


class ConcurrencyLimiter:
    """Lets in as many as the limit allows; the others wait. The next is a question of the person who has the fewest
    inside, from the places of theirs in turn. Nobody holds more than their `share`, so that another's first question
    need not wait for one of theirs to end."""

    def __init__(self, most: int) -> None:
        self.limit = LearnedLimit(most)
        self._inside: Counter[str] = Counter()
        self._waiting: OrderedDict[str, OrderedDict[str, deque[asyncio.Future[None]]]] = OrderedDict()

    @property
    def inside(self) -> int:
        return self._inside.total()

    def full(self, person: str, now: float) -> bool:
        """Whether a question of `person` would have to wait."""
        limit = self.limit.at(now)
        return person in self._waiting or self.inside >= limit or self._inside[person] >= share(limit)

    async def enter(self, person: str, place: str, now: float) -> None:
        """Return when let in; `leave` must follow. Cancelled, it has not entered."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(person, OrderedDict()).setdefault(place, deque()).append(turn)
        self._let_in(now)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in and called off at the same moment
                self.leave(person, now)
            else:
                self._forget(person, place, turn)
                self._let_in(now)
            raise

    def leave(self, person: str, now: float) -> None:
        self._inside[person] -= 1
        self._inside += Counter()  # only those who have some inside are kept
        self._let_in(now)

    def _let_in(self, now: float) -> None:
        limit = self.limit.at(now)
        while self.inside < limit and (person := self._next(limit)) is not None:
            turn = self._take(person)
            if not turn.cancelled():  # else its task has not run since, and will find itself forgotten
                self._inside[person] += 1
                turn.set_result(None)

    def _next(self, limit: int) -> str | None:
        """Who is next: of those with the fewest inside the one who has not been for longest."""
        within = (person for person in self._waiting if self._inside[person] < share(limit))
        return min(within, key=self._inside.__getitem__, default=None)

    def _take(self, person: str) -> asyncio.Future[None]:
        """The first question of the next place of `person`; both go behind the others."""
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
