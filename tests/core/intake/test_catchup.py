from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import structlog

from core.errors import Code, PlatformError
from core.intake.catchup import CatchUp
from core.paint.gate import Gate
from core.types import Ask, Outcome, Person, Place, Receipt
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform

ADA = Person("U1", "Ada")
THREAD = Place("slack", "T1", "C1", "1.0")
CHANNEL = Place("slack", "T1", "C1")
WINDOW_S = 3600.0


def ask(id: str, minutes: float, place: Place = THREAD, *, addressed: bool = False) -> Ask:
    return Ask(id, place, ADA, f"{id}?", START + timedelta(minutes=minutes), addressed=addressed)


class Desk:
    """A catch-up with everything around it; `received` is what it handed in."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.platform = MemoryPlatform()
        self.received: list[str] = []
        gate = Gate(self.platform)
        self.catch_up = CatchUp(gate, self.store, self._receive, self.clock, WINDOW_S)

    async def _receive(self, ask: Ask) -> Receipt:
        if await self.store.accept(ask) is None:
            return Receipt(Outcome.DUPLICATE)
        self.received.append(ask.id)
        return Receipt(Outcome.TURN)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.catch_up.run())
        await self.clock.advance(0.0)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def live_since(self, minutes: float) -> None:
        """One thread with a question, and all heard until then."""
        await self.store.accept(ask("m0", minutes))
        await self.store.hear("slack", START + timedelta(minutes=minutes))


@contextmanager
def logged() -> Iterator[list[str]]:
    with structlog.testing.capture_logs() as lines:
        seen: list[str] = []
        yield seen
        seen += [str(line) for line in lines]


async def test_places_and_their_channels_are_read_on_and_handed_in_order() -> None:
    desk = Desk()
    await desk.live_since(-30)
    desk.platform.missing[THREAD.key] = [ask("m1", -20), ask("m2", -10)]
    desk.platform.missing[CHANNEL.key] = [ask("m3", -5, Place("slack", "T1", "C1", "3.0"), addressed=True)]
    async with desk.running():
        assert sorted(desk.received) == ["m1", "m2", "m3"]
        assert desk.received.index("m1") < desk.received.index("m2")
        assert sorted(set(desk.platform.read)) == [CHANNEL.key, THREAD.key, "slack/T1/C1/3.0"]
        assert await desk.store.heard("slack") == desk.clock.now()


async def test_a_thread_that_nobody_heard_of_is_read_too() -> None:
    desk = Desk()
    await desk.store.hear("slack", START - timedelta(minutes=30))
    thread = Place("slack", "T1", "C2", "5.0")
    desk.platform.shown_channels = [Place("slack", "T1", "C2")]
    desk.platform.missing["slack/T1/C2/"] = [ask("m1", -20, thread, addressed=True)]
    desk.platform.missing[thread.key] = [ask("m1", -20, thread, addressed=True), ask("m2", -19, thread)]
    async with desk.running():
        assert desk.received == ["m1", "m2"]


async def test_a_new_house_has_missed_nothing() -> None:
    desk = Desk()
    async with desk.running():
        assert desk.platform.read == []
        assert await desk.store.heard("slack") == desk.clock.now()


async def test_what_is_too_old_is_listed_and_remembered_but_not_answered() -> None:
    desk = Desk()
    await desk.live_since(-180)
    elsewhere = Place("slack", "T1", "C1", "9.0")
    desk.platform.missing[THREAD.key] = [ask("old", -120), ask("young", -59)]
    desk.platform.missing[CHANNEL.key] = [ask("nobody", -110, elsewhere)]
    with logged() as lines:
        async with desk.running():
            assert desk.received == ["young"]
    assert [line.text for line in await desk.store.lines(THREAD)] == ["m0?", "old?", "young?"]
    assert await desk.store.lines(elsewhere) == []
    listed = [line for line in lines if "too old" in line]
    assert len(listed) == 1
    assert "'old'" in listed[0]


async def test_a_refusal_for_rate_means_later_and_a_lost_place_means_never() -> None:
    desk = Desk()
    await desk.live_since(-30)
    desk.platform.missing[THREAD.key] = [ask("m1", -20)]
    desk.platform.refusals.append(PlatformError(Code.GONE))
    desk.platform.refusals.append(PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=60))
    async with desk.running():
        assert desk.received == []
        before = await desk.store.heard("slack")
        await desk.clock.advance(59)
        assert await desk.store.heard("slack") == before, "not all of it is known yet"
        await desk.clock.advance(2)
        assert desk.received == ["m1"]
    assert desk.platform.read == [CHANNEL.key, THREAD.key, THREAD.key]


async def test_it_reads_on_again_after_the_platform_was_away() -> None:
    desk = Desk()
    await desk.live_since(-30)
    async with desk.running():
        await desk.clock.advance(100)
        desk.platform.up = False
        await desk.clock.advance(300)
        desk.platform.missing[THREAD.key] = [ask("m1", 5)]
        desk.platform.up = True
        assert desk.received == []
        await desk.clock.advance(1)
        assert desk.received == ["m1"]


async def test_it_reads_on_again_after_something_could_not_be_stored() -> None:
    desk = Desk()
    await desk.live_since(-30)
    async with desk.running():
        await desk.clock.advance(100)
        desk.platform.missing[THREAD.key] = [ask("m1", 1)]
        await desk.clock.advance(10)
        assert desk.received == []
        desk.catch_up.again()
        await desk.clock.advance(1)
        assert desk.received == ["m1"]


async def test_a_store_that_is_away_is_waited_for() -> None:
    desk = Desk()
    await desk.live_since(-30)
    desk.platform.missing[THREAD.key] = [ask("m1", -20)]
    desk.store.failing = True
    async with desk.running():
        await desk.clock.advance(5)
        desk.store.failing = False
        await desk.clock.advance(1)
        assert desk.received == ["m1"]


async def test_the_first_turns_wait_for_it() -> None:
    desk = Desk()
    desk.platform.up = False
    async with desk.running():
        waiting = asyncio.create_task(desk.catch_up.caught_up())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        desk.platform.up = True
        await desk.clock.advance(1)
        await asyncio.wait_for(waiting, 1)


async def test_turns_wait_for_what_could_not_be_stored_before_them() -> None:
    desk = Desk()
    async with desk.running():
        await desk.clock.advance(1)
        await asyncio.wait_for(desk.catch_up.caught_up(), 1)
        desk.catch_up.again()
        waiting = asyncio.create_task(desk.catch_up.caught_up())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await desk.clock.advance(1)
        await asyncio.wait_for(waiting, 1)


async def test_turns_wait_for_it_not_for_long() -> None:
    silent = Desk()
    silent.catch_up.hold_s = 0.05
    silent.catch_up.again()
    await asyncio.wait_for(asyncio.gather(silent.catch_up.caught_up(), silent.catch_up.caught_up()), 1)
    await silent.clock.advance(0.1)
    await asyncio.wait_for(silent.catch_up.caught_up(), 0.02)
