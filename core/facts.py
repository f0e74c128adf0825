"""Facts that look-ups tell, each kept for a while. One that is not known in time counts as unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog
from cachetools import LRUCache

from core.clock import Clock, ends_within
from core.errors import PlatformError

log = structlog.get_logger()

Fact = TypeVar("Fact")

_KEPT = 5_000
_FAILED_KEPT_S, _REFUSED_KEPT_S = 3.0, 60.0


class Facts(Generic[Fact]):
    """A cache of `look_up`, which raises PlatformError. A fact is as old as the beginning of its look-up; one older
    than `kept_s` counts no more. Look-ups of one key share one call, and go on when no caller waits any more."""

    def __init__(self, look_up: Callable[[str], Awaitable[Fact]], clock: Clock, *, kept_s: float) -> None:
        self._look_up = look_up
        self._clock = clock
        self._kept_s = kept_s
        self._known: LRUCache[str, tuple[float, Fact | None]] = LRUCache(_KEPT)  # key -> (valid until, fact)
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._paused_until_s = 0.0

    async def get(self, key: str, wait_s: float) -> Fact | None:
        """The fact, or None where it is not known within `wait_s` seconds."""
        until_s, fact = self._known.get(key, (0.0, None))
        if until_s > self._clock.monotonic():
            return fact
        self._known.pop(key, None)
        if key not in self._asking and self._paused_until_s <= self._clock.monotonic():
            self._asking[key] = asyncio.create_task(self._learn(key))
        if key in self._asking and wait_s > 0:
            # A task of its own: what ends in time is cancelled else, and others may wait for the look-up too.
            await ends_within(asyncio.ensure_future(asyncio.wait([self._asking[key]])), wait_s, self._clock)
        return self._known.get(key, (0.0, None))[1]

    def drop(self, key: str) -> None:
        """Forget a fact that has changed, and the answer to a look-up that began before."""
        self._known.pop(key, None)
        self._asking.pop(key, None)

    async def close(self) -> None:
        """Forget everything, and end the look-ups under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._known.clear()
        self._asking.clear()

    async def _learn(self, key: str) -> None:
        began_s, kept_s, fact = self._clock.monotonic(), self._kept_s, None
        try:
            fact = await self._look_up(key)
        except PlatformError as error:
            log.info("fact_not_known", key=key, **error.log_keys)
            if error.retryable:
                kept_s = min(max(error.retry_after_s or 0.0, _FAILED_KEPT_S), _REFUSED_KEPT_S)
            if error.retry_after_s:
                self._paused_until_s = began_s + error.retry_after_s
        finally:
            if self._asking.get(key) is asyncio.current_task():
                del self._asking[key]
                self._known[key] = began_s + kept_s, fact
