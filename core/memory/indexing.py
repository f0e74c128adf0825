"""Indexes, in the background, the answers that ended before they could be indexed."""

from __future__ import annotations

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


async def index_earlier_answers(store: SourceStore, clock: Clock) -> None:
    """Index what is left, now and every hour. Until cancelled."""
    while True:
        try:
            await _index_all(store, clock)
        except StoreError as error:
            log.warning("answers_not_indexed", **error.log_keys)
        await clock.sleep(EVERY_S)


async def _index_all(store: SourceStore, clock: Clock) -> None:
    limit, began_s = FEWEST, clock.monotonic()
    while await store.index_answers(limit):
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
