"""Calls of the store that turns and events wait for while the database is away."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import TypeVar

import structlog

from core.clock import Clock
from core.errors import StoreError

log = structlog.get_logger()
Stored = TypeVar("Stored")

_PAUSES_S = (0.2, 0.3, *[0.5] * 19, 5.0)
"""A database that is restarted is back after a second or a few."""
_LOGGED, _LOGGED_EVERY = 3, 12
"""The first attempts are logged, and later one of so many: a line a minute for each turn."""


async def until_stored(
    clock: Clock, call: Callable[[], Awaitable[Stored]], within_s: float = math.inf
) -> Stored:
    """The result of `call`, retried until the database is back. Raises StoreError where that is not retryable, or the
    next attempt would come later than `within_s` seconds from now."""
    began_s = clock.monotonic()
    for attempt, pause_s in enumerate(chain(_PAUSES_S, repeat(_PAUSES_S[-1]))):
        try:
            return await call()
        except StoreError as error:
            if not error.retryable or clock.monotonic() - began_s + pause_s > within_s:
                raise
            if attempt < _LOGGED or attempt % _LOGGED_EVERY == 0:
                log.warning("store_failed", pause_s=pause_s, **error.log_keys)
            await clock.sleep(pause_s)
    raise AssertionError("unreachable")
