"""Rate limits as data: off until a test switches them on.

Discord documents the headers and the 50 requests per second of a bot, and asks that no other number be
built in: https://docs.discord.com/developers/topics/rate-limits. The other numbers were observed by many:
https://github.com/discord/discord-api-docs/issues/2761 (5 per 5 s), /issues/1442 and /issues/8073 (posts and
edits show one hash yet count apart), /issues/1900 and /issues/2190 (hidden limit of renames),
https://github.com/bwmarrin/discordgo/issues/1384 (interaction webhooks), /issues/7816 (minutes for new threads).
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass

from tests.fakes.discord.clock import Clock
from tests.fakes.discord.errors import Limited


@dataclass(frozen=True, slots=True)
class Limit:
    """``count`` requests in a window of ``per_s`` seconds that opens with the first of them.

    ``shown`` limits speak in the headers; others only refuse. bucket: the hash in the headers, else the route's.
    sliding: no stretch of ``per_s`` seconds may hold more, wherever it begins.
    """

    count: int
    per_s: float
    bucket: str = ""
    shown: bool = True
    code: int = 0
    message: str | None = None
    sliding: bool = False


_MESSAGES = "80c17d2f203122d936070c88c8d10f33"
_OLD_EDITS = "Maximum number of edits to messages older than 1 hour reached. Try again later."

LIMITS: dict[str, Limit] = {
    "global": Limit(50, 1.0, shown=False, sliding=True),
    "post": Limit(5, 5.0, _MESSAGES),
    "edit": Limit(5, 5.0, _MESSAGES),
    "webhook": Limit(5, 5.0, "b7ef13d4a6c54bba9df0f4b9a1c3d6a1"),
    "rename": Limit(2, 600.0, shown=False),
    "old_edit": Limit(3, 6.0, shown=False, code=30046, message=_OLD_EDITS),
    "thread": Limit(50, 300.0),
    "callback": Limit(1000, 1.0),
    "other": Limit(50, 1.0),
}


class _Window:
    """The times of the requests that count, oldest first."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._made: deque[float] = deque()

    def used(self, now: float) -> int:
        while self._made and now >= self._made[0] + self.limit.per_s:
            if self.limit.sliding:
                self._made.popleft()
            else:
                self._made.clear()
        return len(self._made)

    def left_s(self, now: float) -> float:
        """Seconds until the oldest one that counts, or all of them, no longer do."""
        return self._made[0] + self.limit.per_s - now if self._made else self.limit.per_s

    def take(self, now: float) -> None:
        self._made.append(now)


class Limits:
    """Counts and refuses requests, and reports both in headers. ``enabled`` and ``scale`` may change at any
    time.

    scale: 0.5 is half as generous. honest: whether the headers follow the scale; if not they name the unscaled
    limit, as a client that trusts old numbers would believe it. refused: refusals per name.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[Hashable, _Window] = {}
        self.table = dict(LIMITS)
        self.enabled = False
        self.scale = 1.0
        self.honest = True
        self.refused: Counter[str] = Counter()

    @property
    def refusals(self) -> int:
        return self.refused.total()

    def spend(self, name: str, scope: Hashable, bucket: str = "") -> dict[str, str]:
        """Takes one request out of a window; returns headers to show. Raises Limited when it is used up."""
        limit = self.table[name]
        bucket = limit.bucket or bucket
        if not self.enabled:
            return _headers(limit, bucket, limit.count * 100, limit.count * 100 - 1, 1.0, self._clock.now())
        now = self._clock.now()
        window = self._windows.get((name, scope))
        if window is None or window.limit != limit:
            window = self._windows[(name, scope)] = _Window(limit)
        count = max(1, math.floor(limit.count * self.scale))
        told = count if self.honest else limit.count
        used, left_s = window.used(now), window.left_s(now)
        if used >= count:
            self.refused[name] += 1
            refusal = Limited(
                left_s,
                scope="global" if name == "global" else "user",
                code=limit.code,
                message=limit.message,
            )
            refusal.headers |= _headers(limit, bucket, told, 0, left_s, now)
            raise refusal
        window.take(now)
        return _headers(limit, bucket, told, told - used - 1, left_s, now)


def _headers(
    limit: Limit, bucket: str, count: int, remaining: int, left_s: float, now: float
) -> dict[str, str]:
    if not limit.shown:
        return {}
    return {
        "X-RateLimit-Limit": str(count),
        "X-RateLimit-Remaining": str(max(0, remaining)),
        "X-RateLimit-Reset": f"{now + left_s:.3f}",
        "X-RateLimit-Reset-After": f"{left_s + 0.0005:.3f}",
        "X-RateLimit-Bucket": bucket,
    }
