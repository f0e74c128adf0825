"""Questions of one person within a minute. Kept in memory: a restart clears it.

Of several processes on one database each tells the others what it counts, so that a person has one limit.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from cachetools import LRUCache

WINDOW_S = 60.0
_KEPT = 10_000

TellCount = Callable[[str, str], None]
"""Receives a person and the key of a question that counts; or nobody, and the key of a reply that was given."""


def to_no_other(_person: str, _key: str) -> None:
    """One process counts everything."""


class Rate:
    """Counts questions by person. Each `key` of a question counts once. `tell_others`: receives what is counted
    here."""

    def __init__(self, tell_others: TellCount = to_no_other) -> None:
        self._tell_others = tell_others
        self._asked: LRUCache[str, deque[tuple[float, str]]] = LRUCache(_KEPT)
        self._told: LRUCache[str, float] = LRUCache(_KEPT)

    def wait_s(self, person: str, key: str, limit: int, now_s: float) -> int:
        """Seconds until `person` may ask again, 0 for now. `limit` is questions a minute; 0 is no limit."""
        asked = self._recent(person, now_s)
        if not limit or len(asked) < limit or any(known == key for _, known in asked):
            return 0
        return max(1, math.ceil(asked[-limit][0] + WINDOW_S - now_s))

    def count(self, person: str, key: str, now_s: float) -> None:
        self._recent(person, now_s).append((now_s, key))
        self._tell_others(person, key)

    def tell(self, key: str, now_s: float, gap_s: float) -> bool:
        """True at most once within `gap_s` seconds for each `key`."""
        if now_s - self._told.get(key, -gap_s) < gap_s:
            return False
        self._told[key] = now_s
        self._tell_others("", key)
        return True

    def learn(self, person: str, key: str, now_s: float) -> None:
        """Count what another process has counted just now."""
        if not person:
            self._told[key] = now_s
            return
        asked = self._recent(person, now_s)
        if all(known != key for _, known in asked):
            asked.append((now_s, key))

    def _recent(self, person: str, now_s: float) -> deque[tuple[float, str]]:
        asked = self._asked.setdefault(person, deque())
        while asked and asked[0][0] <= now_s - WINDOW_S:
            asked.popleft()
        return asked
