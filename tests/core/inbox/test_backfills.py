"""An installation of several connections, which are lost and gained apart from each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from core.commands.handlers import CommandHandlers
from core.inbox.backfill import Backfill
from core.inbox.backfills import Backfills
from core.inbox.inbox import StoringInbox
from core.platform_calls import PlatformCalls
from core.settings.environment import CoreSettings
from core.turns.running import RunningTurns
from core.values.conversation import Turn
from core.values.places import Place
from tests.core.inbox.test_backfill import WINDOW_S, ask
from tests.fakes.clock import START, FakeClock, beside
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform

HERE, THERE = Place("slack", "T1", "C0"), Place("slack", "T1", "C1")


class Divided(MemoryPlatform):
    """Channels whose names end with 0 are heard by the first connection, others by that of their last digit."""

    def __init__(self) -> None:
        super().__init__()
        self.held: set[str] = set()
        self.connected: set[str] = set()
        self.shown_channels = [HERE, THERE]

    def connections(self) -> frozenset[str]:
        return frozenset({"", "1"})

    def holds(self, name: str) -> bool:
        return name in self.held

    def connection_of(self, place: Place) -> str:
        return place.channel[-1].removesuffix("0")

    def is_connected(self, name: str) -> bool:
        return name in self.held & self.connected

    def ready(self) -> bool:
        return self.held <= self.connected


class App:
    def __init__(self) -> None:
        self.clock, self.store, self.platform = FakeClock(), MemoryStore(), Divided()
        self.received: list[str] = []
        handlers = CommandHandlers(self.store, CoreSettings(_env_file=None), self.clock)
        self.running_turns = RunningTurns()
        self.inbox = inbox = StoringInbox(self.store, self._submit, self.running_turns, handlers)
        calls = PlatformCalls(self.platform)
        receive = (inbox.receive, inbox.record_expired)
        create = partial(Backfill, calls, self.store, *receive, self.clock, WINDOW_S)
        self.backfills = Backfills(self.platform, self.store, self.clock, create)

    def _submit(self, turn: Turn) -> None:
        self.received.append(turn.ask.id)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with beside(self.backfills.run(), self.clock):
            yield


def say(app: App, place: Place, id: str, minutes: float) -> None:
    app.platform.missing[place.key] = [ask(id, minutes, place, addressed=True)]


async def test_each_connection_reads_the_places_that_it_hears_of_once_it_is_there() -> None:
    app = App()
    await app.store.advance_watermark("slack", "T1", START - timedelta(minutes=30))
    say(app, HERE, "m1", -10)
    say(app, THERE, "m2", -10)
    app.platform.held, app.platform.connected = {"", "1"}, {""}
    async with app.running():
        await app.clock.advance(1.0)
        assert app.received == ["m1"]
        app.platform.connected.add("1")
        await app.clock.advance(1.0)
        assert app.received == ["m1", "m2"]


async def test_what_was_said_while_nobody_held_a_connection_is_read_by_its_next_holder() -> None:
    app = App()
    app.platform.held = app.platform.connected = {"", "1"}
    async with app.running():
        await app.clock.advance(60.0)
        app.platform.held = {""}
        say(app, THERE, "m1", 2)
        await app.clock.advance(600.0)
        assert app.received == [], "the other connection is no reason to take this one for read"
        app.platform.held = {"", "1"}
        await app.clock.advance(2.0)
        assert app.received == ["m1"]


async def test_a_connection_that_another_process_holds_by_now_is_read_there_alone_and_here_when_it_comes_back() -> (
    None
):
    app = App()
    await app.store.advance_watermark("slack", "T1", START - timedelta(minutes=30))
    say(app, THERE, "m1", -10)
    app.platform.held = app.platform.connected = {"", "1"}
    app.platform.unreadable = THERE.key
    async with app.running():
        await app.clock.advance(6.0)
        assert app.platform.read.count(THERE.key) > 1, "it is tried again"
        app.platform.held = {""}
        app.platform.read.clear()
        await app.clock.advance(60.0)
        assert THERE.key not in app.platform.read
        app.platform.held, app.platform.unreadable = {"", "1"}, ""
        await app.clock.advance(1.0)
        assert app.received == ["m1"]


async def test_a_turn_waits_for_the_connection_that_hears_of_its_place_and_for_no_other() -> None:
    app = App()
    app.platform.held, app.platform.connected = {"", "1"}, {""}
    async with app.running():
        await app.clock.advance(1.0)
        await asyncio.wait_for(app.backfills.caught_up(HERE), 1.0)
        waiting = asyncio.create_task(app.backfills.caught_up(THERE))
        await app.clock.advance(1.0)
        assert not waiting.done()
        app.platform.connected.add("1")
        await app.clock.advance(1.0)
        await waiting


async def test_a_place_that_no_connection_here_hears_of_is_not_waited_for() -> None:
    app = App()
    app.platform.held = app.platform.connected = {""}
    async with app.running():
        await app.clock.advance(1.0)
        await asyncio.wait_for(app.backfills.caught_up(THERE), 1.0)
        app.backfills.again(THERE)


async def test_something_that_was_not_stored_has_its_own_connection_read_again() -> None:
    app = App()
    app.platform.held = app.platform.connected = {"", "1"}
    async with app.running():
        await app.clock.advance(60.0)
        app.platform.read.clear()
        app.backfills.again(THERE)
        await app.clock.advance(1.0)
        assert set(app.platform.read) == {THERE.key}


async def test_what_all_processes_hear_is_read_on_by_the_one_that_answers_there() -> None:
    clock, store, platform = FakeClock(), MemoryStore(), MemoryPlatform()
    platform.shown_channels = [HERE]
    inbox = StoringInbox(
        store, lambda _turn: None, RunningTurns(), CommandHandlers(store, CoreSettings(_env_file=None), clock)
    )
    receive = (inbox.receive, inbox.record_expired)
    create = partial(Backfill, PlatformCalls(platform), store, *receive, clock, WINDOW_S)
    backfills = Backfills(platform, store, clock, create)
    await store.advance_watermark("slack", "T1", START - timedelta(minutes=30))
    running = asyncio.create_task(backfills.run())
    await clock.advance(1.0)
    assert platform.read == [HERE.key]
    backfills.again_everywhere(lambda _place: False)
    await clock.advance(1.0)
    assert platform.read == [HERE.key]
    backfills.again_everywhere(lambda place: (place.platform, place.team) == ("slack", "T1"))
    await clock.advance(1.0)
    assert platform.read == [HERE.key] * 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
