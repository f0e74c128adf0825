"""Removes data that is stored for a limited time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.store.budgets import BudgetStore
from core.ports.store.retention import RetentionStore
from core.ports.store.threads import ThreadStore
from core.ports.store.uploads import UploadStore
from core.settings.retention import Retention
from core.values.places import Place
from core.values.turn_ends import ANNOUNCED_FOR

log = structlog.get_logger()

UPLOADS_KEPT = timedelta(days=30)
SPENDING_KEPT = timedelta(days=7)
"""Time after a period for which its accounts are kept: an answer may end, and be counted, late."""
EVERY_S = 3_600.0
CACHES_EVERY_S = 60.0
STEP_PAUSE_S = 0.05
"""The pause between two steps: questions are stored meanwhile."""
PURGED_EVERY = timedelta(days=1)
"""SQLite writes its file anew for it, and stores nothing meanwhile."""
_PURGED = ("retention", "")
"""The name under which the time of the last purge is stored (`ThreadStore.advance_watermark`)."""


class ExpiryStore(RetentionStore, ThreadStore, Protocol):
    """The part of the store from which old messages are removed."""


class Cache(Protocol):
    """Values in memory that have a lifetime."""

    def drop_expired(self) -> None: ...


async def expire_caches(caches: Iterable[Cache], clock: Clock) -> None:
    """Remove what is past its lifetime from memory, every minute. Until cancelled."""
    kept = tuple(caches)
    while True:
        await clock.sleep(CACHES_EVERY_S)
        for cache in kept:
            cache.drop_expired()


async def expire_messages(store: ExpiryStore, retention: Retention, clock: Clock) -> None:
    """Remove what is older than its channel keeps it, now and every hour, and rid the database's files of it once a
    day. Until cancelled."""
    while True:
        try:
            if await retention.is_limited():
                await expire_channels(store, retention, clock)
                purged_at = await store.watermark(*_PURGED)
                if purged_at is None or clock.now() - purged_at >= PURGED_EVERY:
                    await store.purge()
                    await store.advance_watermark(*_PURGED, clock.now())
        except StoreError as error:
            log.warning("messages_not_expired", **error.log_keys)
        await clock.sleep(EVERY_S)


async def expire_channels(store: RetentionStore, retention: Retention, clock: Clock) -> None:
    """Remove what is older now. Raises StoreError."""
    last: Place | None = None
    removed, of_channels = 0, set[str]()
    while channels := await store.channels(last):
        for channel in channels:
            since = await retention.kept_since(channel)
            while since is not None and (step := await store.expire_channel(channel, since)):
                removed += step
                of_channels.add(channel.channel_key)
                await clock.sleep(STEP_PAUSE_S)
        last = channels[-1]
    if removed:
        log.info("messages_expired", rows=removed, channels=len(of_channels))


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
