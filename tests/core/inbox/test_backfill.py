from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from core.commands.handlers import CommandHandlers
from core.errors import Code, PlatformError, StoreError
from core.inbox.backfill import HOLD_S, Backfill
from core.inbox.inbox import StoringInbox
from core.platform_calls import PlatformCalls
from core.settings.environment import CoreSettings
from core.turns.running import RunningTurns
from core.values.conversation import Ask, Turn
from core.values.places import Person, Place
from tests.fakes.clock import START, FakeClock, beside
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform
from tests.waiting import HANG_S

ADA = Person("U1", "Ada")
THREAD = Place("slack", "T1", "C1", "1.0")
CHANNEL = Place("slack", "T1", "C1")
WINDOW_S = 3600.0


def ask(id: str, minutes: float, place: Place = THREAD, *, addressed: bool = False) -> Ask:
    return Ask(id, place, ADA, f"{id}?", START + timedelta(minutes=minutes), addressed=addressed)


class Full(MemoryStore):
    """With `full`, reading goes on and writing does not. The list of threads comes late while `lists` is not set."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.lists = asyncio.Event()
        self.lists.set()

    async def active_threads(self, platform: str, team: str, since: datetime, limit: int = 500) -> list[Place]:
        found = await super().active_threads(platform, team, since, limit)
        await self.lists.wait()
        return found

    async def accept(self, ask: Ask, started_at: datetime | None = None) -> Turn | None:
        if self.full:
            raise StoreError("disk is full")
        return await super().accept(ask, started_at)


class App:
    """A catch-up with everything around it; `received` is what it handed in."""

    def __init__(self, *, shared: bool = False) -> None:
        self.clock = FakeClock()
        self.elsewhere = shared
        self.store = Full()
        self.platform = MemoryPlatform()
        self.received: list[str] = []
        handlers = CommandHandlers(self.store, CoreSettings(_env_file=None), self.clock)
        self.inbox = StoringInbox(self.store, self._submit, RunningTurns(), handlers)
        self.catch_up = Backfill(
            PlatformCalls(self.platform),
            self.store,
            self.inbox.receive,
            self.inbox.record_expired,
            self.clock,
            WINDOW_S,
            elsewhere=(lambda _place: self.elsewhere) if shared else None,
        )

    def _submit(self, turn: Turn) -> None:
        self.received.append(turn.ask.id)

    async def set(self, place: Place, **settings: str) -> None:
        await self.store.change(place, settings, ADA, self.clock.now())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with beside(self.catch_up.run(), self.clock):
            yield

    async def live_since(self, minutes: float) -> None:
        """One thread with a question, and all heard until then."""
        await self.store.accept(ask("m0", minutes))
        await self.store.advance_watermark("slack", "T1", START + timedelta(minutes=minutes))


def busy(seconds: float) -> PlatformError:
    return PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=seconds)


@contextmanager
def logged() -> Iterator[list[str]]:
    with structlog.testing.capture_logs() as lines:
        seen: list[str] = []
        yield seen
        seen += [str(line) for line in lines]


async def test_places_and_their_channels_are_read_on_and_handed_in_order() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.missing[THREAD.key] = [ask("m1", -20), ask("m2", -10)]
    house.platform.missing[CHANNEL.key] = [ask("m3", -5, Place("slack", "T1", "C1", "3.0"), addressed=True)]
    async with house.running():
        assert sorted(house.received) == ["m1", "m2", "m3"]
        assert house.received.index("m1") < house.received.index("m2")
        assert sorted(set(house.platform.read)) == [CHANNEL.key, THREAD.key, "slack/T1/C1/3.0"]
        assert await house.store.watermark("slack", "T1") == house.clock.now()


async def test_a_thread_that_nobody_heard_of_is_read_too() -> None:
    house = App()
    await house.store.advance_watermark("slack", "T1", START - timedelta(minutes=30))
    thread = Place("slack", "T1", "C2", "5.0")
    house.platform.shown_channels = [Place("slack", "T1", "C2")]
    house.platform.missing["slack/T1/C2/"] = [ask("m1", -20, thread, addressed=True)]
    house.platform.missing[thread.key] = [ask("m1", -20, thread, addressed=True), ask("m2", -19, thread)]
    async with house.running():
        assert house.received == ["m1", "m2"]


async def test_a_thread_is_read_too_whose_first_words_came_by_themselves_meanwhile() -> None:
    house = App()
    await house.store.advance_watermark("slack", "T1", START - timedelta(minutes=30))
    thread = Place("slack", "T1", "C2", "5.0")
    root = ask("m1", -20, thread, addressed=True)
    house.platform.shown_channels = [Place("slack", "T1", "C2")]
    house.platform.missing["slack/T1/C2/"] = [root]
    house.platform.missing[thread.key] = [root, ask("m2", -19, thread)]
    house.platform.refusals.append(busy(5))
    async with house.running():
        await house.inbox.receive(root)  # delivered again, before its channel could be read
        await house.clock.advance(5)
        assert house.received == ["m1", "m2"]
        assert house.platform.read.count(thread.key) == 1


@pytest.mark.parametrize("steps", range(4))
async def test_a_turn_that_is_dropped_just_when_there_is_news_waits_no_longer(steps: int) -> None:
    """`steps` of the event loop behind the news."""
    house = App()
    await house.live_since(-30)
    waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    house.catch_up.again()
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()
    done, _ = await asyncio.wait({waiting}, timeout=HANG_S)
    assert done
    assert waiting.cancelled()


async def test_a_new_house_has_missed_nothing() -> None:
    house = App()
    async with house.running():
        assert house.platform.read == []
        assert await house.store.watermark("slack", "T1") == house.clock.now()


async def test_what_is_too_old_is_listed_and_remembered_but_not_answered() -> None:
    house = App()
    await house.live_since(-180)
    elsewhere = Place("slack", "T1", "C1", "9.0")
    house.platform.missing[THREAD.key] = [ask("old", -120), ask("young", -59)]
    house.platform.missing[CHANNEL.key] = [ask("nobody", -110, elsewhere)]
    with logged() as lines:
        async with house.running():
            assert house.received == ["young"]
    assert [line.text for line in await house.store.lines(THREAD)] == ["m0?", "old?", "young?"]
    assert await house.store.lines(elsewhere) == []
    listed = [line for line in lines if "question_too_old" in line]
    assert len(listed) == 1
    assert "'old'" in listed[0]


async def test_what_is_too_old_is_weighed_as_a_new_one_would_be() -> None:
    house = App()
    await house.store.advance_watermark("slack", "T1", START - timedelta(minutes=180))
    everything, nothing, posts = (Place("slack", "T1", channel) for channel in ("C2", "C3", "C4"))
    await house.set(everything, listen="all")
    await house.set(nothing, listen="off")
    await house.set(posts, listen="forum", deny="U2")
    house.platform.shown_channels = [everything, nothing, posts, CHANNEL]

    def in_thread(id: str, channel: Place, thread: str, **changes: Any) -> Ask:
        return replace(ask(id, -120, replace(channel, thread=thread)), **changes)

    house.platform.missing = {
        everything.key: [in_thread("a", everything, "a")],
        nothing.key: [in_thread("b", nothing, "b", addressed=True)],
        posts.key: [
            in_thread("c", posts, "c"),
            in_thread("d", posts, "d", author=Person("U2")),
            in_thread("e", posts, "c"),
        ],
        CHANNEL.key: [
            in_thread("f", CHANNEL, "f"),
            in_thread("g", CHANNEL, "g", addressed=True, text="/help"),
            in_thread("h", CHANNEL, "h", addressed=True, author=Person("U3", bot=True)),
            in_thread("i", CHANNEL, "i", addressed=True),
        ],
    }
    with logged() as lines:
        async with house.running():
            assert house.received == []
    listed = [line for line in lines if "question_too_old" in line]
    assert [[id for id in "abcdefghi" if f"'message': '{id}'" in line] for line in listed] == [
        ["a"],
        ["c"],
        ["i"],
    ]


async def test_what_was_asked_where_everything_is_a_question_is_answered() -> None:
    house = App()
    await house.store.advance_watermark("slack", "T1", START - timedelta(minutes=30))
    forum = Place("slack", "T1", "C2")
    await house.set(forum, listen="forum")
    post, chat = replace(forum, thread="p"), replace(forum, thread="q")
    house.platform.shown_channels = [post, chat]
    house.platform.missing = {
        forum.key: [ask("r", -18, replace(forum, thread="r"))],
        post.key: [ask("p", -20, post), ask("p1", -19, post)],
        chat.key: [ask("q1", -18, chat)],
    }
    async with house.running():
        assert sorted(house.received) == ["p", "p1", "r"], "posts, and what was said behind them; no old thread"
    assert forum.key in house.platform.read, "nobody was ever asked there, and the platform did not name it"


async def test_a_refusal_for_rate_means_later_and_a_lost_place_means_never() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.missing[THREAD.key] = [ask("m1", -20)]
    house.platform.refusals.append(PlatformError(Code.GONE))
    house.platform.refusals.append(PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=60))
    async with house.running():
        assert house.received == []
        before = await house.store.watermark("slack", "T1")
        await house.clock.advance(59)
        assert await house.store.watermark("slack", "T1") == before, "not all of it is known yet"
        await house.clock.advance(2)
        assert house.received == ["m1"]
    assert house.platform.read == [CHANNEL.key, THREAD.key, THREAD.key]


async def test_what_was_asked_while_the_token_was_refused_is_read_once_it_works() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.missing[THREAD.key] = [ask("m1", -20)]
    house.platform.refusals += [PlatformError(Code.BAD_TOKEN), PlatformError(Code.BAD_TOKEN)]
    async with house.running():
        before = await house.store.watermark("slack", "T1")
        assert house.received == []
        await house.clock.advance(60)
        assert house.received == ["m1"]
        assert await house.store.watermark("slack", "T1") != before


async def test_it_reads_on_again_after_the_platform_was_away() -> None:
    house = App()
    await house.live_since(-30)
    async with house.running():
        await house.clock.advance(100)
        house.platform.up = False
        await house.clock.advance(300)
        house.platform.missing[THREAD.key] = [ask("m1", 5)]
        house.platform.up = True
        assert house.received == []
        await house.clock.advance(1)
        assert house.received == ["m1"]


async def test_it_reads_on_again_after_the_platform_was_away_while_it_was_reading() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.refusals.append(PlatformError(Code.SLOW_DOWN, retryable=True, retry_after_s=60))
    async with house.running():
        house.platform.up = False
        await house.clock.advance(2)
        house.platform.up = True
        await house.clock.advance(2)
        house.platform.missing[THREAD.key] = [ask("m1", 0.01)]
        await house.clock.advance(60)
        assert house.received == ["m1"]


async def test_a_place_that_can_not_be_read_for_now_holds_up_nobody_and_is_read_later() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.missing[CHANNEL.key] = [ask("m1", -20, replace(CHANNEL, thread="2.0"), addressed=True)]
    house.platform.missing[THREAD.key] = [ask("m2", -20)]
    house.platform.unreadable = CHANNEL.key
    async with house.running():
        assert house.received == ["m2"], "the others are not held up"
        await house.clock.advance(70)
        assert await house.store.watermark("slack", "T1") == START - timedelta(minutes=30), (
            "not all of it is known yet"
        )
        house.platform.unreadable = ""
        await house.clock.advance(20)
        assert set(house.received) == {"m1", "m2"}
        heard = await house.store.watermark("slack", "T1")
        assert heard is not None
        assert heard > START


async def test_it_reads_on_again_after_something_could_not_be_stored() -> None:
    house = App()
    await house.live_since(-30)
    async with house.running():
        await house.clock.advance(100)
        house.platform.missing[THREAD.key] = [ask("m1", 1)]
        await house.clock.advance(10)
        assert house.received == []
        house.catch_up.again()
        await house.clock.advance(1)
        assert house.received == ["m1"]


async def test_a_store_that_is_away_is_waited_for() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.missing[THREAD.key] = [ask("m1", -20)]
    house.store.failing = True
    async with house.running():
        await house.clock.advance(60)
        house.store.failing = False
        await house.clock.advance(5)
        assert house.received == ["m1"]


async def test_a_platform_is_not_asked_over_and_over_because_the_database_takes_nothing() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.missing[THREAD.key] = [ask("m1", -20)]
    house.store.full = True
    with logged() as lines:
        async with house.running():
            await house.clock.advance(60)
            assert house.received == []
            assert house.platform.read.count(THREAD.key) <= 15
            waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
            await asyncio.sleep(0.05)
            assert not waiting.done(), "nothing is answered out of its order before that"
            house.store.full = False
            await house.clock.advance(5)
            assert house.received == ["m1"]
            await asyncio.wait_for(waiting, HANG_S)
    assert len([line for line in lines if "backfill_delayed" in line]) == 1


async def test_the_first_turns_wait_for_it() -> None:
    house = App()
    house.platform.up = False
    async with house.running():
        waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        house.platform.up = True
        await house.clock.advance(1)
        await asyncio.wait_for(waiting, HANG_S)


async def test_the_first_turns_wait_for_a_connection_not_for_long() -> None:
    house = App()
    house.platform.up = False
    async with house.running():
        await house.clock.advance(HOLD_S - 1)
        waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await house.clock.advance(1)
        await asyncio.wait_for(house.catch_up.caught_up(THREAD), HANG_S)
        await asyncio.wait_for(waiting, HANG_S)


async def test_turns_wait_for_what_could_not_be_stored_before_them() -> None:
    house = App()
    async with house.running():
        await house.clock.advance(1)
        await asyncio.wait_for(house.catch_up.caught_up(THREAD), HANG_S)
        house.catch_up.again()
        waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await house.clock.advance(1)
        await asyncio.wait_for(waiting, HANG_S)


async def test_turns_wait_for_what_could_not_be_stored_while_the_places_to_read_were_being_listed() -> None:
    house = App()
    house.inbox = StoringInbox(
        house.store,
        house._submit,
        RunningTurns(),
        CommandHandlers(house.store, CoreSettings(_env_file=None), house.clock),
        lost=lambda _place: house.catch_up.again(),
    )
    house.store.full = True
    await house.store.advance_watermark("slack", "T1", START - timedelta(minutes=30))
    house.store.lists.clear()
    house.platform.shown_channels = [CHANNEL]
    async with house.running():
        older = ask("m1", 1, THREAD, addressed=True)
        receiving = asyncio.create_task(house.inbox.receive(older))
        await house.clock.advance(10.5)
        with pytest.raises(StoreError):
            await receiving
        house.store.full = False
        house.platform.missing[CHANNEL.key] = [older]
        house.store.lists.set()
        await asyncio.sleep(0)
        waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
        await house.inbox.receive(ask("m2", 2, THREAD, addressed=True))
        house.platform.missing[CHANNEL.key] = [older]
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await house.clock.advance(1)
        await asyncio.wait_for(waiting, HANG_S)
        assert house.received == ["m2", "m1"], "stored before any turn of the place begins"


async def test_turns_wait_after_a_lost_connection_for_what_was_said_meanwhile() -> None:
    house = App()
    await house.live_since(-30)
    async with house.running():
        await house.clock.advance(1)
        house.platform.up = False
        await house.clock.advance(1)
        house.platform.missing[THREAD.key] = [ask("m1", 0)]
        house.platform.up = True
        waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await house.clock.advance(1)
        await asyncio.wait_for(waiting, HANG_S)
        assert house.received == ["m1"]


async def test_turns_wait_for_it_not_for_long() -> None:
    silent = App()
    silent.catch_up.hold_s = 0.05
    silent.catch_up.again()
    await asyncio.wait_for(
        asyncio.gather(silent.catch_up.caught_up(THREAD), silent.catch_up.caught_up(THREAD)), HANG_S
    )
    await silent.clock.advance(0.1)
    await asyncio.wait_for(silent.catch_up.caught_up(THREAD), HANG_S)


async def test_a_thread_waits_until_its_channel_has_been_read_and_others_do_not() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.refusals.append(busy(20))  # the channel is read first
    async with house.running():
        elsewhere = replace(THREAD, channel="C2")
        await asyncio.wait_for(house.catch_up.caught_up(elsewhere), HANG_S)
        waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
        await house.clock.advance(19)
        assert THREAD.key in house.platform.read
        assert not waiting.done()
        await house.clock.advance(1)
        await asyncio.wait_for(waiting, HANG_S)


async def test_what_somebody_waits_for_is_read_first() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.shown_channels = [Place("slack", "T1", f"C{number}") for number in range(2, 20)]
    house.platform.refusals.extend([busy(5)] * 4)  # each of the readers
    async with house.running():
        wanted = house.platform.shown_channels[-1]
        waiting = asyncio.create_task(house.catch_up.caught_up(wanted))
        await house.clock.advance(0)
        assert wanted.key not in house.platform.read
        await house.clock.advance(5)
        await asyncio.wait_for(waiting, HANG_S)
    assert wanted.key in house.platform.read[:9]


async def test_a_place_that_cannot_be_read_for_now_keeps_its_turns_no_longer() -> None:
    house = App()
    await house.live_since(-30)
    house.platform.unreadable = THREAD.key
    async with house.running():
        await asyncio.wait_for(house.catch_up.caught_up(THREAD), HANG_S)
        assert THREAD.key in house.platform.read


async def test_turns_wait_for_their_place_not_for_ever() -> None:
    house = App()
    await house.live_since(-30)
    house.catch_up.hold_s = 0.05
    house.platform.refusals.append(busy(600))
    async with house.running():
        waiting = asyncio.create_task(house.catch_up.caught_up(THREAD))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await house.clock.advance(0.1)
        await asyncio.wait_for(waiting, HANG_S)


async def test_of_several_processes_the_one_that_answers_reads_what_was_missed() -> None:
    house = App(shared=True)
    await house.live_since(-30)
    house.platform.missing[THREAD.key] = [ask("m1", -20)]
    async with house.running():
        await house.clock.advance(60.0)
        assert house.platform.read == []
        assert await house.store.watermark("slack", "T1") == START - timedelta(minutes=30)
        house.elsewhere = False
        await house.clock.advance(1.0)
        assert house.received == ["m1"]
        await house.clock.advance(11.0)
        assert await house.store.watermark("slack", "T1") != START - timedelta(minutes=30)


async def test_a_process_that_follows_reads_nothing_where_the_one_before_has_known_all_since_it_was_connected() -> (
    None
):
    house = App(shared=True)
    await house.live_since(-30)
    async with house.running():
        await house.clock.advance(20.0)
        await house.store.advance_watermark("slack", "T1", house.clock.now())
        await house.clock.advance(1.0)
        house.elsewhere = False
        await house.catch_up.caught_up(THREAD)
        await house.clock.advance(20.0)
        assert house.platform.read == []
        kept = await house.store.watermark("slack", "T1")
        assert kept is not None
        assert kept > START + timedelta(seconds=30), "from now on it keeps the moment itself"


async def test_an_event_that_could_not_be_stored_is_read_by_the_process_to_which_it_came() -> None:
    house = App(shared=True)
    await house.live_since(-30)
    async with house.running():
        house.platform.missing[THREAD.key] = [ask("m1", 0)]
        house.catch_up.again()
        await house.clock.advance(1.0)
        assert house.received == ["m1"]
