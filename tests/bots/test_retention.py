"""Data that is stored for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bots.retention import (
    CACHES_EVERY_S,
    EVERY_S,
    UPLOADS_KEPT,
    expire_caches,
    expire_channels,
    expire_messages,
    expire_uploads,
)
from core.conversation.file_content import ContentReader
from core.conversation.files import PICTURES_S, FileReader
from core.llm.descriptions import KEPT_S, Descriptions
from core.platform_calls import PlatformCalls
from core.ports.files import FileContent, TranscriptHooks
from core.ports.model import Request
from core.ports.store import Store
from core.settings.environment import CoreSettings
from core.settings.retention import Retention
from core.values.conversation import Ask
from core.values.deltas import Delta, Ended, EndReason, ModelInfo, ModelSelected
from core.values.parts import File, Image, Text
from core.values.places import Person, Place
from storage import DatabaseSettings, open_store
from tests.fakes.clock import START, FakeClock
from tests.fakes.files import PICTURE, FilePlatform, PlainExtractor
from tests.fakes.memory import MemoryStore
from tests.held import texts_held_by
from tests.schema import with_schema

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


@asynccontextmanager
async def expiring_caches(cache: Descriptions | FileReader, clock: FakeClock) -> AsyncIterator[None]:
    running = asyncio.create_task(expire_caches([cache], clock))
    await clock.advance(0)
    yield
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def pass_minutes(clock: FakeClock, seconds: float) -> None:
    for _ in range(round(seconds / CACHES_EVERY_S)):
        await clock.advance(CACHES_EVERY_S)


async def describe(request: Request) -> AsyncGenerator[Delta, None]:
    yield ModelSelected(ModelInfo(request.model), 9)
    yield Text("A red door.")
    yield Ended(EndReason.STOP)


async def test_a_description_of_a_picture_leaves_the_memory_after_an_hour_though_nothing_else_is_asked() -> (
    None
):
    clock = FakeClock()
    descriptions = Descriptions(clock)
    image = Image("data:image/png;base64,aaaa", "a.png", tokens=100)
    making = descriptions.make(describe, Request((), "large"), [image], [ModelInfo("small")])
    assert [delta async for delta in making]

    def described() -> bool:
        return any("A red door." in text for text in texts_held_by(descriptions, clock))

    async with expiring_caches(descriptions, clock):
        await pass_minutes(clock, KEPT_S - CACHES_EVERY_S)
        assert described()
        await pass_minutes(clock, CACHES_EVERY_S)
        assert not described()


async def test_the_copy_of_a_picture_leaves_the_memory_after_an_hour_though_nothing_else_is_read() -> None:
    clock, store, content = FakeClock(), MemoryStore(), ContentReader(PlainExtractor(), None)
    reader = FileReader(store, content, clock)
    place = Place("slack", "T1", "C1", "1.0")
    ask = Ask(
        "m1", place, Person("U1", "Ann"), "why?", START, attached=(File("cat.png", "image/png", source="F2"),)
    )
    await store.note(ask)
    calls, lines = PlatformCalls(FilePlatform(F2=PICTURE)), await store.lines(place)
    [[image]] = (await reader.read(ask, lines, calls, TranscriptHooks(lambda _: None))).pictures.values()

    def kept() -> bool:
        return image.url in texts_held_by(reader, clock, store, content)

    async with expiring_caches(reader, clock):
        await pass_minutes(clock, PICTURES_S - CACHES_EVERY_S)
        assert kept()
        await pass_minutes(clock, CACHES_EVERY_S)
        assert not kept()


CHANNEL, WORKSPACE = Place("slack", "T1", "C1"), Place("slack", "T1", "")
ADMIN = Person("U9", "Ada", admin=True)


def sent(days_ago: float, channel: str = "C1") -> Ask:
    place = Place("slack", "T1", channel, "1.0")
    return Ask(f"{channel}-{days_ago}", place, Person("U1", "Ann"), "hello", START - timedelta(days=days_ago))


async def left(store: Store, channel: str = "C1") -> list[str]:
    return [line.id for line in await store.lines(Place("slack", "T1", channel, "1.0"))]


@asynccontextmanager
async def expiring(store: Store, clock: FakeClock, days: int | None = None) -> AsyncIterator[None]:
    """The task that removes old messages, while time stands still."""
    core = CoreSettings(_env_file=None, parley_keep_days=days)
    running = asyncio.create_task(expire_messages(store, Retention(store, core, clock), clock))
    await clock.advance(0)
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def pass_on(clock: FakeClock) -> None:
    """All pauses of a removal, and short of the next one."""
    await clock.advance(EVERY_S / 2)


async def test_without_a_limit_everything_is_kept() -> None:
    clock, store = FakeClock(), MemoryStore()
    await store.note(sent(30_000))
    async with expiring(store, clock):
        await pass_on(clock)
    assert await left(store) == ["C1-30000"]


async def test_each_channel_keeps_messages_for_the_shortest_time_set_for_it() -> None:
    clock, store = FakeClock(), MemoryStore()
    for channel, days in (("C1", "10"), ("C3", "80")):
        await store.change(replace(CHANNEL, channel=channel), {"keep_days": days}, ADMIN, START)
    await store.change(WORKSPACE, {"keep_days": "30"}, ADMIN, START)
    for channel in ("C1", "C2", "C3"):
        for days_ago in (100, 31, 29, 11, 9):
            await store.note(sent(days_ago, channel))
    elsewhere = replace(sent(90), place=Place("web", "local", "web", "t"))
    await store.note(elsewhere)
    async with expiring(store, clock, days=60):
        await pass_on(clock)
    assert await left(store, "C1") == ["C1-9"]
    assert await left(store, "C2") == ["C2-29", "C2-11", "C2-9"]
    assert await left(store, "C3") == ["C3-29", "C3-11", "C3-9"], "a channel can't keep more than its workspace"
    assert await store.lines(elsewhere.place) == [], "the operator's limit holds everywhere"


async def test_messages_are_removed_hour_by_hour_and_a_new_limit_counts_within_the_hour() -> None:
    clock, store = FakeClock(), MemoryStore()
    for days_ago in (9.97, 9.9, 1):
        await store.note(sent(days_ago))
    async with expiring(store, clock, days=10):
        await pass_on(clock)
        assert await left(store) == ["C1-9.97", "C1-9.9", "C1-1"]
        await clock.advance(EVERY_S)
        assert await left(store) == ["C1-9.9", "C1-1"]
        await store.change(CHANNEL, {"keep_days": "1"}, ADMIN, clock.now())
        await clock.advance(EVERY_S)
        assert await left(store) == []


async def test_a_database_that_is_away_is_tried_again_an_hour_later() -> None:
    clock, store = FakeClock(), MemoryStore()
    await store.note(sent(20))
    store.failing = True
    async with expiring(store, clock, days=10):
        await pass_on(clock)
        store.failing = False
        assert await left(store) == ["C1-20"]
        await clock.advance(EVERY_S)
        assert await left(store) == []


class CountsPurges(MemoryStore):
    purged = 0

    async def purge(self) -> None:
        self.purged += 1


async def test_the_files_are_purged_once_a_day_also_across_restarts() -> None:
    clock, store = FakeClock(), CountsPurges()
    await store.note(sent(20))
    async with expiring(store, clock, days=10):
        await pass_on(clock)
        assert store.purged == 1
        await clock.advance(20 * EVERY_S)
        assert store.purged == 1
    async with expiring(store, clock, days=10):
        await pass_on(clock)
        assert store.purged == 1
        await clock.advance(4 * EVERY_S)
        assert store.purged == 2


class StopsAtAPause(FakeClock):
    """Stands still, and sets `paused` where something sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.paused.set()
        await super().sleep(seconds)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return with_schema(request, tmp_path)


async def test_after_a_restart_in_the_middle_the_rest_is_removed(database_url: str) -> None:
    settings, clock = DatabaseSettings(database_url=database_url), StopsAtAPause()
    store = await open_store(settings, clock)
    for number in range(250):
        await store.note(sent(20 + number))
        await store.note(sent(20 + number, "C2"))
    await store.note(sent(9))
    before = len(await left(store)) + len(await left(store, "C2"))
    async with expiring(store, clock, days=10):
        await clock.paused.wait()
    stopped = len(await left(store)) + len(await left(store, "C2"))
    assert 1 < stopped < before
    await store.close()
    time = FakeClock(jumps=True)
    store = await open_store(settings, time)
    core = CoreSettings(_env_file=None, parley_keep_days=10)
    await expire_channels(store, Retention(store, core, time), time)
    assert (await left(store), await left(store, "C2")) == (["C1-9"], [])
    await store.close()
