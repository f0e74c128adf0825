"""Indexes, in the background, the answers that ended before they could be indexed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.store.memory import SourceStore

log = structlog.get_logger()

STEP_S, PAUSE_S = 0.05, 0.2
"""Seconds that a step may take, and those between two steps: questions come first."""
FEWEST, MOST = 5, 100
"""Answers of a step."""
EVERY_S = 3_600.0


async def index_earlier_answers(store: SourceStore, clock: Clock, without: Collection[str] = ()) -> None:
    """Index what is left, now and every hour. Until cancelled. `without`: the platforms on which there may be no index;
    one from before goes first."""
    while True:
        try:
            for platform in without:
                await _in_steps(partial(store.remove_sources, platform), clock)
            await _in_steps(store.index_answers, clock)
        except StoreError as error:
            log.warning("answers_not_indexed", **error.log_keys)
        await clock.sleep(EVERY_S)


async def _in_steps(step: Callable[[int], Awaitable[bool]], clock: Clock) -> None:
    """Repeat a step of so many answers as long as it finds any."""
    limit, began_s = FEWEST, clock.monotonic()
    while await step(limit):
        took_s = clock.monotonic() - began_s
        limit = (
            min(MOST, 2 * limit)
            if took_s < STEP_S / 2
            else max(FEWEST, limit // 2)
            if took_s > STEP_S
            else limit
        )
        await clock.sleep(PAUSE_S)
        began_s = clock.monotonic()
