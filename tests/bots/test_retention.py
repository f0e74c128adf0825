"""Data that is stored for a limited time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from bots.retention import EVERY_S, UPLOADS_KEPT, expire_uploads
from core.ports.files import FileContent
from core.values.places import Place
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory import MemoryStore

PLACE = Place("web", "local", "web", "t")
CAT = {"1": FileContent("cat.png", "image/png", b"cat")}


async def test_small_copies_of_pictures_are_removed_after_30_days_also_where_the_database_was_away() -> None:
    clock, store = FakeClock(), MemoryStore()
    await store.put_uploads(PLACE, "old", START - UPLOADS_KEPT - timedelta(seconds=1), CAT)
    await store.put_uploads(PLACE, "new", START - UPLOADS_KEPT + timedelta(hours=1.5), CAT)
    running = asyncio.create_task(expire_uploads(store, clock))
    await clock.advance(0)
    assert await store.upload(PLACE, "old", "1") is None
    store.failing = True
    await clock.advance(EVERY_S)
    store.failing = False
    assert await store.upload(PLACE, "new", "1") == CAT["1"]
    await clock.advance(EVERY_S)
    assert await store.upload(PLACE, "new", "1") is None
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
