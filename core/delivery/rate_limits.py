"""The arithmetic of rate limits: when the next call may be made, and for which answer. Pure: time is an argument.

Sources: https://docs.slack.dev/apis/web-api/rate-limits, https://docs.discord.com/developers/topics/rate-limits
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from core.values.outgoing import RateLimit, RateLimitStatus

HORIZON_S = 3.0
"""Seconds over which most of a burst is spent: about the duration of an answer."""
LAG_S = 0.1
"""Seconds by which the platform may count a call later than it was made."""
_AT_ONCE = 10
"""Calls made at the same moment. With more, the last would arrive in the next window."""
_CUT_MOST, _CUT_LEAST = 0.5, 0.9
_LEAST_SHARE = 0.05
_RECOVER_PER_S = 0.05 / 60


class Rank(IntEnum):
    """The kind of update that a call shows. First text comes before last text, and both before text in between."""

    MIDDLE = 0
    LAST = 1
    FIRST = 2


@dataclass(frozen=True, slots=True)
class Reservation:
    """One call taken from a limiter. `used`: the part of the limit that was used before it, from 0 to 1."""

    limiter: Limiter
    at: float
    used: float


@dataclass(frozen=True, slots=True)
class LimitState:
    """A rate limit as an operator sees it. `used` and `trusted` are parts from 0 to 1: of the calls of now, and of the
    documented limit after refusals. `blocked_s`: seconds for which the platform has refused further calls."""

    scope: str
    used: float
    trusted: float
    blocked_s: float


class Limiter:
    """The remainder of one rate limit: computed, reported by the platform, and learned from refusals.

    A refusal means that the platform allows less than documented. From then on the limiter trusts what was used before
    the refusal, at least half of what it trusted before. Its share of the limit recovers by 5 % a minute. Where
    other processes share the limit, a refusal says nothing: they may have used it up.
    """

    def __init__(self, budget: RateLimit) -> None:
        self.budget = budget
        self.blocked_until = 0.0
        self.middle_at = 0.0
        self._share = 1.0
        self._learned_at = float("-inf")

    def fit(self, budget: RateLimit) -> None:
        """From now on the limit is `budget`, of the same scope: a process may get a greater or smaller part of it."""
        self.budget = budget

    def share(self, now: float) -> float:
        """The trusted part of the limit, from 0 to 1."""
        return min(1.0, self._share + max(0.0, now - self._learned_at) * _RECOVER_PER_S)

    def burst(self, now: float) -> float:
        return max(1.0, self.budget.burst * self.share(now))

    def per_s(self, now: float) -> float:
        return self.budget.per_s * self.share(now)

    def wait_s(self, now: float, rank: Rank = Rank.LAST) -> float:
        """Seconds until a call may be made. Words in between leave a reserve and keep a gap."""
        wait_s = max(0.0, self.blocked_until - now, self._short_s(now, rank is Rank.MIDDLE))
        return max(wait_s, self.middle_at - now) if rank is Rank.MIDDLE else wait_s

    def take(self, now: float, rank: Rank = Rank.LAST) -> Reservation:
        reservation = Reservation(self, now, self.used(now))
        self._use(now)
        if rank is Rank.MIDDLE:
            self.middle_at = now + self.gap_s(now)
        return reservation

    def refuse(self, reservation: Reservation, now: float, retry_after_s: float) -> None:
        """Record a refusal: no call for `retry_after_s`, and no burst after that."""
        under_way = reservation.at <= self._learned_at  # at another refusal
        if not (under_way or self.budget.shared):
            granted = min(_CUT_LEAST, max(_CUT_MOST, reservation.used))
            self._share, self._learned_at = max(_LEAST_SHARE, self.share(now) * granted), now
        self.blocked_until = max(self.blocked_until, now + retry_after_s)

    def end(self, reservation: Reservation, now: float) -> None:
        """Record the end of a call."""

    def tell(self, now: float, left: RateLimitStatus) -> None:
        """Record the status that the platform reports. Only windows use it."""

    def rate(self, now: float) -> float:
        """Calls a second that it allows from now on, its burst included."""
        return 1 / max(1e-6, self.gap_s(now))

    def gap_s(self, now: float) -> float:
        """Seconds between two calls for text in between, so that the rest of the limit lasts."""
        raise NotImplementedError

    def used(self, now: float) -> float:
        """The used part of the trusted limit."""
        raise NotImplementedError

    def state(self, now: float) -> LimitState:
        """For operators."""
        blocked_s = max(0.0, self.blocked_until - now)
        return LimitState(self.budget.scope, self.used(now), self.share(now), blocked_s)

    def full(self, now: float) -> bool:
        """True if nothing of the limit is used."""
        return now >= self.blocked_until and self.share(now) == 1.0

    def _short_s(self, now: float, reserved: bool) -> float:
        raise NotImplementedError

    def _use(self, now: float) -> None:
        raise NotImplementedError


class Bucket(Limiter):
    """A token bucket."""

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

    def refuse(self, reservation: Reservation, now: float, retry_after_s: float) -> None:
        super().refuse(reservation, now, retry_after_s)
        self._level, self._spent, self._at = 1.0, 0, self.blocked_until

    def full(self, now: float) -> bool:
        return super().full(now) and self.level(now) >= self.budget.burst

    def _reserve(self, now: float) -> float:
        return min(self.budget.reserve, self.burst(now) - 1.0)

    def _short_s(self, now: float, reserved: bool) -> float:
        missing = 1.0 + (self._reserve(now) if reserved else 0.0) - self.level(now) - 1e-9
        return missing / self.per_s(now) + max(0.0, self._at - now) if missing > 0 else 0.0

    def _use(self, now: float) -> None:
        was_full = self.level(now) >= self.burst(now)
        self._level -= 1.0
        self._spent += 1
        if was_full:
            self._at, self._opened_at = max(self._at, now + LAG_S), now

    def end(self, reservation: Reservation, now: float) -> None:
        """The platform began to count at the latest when the first call of a burst ended."""
        if reservation.at == self._opened_at:
            self._level -= max(0.0, now - reservation.at - LAG_S) * self.per_s(now)
            self._opened_at = None


class Window(Limiter):
    """A fixed window: so many calls until it closes; the next call opens another.

    The platform's rate-limit headers say when its window closes. Without them a window may begin at any time, so that
    no `window_s` seconds may hold more calls than one window.
    """

    def __init__(self, budget: RateLimit) -> None:
        super().__init__(budget)
        self._limit = budget.burst
        self._taken: deque[float] = deque()
        self._under_way = 0
        self._paced_to = 0.0
        self._told: tuple[float, float] | None = None
        """(calls left, closes at) as reported."""

    def fit(self, budget: RateLimit) -> None:
        super().fit(budget)
        self._limit = budget.burst

    def gap_s(self, now: float) -> float:
        left, closes_at = self._open(now)
        if now >= closes_at:
            return self.budget.window_s / self._count(now)
        return (closes_at - now) / (max(0.0, left) + 1.0)

    def rate(self, now: float) -> float:
        return self._count(now) / self.budget.window_s

    def end(self, reservation: Reservation, now: float) -> None:
        self._under_way -= 1

    def tell(self, now: float, left: RateLimitStatus) -> None:
        """Calls under way are not in the report yet."""
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
        """(calls left, closes at) of the open window; closed windows lie in the past."""
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

    def _use(self, now: float) -> None:
        left, closes_at = self._open(now)
        if self._told is None:
            self._taken.append(now)
        else:
            self._told = (left - 1.0, closes_at if closes_at > now else now + self.budget.window_s + LAG_S)
        self._paced_to = max(self._paced_to, now) + self.budget.window_s / self._count(now)
        self._under_way += 1


def limiter(budget: RateLimit) -> Limiter:
    """A limiter of the kind that `budget` asks for."""
    return Window(budget) if budget.window_s else Bucket(budget)


class Urgency(NamedTuple):
    """The loss of an answer's readers by waiting. The greatest comes first."""

    rank: Rank
    loss: float


def urgency(rank: Rank, unread: int, waited_s: float) -> Urgency:
    """Ordered by rank, then by unread characters times seconds waited."""
    return Urgency(rank, unread * max(waited_s, 0.001))
