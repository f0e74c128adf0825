"""The arithmetic of edit budgets: when may the next call go, and whose should it be? Pure; time comes in.

Sources: https://docs.slack.dev/apis/web-api/rate-limits, https://docs.discord.com/developers/topics/rate-limits
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from core.values.outgoing import RateLimit, RateLimitStatus

HORIZON_S = 3.0
"""The time in which most of a burst is spent: an answer takes about so long to be written."""
LAG_S = 0.1
"""By how much later than we think the platform may see a call, and so begin to count."""
_AT_ONCE = 10
"""Strokes that go at the same moment; of more, the last would arrive when the next window has begun."""
_CUT_MOST, _CUT_LEAST = 0.5, 0.9
_LEAST_SHARE = 0.05
_RECOVER_PER_S = 0.05 / 60


class Rank(IntEnum):
    """What a call shows. First words and last words go before words in between."""

    MIDDLE = 0
    LAST = 1
    FIRST = 2


@dataclass(frozen=True, slots=True)
class Reservation:
    """A call's draw on a meter: when, and which part of what we believed in was drawn before it, from 0 to 1."""

    limiter: Limiter
    at: float
    used: float


class Limiter:
    """What is left of one budget, as far as we know: reckoned, told by the platform, learned from refusals.

    A refusal means that the platform is less generous than told: what had been drawn before it was granted, and
    is all that we believe in from then on, though never less than half of what it was. That grows back slowly.
    """

    def __init__(self, budget: RateLimit) -> None:
        self.budget = budget
        self.blocked_until = 0.0
        self.middle_at = 0.0
        self._share = 1.0
        self._learned_at = float("-inf")

    def share(self, now: float) -> float:
        """How much of the budget we believe in, from 0 to 1."""
        return min(1.0, self._share + max(0.0, now - self._learned_at) * _RECOVER_PER_S)

    def burst(self, now: float) -> float:
        return max(1.0, self.budget.burst * self.share(now))

    def per_s(self, now: float) -> float:
        return self.budget.per_s * self.share(now)

    def wait_s(self, now: float, rank: Rank = Rank.LAST) -> float:
        """Seconds until a call may draw on it: 0 now. Words in between leave a reserve, and keep a gap."""
        wait_s = max(0.0, self.blocked_until - now, self._short_s(now, rank is Rank.MIDDLE))
        return max(wait_s, self.middle_at - now) if rank is Rank.MIDDLE else wait_s

    def take(self, now: float, rank: Rank = Rank.LAST) -> Reservation:
        drawn = Reservation(self, now, self.used(now))
        self._draw(now)
        if rank is Rank.MIDDLE:
            self.middle_at = now + self.gap_s(now)
        return drawn

    def refuse(self, drawn: Reservation, now: float, retry_after_s: float) -> None:
        """The platform said no: nothing goes before `retry_after_s` has passed, and then no burst."""
        if drawn.at > self._learned_at:  # else it was under way when another was refused, for the same reason
            granted = min(_CUT_LEAST, max(_CUT_MOST, drawn.used))
            self._share, self._learned_at = max(_LEAST_SHARE, self.share(now) * granted), now
        self.blocked_until = max(self.blocked_until, now + retry_after_s)

    def end(self, drawn: Reservation, now: float) -> None:
        """A call that was taken is no longer under way."""

    def tell(self, now: float, left: RateLimitStatus) -> None:
        """The platform said what is left. Only windows can make use of that."""

    def rate(self, now: float) -> float:
        """Strokes a second that it is good for in the time to come, its burst included."""
        return 1 / max(1e-6, self.gap_s(now))

    def gap_s(self, now: float) -> float:
        """How far apart words in between should be shown, so that what is left lasts."""
        raise NotImplementedError

    def used(self, now: float) -> float:
        """Which part of what we believe in is drawn."""
        raise NotImplementedError

    def full(self, now: float) -> bool:
        """Whether it has forgotten all that happened."""
        return now >= self.blocked_until and self.share(now) == 1.0

    def _short_s(self, now: float, reserved: bool) -> float:
        raise NotImplementedError

    def _draw(self, now: float) -> None:
        raise NotImplementedError


class Bucket(Limiter):
    """Tokens that flow back."""

    def __init__(self, budget: RateLimit) -> None:
        super().__init__(budget)
        self._level = budget.burst
        self._spent = 0
        self._at = 0.0
        self._opened_at: float | None = None

    def level(self, now: float) -> float:
        if now > self._at:
            self._level = min(self.burst(now), self._level + (now - self._at) * self.per_s(now))
            self._at = now
        return self._level

    def used(self, now: float) -> float:
        if self.level(now) >= self.burst(now):
            self._spent = 0
        return self._spent / max(1.0, self._spent + self._level)

    def gap_s(self, now: float) -> float:
        spare = max(0.0, self.level(now) - self._reserve(now))
        return 1 / (self.per_s(now) + spare / HORIZON_S)

    def refuse(self, drawn: Reservation, now: float, retry_after_s: float) -> None:
        super().refuse(drawn, now, retry_after_s)
        self._level, self._spent, self._at = 1.0, 0, self.blocked_until

    def full(self, now: float) -> bool:
        return super().full(now) and self.level(now) >= self.budget.burst

    def _reserve(self, now: float) -> float:
        return min(self.budget.reserve, self.burst(now) - 1.0)

    def _short_s(self, now: float, reserved: bool) -> float:
        missing = 1.0 + (self._reserve(now) if reserved else 0.0) - self.level(now) - 1e-9
        return missing / self.per_s(now) + max(0.0, self._at - now) if missing > 0 else 0.0

    def _draw(self, now: float) -> None:
        was_full = self.level(now) >= self.burst(now)
        self._level -= 1.0
        self._spent += 1
        if was_full:
            self._at, self._opened_at = max(self._at, now + LAG_S), now

    def end(self, drawn: Reservation, now: float) -> None:
        """When the first one of a burst is answered, the platform has surely begun to count: it may not have before."""
        if drawn.at == self._opened_at:
            self._level -= max(0.0, now - drawn.at - LAG_S) * self.per_s(now)
            self._opened_at = None


class Window(Limiter):
    """So many calls until the window closes; the next one after that opens another.

    Where the platform tells, we know its windows. Where it does not, they may lie anywhere, so that no stretch
    of time as long as a window may hold more calls than one.
    """

    def __init__(self, budget: RateLimit) -> None:
        super().__init__(budget)
        self._limit = budget.burst
        self._taken: deque[float] = deque()
        self._under_way = 0
        self._paced_to = 0.0
        self._told: tuple[float, float] | None = None
        """(left, closes at), in what the platform told."""

    def gap_s(self, now: float) -> float:
        left, closes_at = self._open(now)
        if now >= closes_at:
            return self.budget.window_s / self._count(now)
        return (closes_at - now) / (max(0.0, left) + 1.0)

    def rate(self, now: float) -> float:
        return self._count(now) / self.budget.window_s

    def end(self, drawn: Reservation, now: float) -> None:
        self._under_way -= 1

    def tell(self, now: float, left: RateLimitStatus) -> None:
        """Strokes that are under way are not in what was told yet."""
        self._limit = min(self.budget.burst, max(1, left.limit))
        used = left.limit - left.left + self._under_way
        self._told = (self._count(now) - used, max(now + left.for_s, self.blocked_until))

    def used(self, now: float) -> float:
        return 1 - self._open(now)[0] / self._count(now)

    def full(self, now: float) -> bool:
        return super().full(now) and now >= self._open(now)[1]

    def _count(self, now: float) -> float:
        return max(1.0, min(self._limit, float(int(self.burst(now)))))

    def _open(self, now: float) -> tuple[float, float]:
        """(left, closes at) of the window that is open; the latter is past where none is."""
        if self._told is not None:
            return self._told if now < self._told[1] else (self._count(now), now)
        width_s = self.budget.window_s + LAG_S / 2
        while self._taken and self._taken[0] + width_s <= now:
            self._taken.popleft()
        return self._count(now) - len(self._taken), self._taken[0] + width_s if self._taken else now

    def _short_s(self, now: float, reserved: bool) -> float:
        left, closes_at = self._open(now)
        if left < 1.0:
            return closes_at - now
        return self._paced_to - (_AT_ONCE - 1) * self.budget.window_s / self._count(now) - now

    def _draw(self, now: float) -> None:
        left, closes_at = self._open(now)
        if self._told is None:
            self._taken.append(now)
        else:
            self._told = (left - 1.0, closes_at if closes_at > now else now + self.budget.window_s + LAG_S)
        self._paced_to = max(self._paced_to, now) + self.budget.window_s / self._count(now)
        self._under_way += 1


def limiter(budget: RateLimit) -> Limiter:
    return Window(budget) if budget.window_s else Bucket(budget)


@dataclass(frozen=True, slots=True, order=True)
class Urgency:
    """How much the readers of an answer lose by waiting; the greatest goes first."""

    rank: Rank
    loss: float


def urgency(rank: Rank, unread: int, waited_s: float) -> Urgency:
    """First words before last words before the rest; among these, words unread x time."""
    return Urgency(rank, unread * max(waited_s, 0.001))
