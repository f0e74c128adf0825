"""Circuit breakers of accounts, models and endpoints: after failures they open for a while, then one question is the
probe. Pure.

An open breaker does not refuse: the router uses its route if no other is left.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from core.errors import Code
from core.llm.retry_policy import BREAK_S

IN_A_ROW = 5
SHARE = 0.5
AT_LEAST = 10
WINDOW_S = 60.0
LONGEST_BREAK_S = 600.0
LONGEST_REST_S = 3600.0
"""Longest break in seconds, even if an endpoint asks for a week: an operator may top up its account earlier."""


class Breaker:
    """The breaker of one account, model or endpoint.

    Opens after 5 failures in a row, or when more than half of at least 10 results of the last minute are failures: for
    30 s, then twice as long after each failed probe, up to 10 min.
    """

    def __init__(self) -> None:
        self._results: deque[tuple[float, bool]] = deque()
        self._in_a_row = 0
        self._until = 0.0
        self._break_s = BREAK_S
        self._probing = False
        self.why: Code | None = None
        """The code that opened it; None while closed."""

    def allows(self, now: float) -> bool:
        """True if the breaker is closed, or due for a probe with none under way."""
        return self.why is None or (now >= self._until and not self._probing)

    def probe_in_s(self, now: float) -> float:
        """Seconds until a try may be its probe; 0 for one that is closed or due."""
        return 0.0 if self.why is None else max(0.0, self._until - now)

    def begin(self, now: float) -> bool:
        """Record the start of a try. Returns whether it is the probe. `drop` must follow at its end."""
        probe = self.why is not None and self.allows(now)
        self._probing = self._probing or probe
        return probe

    def drop(self) -> None:
        self._probing = False

    def succeed(self, now: float) -> bool:
        """Record a success. Returns whether it closes the breaker."""
        was_open, self.why = self.why is not None, None
        self._in_a_row, self._break_s = 0, BREAK_S
        self._note(now, True)
        if was_open:
            self._results.clear()
        return was_open

    def fail(self, now: float, why: Code, rest_s: float | None = None, *, probe: bool = False) -> bool:
        """Record a failure. Returns whether the breaker is open for this reason after too many failures.

        `rest_s`: seconds for which it opens at once. `probe`: the failed try was the probe.
        """
        self._note(now, False)
        self._in_a_row += 1
        was_open, too_often = self.why is not None, self._too_often()
        if rest_s is not None:
            self.why = why
            self._until = max(self._until, now + min(rest_s, LONGEST_REST_S))
        elif probe if was_open else too_often:
            self._break_s = min(LONGEST_BREAK_S, self._break_s * 2) if was_open else BREAK_S
            self.why = why
            self._until = now + self._break_s
        return too_often and self.why is why

    def _note(self, now: float, good: bool) -> None:
        self._results.append((now, good))
        while self._results[0][0] < now - WINDOW_S:
            self._results.popleft()

    def _too_often(self) -> bool:
        bad = sum(not good for _, good in self._results)
        often = len(self._results) >= AT_LEAST and bad > SHARE * len(self._results)
        return often or self._in_a_row >= IN_A_ROW


class Breakers:
    """Breakers by name, made on first use."""

    def __init__(self) -> None:
        self._breakers: dict[str, Breaker] = defaultdict(Breaker)

    def __getitem__(self, key: str) -> Breaker:
        return self._breakers[key]

    def allow(self, keys: Iterable[str], now: float) -> bool:
        return all(self._breakers[key].allows(now) for key in keys)

    def begin(self, keys: Iterable[str], now: float) -> frozenset[str]:
        """Record the start of a try. Returns the keys of the breakers whose probe it is."""
        return frozenset([key for key in keys if self._breakers[key].begin(now)])

    def drop(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._breakers[key].drop()
