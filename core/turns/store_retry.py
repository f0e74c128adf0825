"""Calls of the store that a turn can't go on without."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import TypeVar

import structlog

from core.clock import Clock
from core.errors import StoreError

log = structlog.get_logger()
Stored = TypeVar("Stored")

_PAUSES_S = (0.2, 1.0, 5.0)
_LOGGED_EVERY = 12
"""The attempts with the longest pause of which one is logged: a line a minute for each turn."""


async def until_stored(clock: Clock, call: Callable[[], Awaitable[Stored]]) -> Stored:
    """The result of `call`, retried until the database is back. Raises StoreError where that is not retryable."""
    for attempt, pause_s in enumerate(chain(_PAUSES_S, repeat(_PAUSES_S[-1]))):
        try:
            return await call()
        except StoreError as error:
            if not error.retryable:
                raise
            if attempt < len(_PAUSES_S) or attempt % _LOGGED_EVERY == 0:
                log.warning("store_failed", pause_s=pause_s, **error.log_keys)
            await clock.sleep(pause_s)
    raise AssertionError("unreachable")
