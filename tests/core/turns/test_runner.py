"""Turns from end to end, with the platform, the store and the model in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import Clock, SystemClock
from core.conversation.prompt import WORDLESS
from core.delivery.scheduler import DeliveryScheduler
from core.errors import Code, ModelError, PlatformError
from core.i18n import phrase
from core.llm.catalog import environment_to_catalog
from core.memory.recall import Recall
from core.platform_calls import PlatformCalls
from core.ports.files import Transcriber
from core.ports.model import Model, Request
from core.ports.store import Store
from core.ports.tools import Tools
from core.settings.environment import CoreSettings
from core.spend.budget_checks import BudgetChecks
from core.spend.usage_report import WrittenReport
from core.text import is_blank
from core.turns.answer_budgets import AnswerBudgets
from core.turns.checkpoints import Checkpoints
from core.turns.queue import PlaceQueues
from core.turns.runner import TurnRunner
from core.turns.running import RunningTurn, RunningTurns
from core.turns.shown_answers import Channel
from core.turns.thread_summaries import ThreadSummaries
from core.values.conversation import Ask, Turn, TurnState, announcement
from core.values.deltas import Delta, Ended, EndReason, ModelInfo, ModelSelected
from core.values.events import Edited
from core.values.outgoing import Page, PostMessage
from core.values.parts import Text
from core.values.places import Person, Place, message_key
from core.values.tasks import Alert, ContinueAnswer, ReportUsage, ShowAnew
from core.values.turn_ends import Finish
from tests.core.llm.test_embeddings import Observer
from tests.fakes.clock import FakeClock
from tests.fakes.files import plain_files
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform
from tests.waiting import HANG_S, until

PLACE = Place("slack", "T1", "C1", "1.0")
ADA = Person("U1", "Ada")
WAITING, RESUMED = phrase("waiting", "en"), phrase("resumed", "en")


class Script:
    """Answers word by word, as soon as `go` is set; `words` are of the next answers, one each."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.silent = False
        self.failing = False
        self.words = ["All", " of", " it."]
        self.reason = EndReason.STOP
        self.pace_s = 0.0
        self.endless = False
        self.said = self.closed = 0
        self.requests: list[Request] = []

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.requests.append(request)
        if self.failing:
            raise ModelError(Code.NO_MONEY)
        if self.silent:
            await self.go.wait()
        yield ModelSelected(ModelInfo(request.model), 9)
        try:
            for word in self.words:
                self.said += 1
                yield Text(word)
                await self.go.wait()
                await asyncio.sleep(self.pace_s)
            if not self.endless:
                yield Ended(self.reason)
        finally:
            self.closed += 1


class NoReports:
    async def report(self, task: ReportUsage, place: Place) -> WrittenReport:
        raise AssertionError("no report is asked for")


class NewYear(SystemClock):
    """A clock of the day on which the questions of a rig are asked: their limits hold on that day."""

    def __init__(self) -> None:
        self._ahead = super().now() - datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return super().now() - self._ahead


class Rig:
    def __init__(
        self,
        platform: MemoryPlatform | None = None,
        store: Store | None = None,
        clock: Clock | None = None,
        model: Model | None = None,
        tools: Tools | None = None,
        file_chars: int = 0,
        transcriber: Transcriber | None = None,
        core: CoreSettings | None = None,
        recalls: bool = False,
    ) -> None:
        self.platform = platform or MemoryPlatform()
        self.store = store or MemoryStore()
        self.model = Script()
        self.tool_calls: list[tuple[str, bool]] = []
        self.observer = Observer()
        clock = clock or SystemClock()
        self.live = RunningTurns()
        platform_calls = PlatformCalls(self.platform)
        self.scheduler = DeliveryScheduler(platform_calls, clock, file_chars=file_chars)
        self.checkpoints = Checkpoints(self.store, self.live, clock)
        channel = Channel(platform_calls, self.scheduler)
        settings = core or CoreSettings(_env_file=None)
        catalog = environment_to_catalog(settings)
        budgets = AnswerBudgets(BudgetChecks(self.store, settings, clock, catalog.model_info))
        self.summaries = ThreadSummaries(
            self.store,
            model or self.model,
            settings,
            clock,
            catalog,
            budgets,
            self.live,
            lambda turn: self.place_queues.submit(turn),
            self.observer,
        )
        self.runner = TurnRunner(
            self.store,
            model or self.model,
            lambda place: channel if place.platform == "slack" else None,
            settings,
            clock,
            NoReports(),
            self.checkpoints,
            self.live,
            plain_files(self.store, clock, transcriber),
            tools=tools,
            budgets=budgets,
            summaries=self.summaries,
            recall=Recall(self.store, settings, clock, lambda _: platform_calls) if recalls else None,
            on_tool_call=lambda server, failed, _seconds: self.tool_calls.append((server, failed)),
        )
        self.place_queues = PlaceQueues(
            self.runner.answer, self.live, tell_waiting=self.runner.tell_waiting, patience_s=0.05
        )

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        delivering = asyncio.create_task(self.scheduler.run())
        try:
            yield
        finally:
            await self.place_queues.drain(0)
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

    async def ask(self, number: int, text: str = "why?", place: Place = PLACE) -> Turn:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        turn = await self.store.accept(Ask(f"m{number}", place, ADA, text, at, addressed=True))
        assert turn is not None
        self.place_queues.submit(turn)
        return turn

    async def until_ended(self, turn: Turn) -> Turn:
        async with asyncio.timeout(HANG_S):
            while True:
                now = await self.store.turn(turn.id)
                if now is not None and now.state is TurnState.DONE:
                    return now
                await asyncio.sleep(0.005)

    def views(self, message: str) -> list[tuple[str, str]]:
        return [(page.text, page.notice) for page in self.platform.shown.get(message, [])]


async def test_a_question_that_waits_is_told_so_in_the_message_that_becomes_its_answer() -> None:
    rig = Rig()
    async with rig.delivering():
        first, second = await rig.ask(1), await rig.ask(2)
        await asyncio.sleep(0.2)
        assert rig.views("p1") == [("", WAITING)]
        assert (await rig.store.open_turns())[1].posted == ("p1",)
        rig.model.go.set()
        await rig.until_ended(first)
        assert (await rig.until_ended(second)).posted == ("p1",)
    assert set(rig.platform.shown) == {"p0", "p1"}
    assert [rig.views(message)[-1] for message in ("p0", "p1")] == [("All of it.", "")] * 2


@pytest.mark.parametrize("after_s", [0.0, 0.2], ids=["at once", "once its reader was told to wait"])
async def test_a_question_that_is_forgotten_while_it_waits_is_never_answered(after_s: float) -> None:
    rig = Rig()
    async with rig.delivering():
        first, second = await rig.ask(1), await rig.ask(2)
        await asyncio.sleep(after_s)
        await rig.store.forget_thread(PLACE, first.ask.at)
        rig.live.forget(lambda turn: turn.ask.place == PLACE)
        third = await rig.ask(3)
        rig.model.go.set()
        await rig.until_ended(third)
    ended = await rig.store.turn(second.id)
    assert ended is not None
    assert (ended.state, ended.text) == (TurnState.STOPPED, "")
    forgotten = phrase("forgotten", "en")
    notices = [rig.views(message)[-1] for message in rig.platform.shown]
    assert [notice for _, notice in notices] == [forgotten] * (len(notices) - 1) + [""]
    assert len(notices) == (3 if after_s else 2)
    assert [line.text for line in await rig.store.lines(PLACE)] == ["why?", "All of it."]


async def test_an_answer_whose_question_is_forgotten_while_it_is_written_shows_that_in_its_place() -> None:
    """The page says that nothing of a forgotten thread stays on it."""
    rig = Rig()
    async with rig.delivering():
        turn = await rig.ask(1)
        await until(lambda: rig.views("p0"))
        await rig.store.forget_thread(PLACE, turn.ask.at)
        rig.live.forget(lambda one: one.id == turn.id)
        await until(lambda: not rig.live.ids)
    assert rig.views("p0") == [("All", ""), ("", phrase("forgotten", "en"))]


async def test_no_notice_stands_above_the_answer_to_an_earlier_question() -> None:
    rig = Rig()
    rig.model.words = []
    rig.model.silent = True
    async with rig.delivering():
        turns = [await rig.ask(number) for number in range(3)]
        await asyncio.sleep(0.2)
        assert rig.platform.shown == {}, "the first answer has no words yet"
        rig.model.words = ["All", " of", " it."]
        rig.model.go.set()
        ended = [await rig.until_ended(turn) for turn in turns]
    assert [turn.posted for turn in ended] == [("p0",), ("p1",), ("p2",)]


async def test_the_next_process_answers_in_the_message_that_said_so_even_if_its_id_was_not_stored() -> None:
    rig = Rig()
    turn = await rig.store.accept(Ask("m1", PLACE, ADA, "why?", datetime(2026, 1, 1, tzinfo=UTC)))
    assert turn is not None
    await rig.store.begin(turn.id)
    await rig.platform.perform(PostMessage(PLACE, Page("", WAITING), f"turn-{turn.id}-0", "m1"))
    rig.model.go.set()
    async with rig.delivering():
        (turn,) = await rig.store.open_turns()
        rig.place_queues.submit(turn)
        assert (await rig.until_ended(turn)).posted == ("p0",)
    assert set(rig.platform.shown) == {"p0"}
    assert rig.views("p0")[-1] == ("All of it.", "")


async def interrupted(seen: str) -> Rig:
    """A program whose answer was interrupted when a reader had `seen` so much of it."""
    rig = Rig()
    turn = await rig.store.accept(Ask("m1", PLACE, ADA, "why?", datetime(2026, 1, 1, tzinfo=UTC)))
    assert turn is not None
    await rig.store.begin(turn.id)
    await rig.store.checkpoint([(turn.id, seen, ("p0",))])
    rig.platform.keys[f"turn-{turn.id}-0"] = "p0"
    rig.platform.shown["p0"] = []
    return rig


async def test_an_answer_that_is_begun_again_is_marked_only_if_the_reader_would_notice() -> None:
    for seen, notice in (("All of", ""), ("", ""), ("Half of", RESUMED), ("All of it. And more", RESUMED)):
        rig = await interrupted(seen)
        rig.model.go.set()
        async with rig.delivering():
            (turn,) = await rig.store.open_turns()
            rig.place_queues.submit(turn)
            await rig.until_ended(turn)
        assert rig.views("p0")[-1] == ("All of it.", notice)
        assert set(rig.platform.shown) == {"p0"}


async def test_what_a_reader_has_seen_is_not_taken_back_to_be_written_again() -> None:
    rig = await interrupted("All of")
    async with rig.delivering():
        (turn,) = await rig.store.open_turns()
        rig.place_queues.submit(turn)
        await asyncio.sleep(0.1)
        assert [text.strip() in ("All", "All of") for text, _ in rig.views("p0")] == [True]
        rig.model.go.set()
        await rig.until_ended(turn)
    assert [text for text, _ in rig.views("p0")][-1] == "All of it."


async def until_over(rig: Rig, turn: Turn) -> Turn:
    async with asyncio.timeout(HANG_S):
        while True:
            now = await rig.store.turn(turn.id)
            if now is not None and now.state not in (TurnState.WAITING, TurnState.RUNNING):
                return now
            await asyncio.sleep(0.005)


async def test_stopped_before_it_goes_on_an_answer_keeps_the_words_of_an_earlier_process() -> None:
    rig = await interrupted("All of")
    (turn,) = await rig.store.open_turns()
    rig.live.stop(turn.id)
    async with rig.delivering():
        rig.place_queues.submit(turn)
        ended = await until_over(rig, turn)
    assert (ended.state, ended.text) == (TurnState.STOPPED, "All of")
    assert rig.views("p0")[-1] == ("All of", phrase("stopped", "en"))


async def test_the_words_of_an_earlier_process_stay_when_the_model_then_fails() -> None:
    rig = await interrupted("All of")
    rig.model.failing = True
    async with rig.delivering():
        (turn,) = await rig.store.open_turns()
        rig.place_queues.submit(turn)
        ended = await until_over(rig, turn)
    assert (ended.state, ended.text) == (TurnState.FAILED, "All of")
    assert rig.views("p0")[-1][1].startswith(phrase("cut", "en"))


async def test_a_question_that_is_deleted_before_its_answer_begins_is_never_answered() -> None:
    rig = Rig()
    async with rig.delivering():
        first, second = await rig.ask(1), await rig.ask(2)
        rig.live.withdraw(second.ask.key)
        rig.model.go.set()
        await rig.until_ended(first)
        assert (await until_over(rig, second)).state is TurnState.STOPPED
    assert [rig.views(message)[-1] for message in rig.platform.shown] == [("All of it.", "")]


async def test_a_question_that_is_deleted_while_its_first_words_are_on_their_way_leaves_no_half_answer() -> (
    None
):
    rig = Rig()
    rig.platform.latency_s = 0.1
    async with rig.delivering():
        turn = await rig.ask(1)
        await asyncio.sleep(0.05)
        assert rig.platform.shown == {}, "under way"
        rig.live.withdraw(turn.ask.key)
        ended = await until_over(rig, turn)
    assert ended.state is TurnState.STOPPED
    assert rig.platform.shown["p0"][-1].notice == phrase("withdrawn", "en")
    assert rig.platform.shown["p0"][-1].buttons == ()


async def test_what_an_earlier_process_posted_for_a_question_that_is_gone_goes_too() -> None:
    rig = Rig()
    turn = await rig.store.accept(Ask("m1", PLACE, ADA, "why?", datetime(2026, 1, 1, tzinfo=UTC)))
    assert turn is not None
    await rig.store.begin(turn.id)
    rig.platform.keys[f"turn-{turn.id}-0"] = "p0"
    rig.platform.shown["p0"] = [Page("All")]
    rig.live.withdraw(turn.ask.key)
    async with rig.delivering():
        rig.place_queues.submit(turn)
        ended = await until_over(rig, turn)
    assert (ended.text, ended.posted) == ("", ())
    assert rig.platform.shown == {}


async def test_a_turn_that_has_ended_is_left_as_it_is() -> None:
    rig = Rig()
    rig.model.go.set()
    async with rig.delivering():
        turn = await rig.ask(1)
        await rig.until_ended(turn)
        rig.place_queues.submit(replace(turn, posted=("p0",)))
        await asyncio.sleep(0.05)
    assert rig.views("p0")[-1] == ("All of it.", "")


async def grown(rig: Rig) -> Turn:
    """An answer of which the first word can be read; the model waits to say more."""
    turn = await rig.ask(1)
    await until(lambda: rig.platform.shown and rig.model.said)
    return turn


@pytest.mark.parametrize("how", ["message", "thread", "channel", "next call"])
async def test_a_growing_answer_that_is_deleted_stops_and_does_not_come_back(how: str) -> None:
    rig = Rig()
    async with rig.delivering():
        turn = await grown(rig)
        rig.platform.shown.clear()
        match how:
            case "message":
                assert rig.live.message_deleted(message_key(PLACE, "p0"))
            case "next call":
                rig.model.pace_s = 0.01
                rig.model.words = ["All", *[" of"] * 10_000]
                rig.model.go.set()
            case _:
                rig.platform.closed = True
                closed = PLACE if how == "thread" else replace(PLACE, thread="")
                assert rig.live.close(closed, turn.ask.at)
        ended = await until_over(rig, turn)
        await asyncio.sleep(0.05)
    assert (ended.state, ended.text, ended.posted) == (TurnState.STOPPED, "", ())
    assert rig.model.closed == 1, "its connection is closed"
    assert rig.platform.shown == {}
    assert [line.text for line in await rig.store.lines(PLACE)] == ["why?"]


async def test_the_question_behind_a_deleted_answer_is_answered() -> None:
    rig = Rig()
    async with rig.delivering():
        first = await grown(rig)
        second = await rig.ask(2)
        rig.platform.shown.clear()
        rig.live.message_deleted(message_key(PLACE, "p0"))
        rig.model.go.set()
        await until_over(rig, first)
        assert (await rig.until_ended(second)).text == "All of it."
    assert [rig.views(message)[-1][0] for message in rig.platform.shown] == ["All of it."]


async def test_a_question_that_waits_in_a_closed_place_is_not_answered() -> None:
    rig = Rig()
    async with rig.delivering():
        first, second = await grown(rig), await rig.ask(2)
        rig.platform.closed = True
        rig.live.close(PLACE, second.ask.at)
        for turn in (first, second):
            assert (await until_over(rig, turn)).state is TurnState.STOPPED
    assert rig.model.said == 1


@pytest.mark.parametrize(
    ("words", "left"), [(["All", " bad", " of it."], "All"), (["bad", " of it."], ""), (["All bad"], "All")]
)
async def test_refused_words_end_in_ours_with_a_way_to_try_again(words: list[str], left: str) -> None:
    rig = Rig()
    rig.platform.blocked = "bad"
    rig.model.words = words
    async with rig.delivering():
        turn = await rig.ask(1)
        await asyncio.sleep(0.1)
        rig.model.go.set()
        ended = await until_over(rig, turn)
    ((_, pages),) = rig.platform.shown.items()
    assert (ended.state, ended.text.strip()) == (TurnState.FAILED, left)
    assert pages[-1].text.strip() == left
    assert pages[-1].notice.startswith(phrase("rejected_rest" if left else "rejected", "en"))
    assert [button.action for button in pages[-1].buttons] == ["again"]


@pytest.mark.parametrize("reason", [EndReason.STOP, EndReason.LENGTH])
@pytest.mark.parametrize("blank", ["\n\n  \n", " \u00a0 \n\u3000", "\u200b\u2060", "\u2800"])
async def test_an_answer_that_nobody_can_see_is_said_to_be_empty(blank: str, reason: EndReason) -> None:
    rig = Rig()
    rig.model.words, rig.model.reason = [blank, blank], reason
    rig.model.go.set()
    async with rig.delivering():
        ended = await until_over(rig, await rig.ask(1))
    assert (ended.state, ended.text) == (TurnState.FAILED, "")
    (page,) = rig.platform.shown["p0"]
    assert page.notice.startswith(phrase("empty" if reason is EndReason.STOP else "length_empty", "en"))
    assert (page.text, [button.action for button in page.buttons]) == ("", ["again"])


@pytest.mark.parametrize(("typing_s", "shown"), [(8.0, [1, 1, 2, 3]), (0.0, [1, 1, 1, 1])])
async def test_that_an_answer_is_thought_of_is_shown_until_its_first_word(
    typing_s: float, shown: list[int]
) -> None:
    clock = FakeClock()
    rig = Rig(clock=clock)
    rig.platform.limits = replace(rig.platform.limits, typing_s=typing_s)
    rig.model.silent = True
    async with rig.delivering():
        turn = await rig.ask(1)
        counted = []
        for pass_s in (0.1, 7.0, 2.0, 12.0):
            await clock.advance(pass_s)
            counted.append(rig.platform.typings)
        assert counted == shown
        rig.model.go.set()
        for _ in range(100):
            await clock.advance(0.3)
        await rig.until_ended(turn)
        assert rig.platform.typings == shown[-1], "not once it can be read"


@pytest.mark.parametrize("text", ["", " \u200b"])
@pytest.mark.parametrize("direct", [False, True])
async def test_a_question_without_words_is_answered_by_asking_what_is_wanted(text: str, direct: bool) -> None:
    rig = Rig()
    place = replace(PLACE, direct=direct)
    rig.model.go.set()
    async with rig.delivering():
        ended = await rig.until_ended(await rig.ask(1, text, place))
        assert ended.text == phrase("wordless_direct" if direct else "wordless", "en")
        assert rig.model.requests == []
        await rig.until_ended(await rig.ask(2, "what is 2+2?", place))
    (request,) = rig.model.requests
    assert [is_blank(message.text) for message in request.messages] == [False] * len(request.messages)


@pytest.mark.parametrize("direct", [False, True])
async def test_a_question_without_words_is_answered_once_it_is_edited_while_it_waits(direct: bool) -> None:
    rig = Rig()
    place = replace(PLACE, direct=direct)
    async with rig.delivering():
        await rig.ask(1, "why?", place)
        second = await rig.ask(2, "", place)
        await rig.store.edit(Edited(place, "m2", "what is 2+2?"))
        rig.model.go.set()
        assert (await rig.until_ended(second)).text == "All of it."
    assert "what is 2+2?" in rig.model.requests[1].messages[-1].text


async def test_a_mention_without_words_in_a_thread_where_people_talked_is_answered_from_it() -> None:
    rig = Rig()
    rig.model.go.set()
    async with rig.delivering():
        before = Ask("m0", PLACE, Person("U2", "Bo"), "The build is red.", datetime(2026, 1, 1, tzinfo=UTC))
        assert await rig.store.note(before)
        await rig.until_ended(await rig.ask(1, ""))
    (request,) = rig.model.requests
    said = [message.text for message in request.messages[1:]]
    assert said == ["Bo: The build is red.", WORDLESS.format(name="Ada")]


async def test_an_answer_without_words_is_not_continued_from_nothing() -> None:
    rig = Rig()
    rig.model.words, rig.model.reason = [], EndReason.LENGTH
    rig.model.go.set()
    async with rig.delivering():
        first = await rig.ask(1)
        assert (await until_over(rig, first)).state is TurnState.FAILED
        rig.model.words, rig.model.reason = ["Because."], EndReason.STOP
        again = await rig.store.retry_turn(first.id, ContinueAnswer())
        assert again is not None
        rig.place_queues.submit(again)
        await rig.until_ended(again)
    assert [message.role for message in rig.model.requests[-1].messages] == ["system", "user"]


class Broken(TurnRunner):
    """Makes a mistake behind the writing of an answer, as often as it is run."""

    async def _converse(self, running: RunningTurn, channel: Channel) -> Finish:
        turn = running.turn
        await channel.platform_calls.perform(PostMessage(PLACE, Page("All"), f"turn-{turn.id}-0", turn.ask.id))
        await self._store.checkpoint([(turn.id, "All", ("p0",))])
        raise RuntimeError("a mistake")


async def test_a_mistake_of_ours_ends_in_words_and_is_not_made_for_ever() -> None:
    rig = Rig()
    rig.runner.__class__ = Broken
    async with rig.delivering():
        ended = await until_over(rig, await rig.ask(1))
        await until(lambda: not rig.place_queues.known)
    assert (ended.state, ended.text) == (TurnState.FAILED, "All")
    (page,) = [pages[-1] for pages in rig.platform.shown.values()]
    assert (page.text, page.notice.startswith(phrase("cut", "en"))) == ("All", True)
    assert [button.action for button in page.buttons] == ["again"]


async def test_a_stream_that_stops_without_an_end_is_no_whole_answer() -> None:
    rig = Rig()
    rig.model.endless = True
    rig.model.go.set()
    async with rig.delivering():
        ended = await until_over(rig, await rig.ask(1))
    assert (ended.state, ended.text) == (TurnState.FAILED, "All of it.")
    assert rig.views("p0")[-1][1].startswith(phrase("cut", "en"))


async def test_an_alert_is_posted_though_the_platform_is_away_for_a_moment() -> None:
    clock = FakeClock()
    rig = Rig(clock=clock)
    rig.platform.away = 3
    at = datetime(2026, 1, 1, tzinfo=UTC)
    alert = Alert("model m", Code.NO_MONEY)
    turn = await rig.store.accept(announcement("d1", replace(PLACE, thread=""), alert, at, "All is well."))
    assert turn is not None
    async with rig.delivering():
        rig.place_queues.submit(turn)
        for _ in range(40):
            await clock.advance(1.0)
        await rig.until_ended(turn)
    assert rig.views("p0") == [("All is well.", "")]


class Archived(MemoryPlatform):
    async def channel(self, channel: str) -> Place:
        raise PlatformError(Code.GONE, "the channel was archived")


async def test_the_operators_are_told_of_a_report_that_can_not_be_posted() -> None:
    rig, told = Rig(Archived()), list[tuple[str, Code]]()
    rig.runner._on_report_failed = lambda report, _platform, error: told.append((report, error.code))
    at = datetime(2026, 1, 2, tzinfo=UTC)
    task = ReportUsage(at - timedelta(days=1), at)
    turn = await rig.store.accept(announcement("summary:2026-01-02T0000", replace(PLACE, thread=""), task, at))
    assert turn is not None
    async with rig.delivering():
        rig.place_queues.submit(turn)
        await until(lambda: told)
    assert told == [(f"report 2026-01-02T0000 in {PLACE.platform}:{PLACE.channel}", Code.GONE)]


async def test_an_answer_that_a_late_call_has_spoilt_is_shown_again_and_a_stray_message_goes() -> None:
    rig = Rig()
    rig.model.go.set()
    async with rig.delivering():
        turn = await rig.until_ended(await rig.ask(1))
        [own] = rig.platform.shown
        rig.platform.shown[own].append(Page("All"))
        stray = await rig.platform.perform(PostMessage(PLACE, Page("All of"), key="turn-1"))
        again = announcement("anew-1", PLACE, ShowAnew(turn.id, stray), turn.ask.at + timedelta(seconds=9))
        accepted = await rig.store.accept(again)
        assert accepted is not None
        rig.place_queues.submit(accepted)
        await rig.until_ended(accepted)
    assert list(rig.platform.shown) == [own]
    assert rig.platform.shown[own][-1].text.startswith("All of it.")


@pytest.mark.parametrize("recalls", [False, True])
async def test_an_answer_is_whole_whichever_call_of_the_store_fails_once(recalls: bool) -> None:
    """As where a database is restarted: the call is made again, and the person reads nothing of it."""

    async def answer(fails_in: int) -> bool:
        """False where the turn ended before that call."""
        store = MemoryStore()
        rig = Rig(store=store, recalls=recalls)
        rig.model.go.set()
        async with rig.delivering():
            turn = await rig.ask(1)
            store.fails_in = fails_in
            async with asyncio.timeout(HANG_S):
                while turn.is_open:
                    await asyncio.sleep(0.02)
                    turn = store._turns[turn.id]
            failed = store.fails_in <= 0
        assert (turn.state, rig.views("p0")[-1]) == (TurnState.DONE, ("All of it.", "")), fails_in
        return failed

    ended = await asyncio.gather(*(answer(fails_in) for fails_in in range(1, 41)))
    assert ended[5], "calls fail"
    assert not ended[-1], "each call of an answer has failed once"
