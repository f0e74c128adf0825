"""Removes data that is stored for a limited time."""

from __future__ import annotations

from datetime import timedelta

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.store.budgets import BudgetStore
from core.ports.store.uploads import UploadStore
from core.values.turn_ends import ANNOUNCED_FOR

log = structlog.get_logger()

UPLOADS_KEPT = timedelta(days=30)
SPENDING_KEPT = timedelta(days=7)
"""Time after a period for which its accounts are kept: an answer may end, and be counted, late."""
EVERY_S = 3_600.0


async def expire_spending(store: BudgetStore, clock: Clock) -> None:
    """Remove the accounts of budgets whose periods ended long ago, now and every hour. Until cancelled."""
    while True:
        try:
            if removed := await store.expire_spending(clock.now() - SPENDING_KEPT):
                log.info("spending_expired", accounts=removed)
        except StoreError as error:
            log.warning("spending_not_expired", **error.log_keys)
        await clock.sleep(EVERY_S)


async def expire_uploads(store: UploadStore, clock: Clock) -> None:
    """Remove the small copies of pictures that are older than `UPLOADS_KEPT`, those of reports as soon as the page does
    not show them any more, now and every hour. Until cancelled."""
    while True:
        now = clock.now()
        try:
            while removed := await store.expire_uploads(now - UPLOADS_KEPT, now - ANNOUNCED_FOR):
                log.info("uploads_expired", uploads=removed)
        except StoreError as error:
            log.warning("uploads_not_expired", **error.log_keys)
        await clock.sleep(EVERY_S)
