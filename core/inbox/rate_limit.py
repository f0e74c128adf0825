"""Questions of one person within a minute. Kept in memory: a restart clears it."""

from __future__ import annotations

import math
from collections import deque

from cachetools import LRUCache

WINDOW_S = 60.0
_KEPT = 10_000


class Rate:
    """Counts questions by person. Each `key` of a question counts once."""

    def __init__(self) -> None:
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

    def tell(self, key: str, now_s: float, gap_s: float) -> bool:
        """True at most once within `gap_s` seconds for each `key`."""
        if now_s - self._told.get(key, -gap_s) < gap_s:
            return False
        self._told[key] = now_s
        return True

    def _recent(self, person: str, now_s: float) -> deque[tuple[float, str]]:
        asked = self._asked.setdefault(person, deque())
        while asked and asked[0][0] <= now_s - WINDOW_S:
            asked.popleft()
        return asked
