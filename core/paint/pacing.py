"""The arithmetic of edit budgets: when may the next stroke go, and whose should it be? Pure; time comes in.

Sources: https://docs.slack.dev/apis/web-api/rate-limits, https://docs.discord.com/developers/topics/rate-limits
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.types import Budget

ENDING_RESERVE = 1.0
"""Slots of a burst that edits in the middle of an answer leave for the endings of all."""


@dataclass(slots=True)
class Bucket:
    """What is left of one budget. A refusal empties it until the platform's own word."""

    budget: Budget
    level: float = field(init=False)
    at: float = field(init=False)
    blocked_until: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.budget.burst
        self.at = 0.0

    def _refill(self, now: float) -> None:
        if now > self.at:
            self.level = min(self.budget.burst, self.level + (now - self.at) * self.budget.per_s)
            self.at = now

    def wait_s(self, now: float, reserve: float = 0.0) -> float:
        """Seconds until a stroke may draw on it and `reserve` slots are left (0 now)."""
        self._refill(now)
        need = 1.0 + min(reserve, self.budget.burst - 1.0)
        missing = (need - self.level) / self.budget.per_s
        return max(0.0, missing, self.blocked_until - now)

    def take(self, now: float) -> None:
        self._refill(now)
        self.level -= 1.0

    def refuse(self, now: float, retry_after_s: float) -> None:
        """The platform said no: nothing goes before `retry_after_s` has passed, and then no burst."""
        self._refill(now)
        self.level = min(self.level, 1.0)
        self.blocked_until = max(self.blocked_until, now + retry_after_s)

    def gap_s(self, now: float) -> float:
        """How far apart one answer's edits should be: close while the burst is full, at the rate when empty."""
        self._refill(now)
        spent = 1.0 - max(0.0, self.level) / self.budget.burst
        return spent / self.budget.per_s


@dataclass(frozen=True, slots=True, order=True)
class Urgency:
    """How much the readers of an answer lose by waiting; the greatest goes first.

    First words and last words go before words in between, which count by number and time.
    """

    rank: int
    loss: float


def urgency(*, shown: bool, ended: bool, unread: int, waited_s: float) -> Urgency:
    rank = 2 if not shown else 1 if ended else 0
    return Urgency(rank, unread * max(waited_s, 0.001))
