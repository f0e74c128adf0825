"""Looks at earlier answers on their platform before they are used: their messages may have changed, or gone, while
nothing told of it.

A source that was asked since the platform has told of every change needs no look. Each other one takes one bounded read
an hour, and anew where the connection was lost since.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from cachetools import FIFOCache

from core.clock import Clock
from core.errors import Code, PlatformError, StoreError
from core.facts import Facts
from core.platform_calls import PlatformCalls
from core.values.events import Deleted, Edited
from core.values.memory import EarlierAnswer

log = structlog.get_logger()

KEPT_S = 3_600.0
"""Seconds for which a look counts."""
_KEPT = 5_000
MOST_A_MINUTE = 30
"""Looks a minute: a platform may permit as few as 50 calls of that kind, and threads are read by it too."""


class SourceChecks:
    """Passes each change that it finds to `receive`, which raises StoreError: it takes the source out of the index.

    Nothing waits for `receive`: what asks for a source may hold the lock of its channel, which `receive` takes too.
    """

    def __init__(self, receive: Callable[[Edited | Deleted], Awaitable[object]], clock: Clock) -> None:
        self._receive = receive
        self._clock = clock
        self._facts = Facts(self._look, clock, kept_s=KEPT_S)
        self._asked: FIFOCache[str, tuple[PlatformCalls, EarlierAnswer]] = FIFOCache(_KEPT)
        self._looks: deque[float] = deque()
        self._receiving: set[asyncio.Task[None]] = set()

    async def is_there(self, calls: PlatformCalls, source: EarlierAnswer, wait_s: float) -> bool:
        """True if a source is as the store has it. False also where that is not known within `wait_s` seconds. Raises
        nothing."""
        since = calls.heard_since
        if not calls.rereads or (since is not None and source.at >= since):
            return True
        key = f"{source.turn_id} {since}"
        self._asked[key] = calls, source
        return await self._facts.get(key, wait_s) is True

    async def close(self) -> None:
        """End all looks. A change that was found and not received yet is found again at the next look."""
        await self._facts.close()
        for task in self._receiving:
            task.cancel()
        await asyncio.gather(*self._receiving, return_exceptions=True)

    async def _look(self, key: str) -> bool:
        """Raises PlatformError."""
        calls, source = self._asked[key]
        self._count()
        change = await calls.reread(source)
        if change is None or (isinstance(change, Edited) and change.text == source.question):
            return True
        kind = type(change).__name__.lower()
        log.info("source_changed", turn=source.turn_id, place=source.place.key, change=kind)
        task = asyncio.create_task(self._pass_on(source, change))
        self._receiving.add(task)
        task.add_done_callback(self._receiving.discard)
        return False

    async def _pass_on(self, source: EarlierAnswer, change: Edited | Deleted) -> None:
        try:
            await self._receive(change)
        except StoreError as error:
            log.warning("source_change_not_stored", turn=source.turn_id, **error.log_keys)

    def _count(self) -> None:
        """Raises PlatformError where there are too many looks."""
        now_s = self._clock.monotonic()
        while self._looks and self._looks[0] <= now_s - 60:
            self._looks.popleft()
        if len(self._looks) >= MOST_A_MINUTE:
            pause_s = self._looks[0] + 60 - now_s
            raise PlatformError(Code.SLOW_DOWN, "many looks", retryable=True, retry_after_s=pause_s)
        self._looks.append(now_s)
