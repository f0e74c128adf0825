from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.commands.handlers import CommandHandlers
from core.errors import StoreError
from core.i18n import phrase
from core.inbox.inbox import StoringInbox
from core.memory.recall import Recall
from core.platform_calls import PlatformCalls
from core.ports.store.privacy import Feedback
from core.settings.environment import CoreSettings
from core.turns.running import RunningTurns
from core.values.conversation import Ask, Turn, TurnState
from core.values.events import ButtonPress, Command, Deleted, Edited, Event, Outcome
from core.values.parts import File, Quote
from core.values.places import Person, Place
from core.values.tasks import RemoveSources
from core.values.turn_ends import Finish
from core.values.ui import Button
from tests.core.memory.rig import Workspace
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.waiting import HANG_S, until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THREAD = Place("slack", "T1", "C1", "1.0")
ADA = Person("U1", "Ada")


def ask(number: int, text: str = "why?", *, addressed: bool = True, place: Place = THREAD) -> Ask:
    return Ask(f"{number}.0", place, ADA, text, NOON + timedelta(seconds=number), addressed=addressed)


class App:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = FakeClock(NOON)
        self.submitted: list[Turn] = []
        handlers = CommandHandlers(self.store, CoreSettings(_env_file=None), self.clock)
        self.lost: list[Place] = []
        self.inbox = StoringInbox(self.store, self.submitted.append, RunningTurns(), handlers, self.lost.append)

    async def texts(self) -> list[str]:
        return [line.text for line in await self.store.lines(THREAD)]


@pytest.fixture
def house() -> App:
    return App()


async def test_a_question_is_stored_before_anything_else_and_once(house: App) -> None:
    first = await house.inbox.receive(ask(1))
    again = await house.inbox.receive(ask(1))
    assert (first.outcome, again.outcome) == (Outcome.TURN, Outcome.DUPLICATE)
    assert [turn.id for turn in house.submitted] == [first.turn_id]
    assert await house.store.open_turns() == house.submitted


@pytest.mark.parametrize("given", [Command("搜索", THREAD, ADA, NOON, "key"), ask(2, "/search key")])
async def test_a_search_holds_up_no_question_of_its_channel(given: Event) -> None:
    store, clock, platform = MemoryStore(), FakeClock(NOON), Workspace()
    calls = PlatformCalls(platform)
    recall = Recall(store, CoreSettings(_env_file=None), clock, lambda _place: calls)
    handlers = CommandHandlers(store, CoreSettings(_env_file=None), clock, recall=recall)
    inbox = StoringInbox(store, lambda _turn: None, RunningTurns(), handlers)
    platform.answers.clear()
    searching = asyncio.create_task(inbox.receive(given))
    await until(lambda: platform.asked)
    asked = await asyncio.wait_for(inbox.receive(ask(1)), HANG_S)
    assert (asked.outcome, searching.done()) == (Outcome.TURN, False)
    platform.answers.set()
    assert (await searching).outcome is Outcome.TOLD


async def test_words_of_a_bot_that_look_like_a_search_are_no_command_and_keep_their_order(house: App) -> None:
    await house.inbox.receive(ask(1))
    written = replace(ask(2, "/search key"), author=Person("B1", "Bot", bot=True))
    async with house.inbox._channel(THREAD):
        noting = asyncio.create_task(house.inbox.receive(written))
        await asyncio.sleep(0)
        assert not noting.done()
    assert (await noting).outcome is Outcome.NOTED


async def test_a_question_that_is_typed_as_a_command_keeps_its_files(house: App) -> None:
    files = (File("a.txt", source="F1"),)
    await house.inbox.receive(replace(ask(1, "/ask how many?"), attached=files))
    await house.inbox.receive(replace(ask(2, "/help"), attached=files))
    assert [(turn.ask.text, turn.ask.attached) for turn in house.submitted] == [("how many?", files)]


async def test_what_could_not_be_stored_is_not_acknowledged(house: App) -> None:
    house.store.failing = True
    receiving = asyncio.create_task(house.inbox.receive(ask(1)))
    await house.clock.advance(10.5)
    with pytest.raises(StoreError):
        await asyncio.wait_for(receiving, HANG_S)
    assert house.submitted == []
    assert house.lost == [THREAD], "somebody has to read on from before it"


async def test_a_database_that_is_restarted_delays_events_and_keeps_their_order(house: App) -> None:
    house.store.failing = True
    receiving = [asyncio.create_task(house.inbox.receive(ask(number))) for number in (1, 2, 3)]
    await house.clock.advance(0.8)
    assert not any(one.done() for one in receiving)
    house.store.failing = False
    await house.clock.advance(0.5)
    assert [(await one).outcome for one in receiving] == [Outcome.TURN] * 3
    assert [turn.ask.id for turn in house.submitted] == [ask(number).id for number in (1, 2, 3)]
    assert house.lost == []


async def test_follow_ups_are_turns_only_where_the_bot_was_asked(house: App) -> None:
    assert (await house.inbox.receive(ask(1, addressed=False))).outcome is Outcome.NOT_ADDRESSED
    await house.inbox.receive(ask(2))
    assert (await house.inbox.receive(ask(3, addressed=False))).outcome is Outcome.TURN
    between_people = replace(ask(4, addressed=False), to_others=True)
    assert (await house.inbox.receive(between_people)).outcome is Outcome.NOTED
    assert len(await house.texts()) == 3


async def test_a_bot_is_never_answered_not_even_when_it_mentions_us(house: App) -> None:
    said_by_a_bot = replace(ask(1), author=Person("B1", "Other", bot=True))
    assert (await house.inbox.receive(said_by_a_bot)).outcome is Outcome.BOT
    assert await house.texts() == []


async def test_a_reply_to_an_answer_goes_on_with_its_conversation(house: App) -> None:
    await house.inbox.receive(ask(1))
    turn = await house.store.begin(house.submitted[0].id)
    await house.store.finish(Finish(turn, TurnState.DONE, "because", posted=("p1",)))
    elsewhere = replace(THREAD, thread="ask-9")
    await house.inbox.receive(replace(ask(2, place=elsewhere), replies_to="p1"))
    assert house.submitted[1].ask.place == THREAD


async def test_edits_and_deletions_never_overtake_what_they_change(house: App) -> None:
    await house.inbox.receive(ask(1))
    events: list[Event] = [
        ask(2, "never mind", addressed=False),
        ask(3, "in 1815", addressed=False),
        Edited(THREAD, "3.0", "in 1816"),
        Deleted(THREAD, "2.0"),
    ]
    await asyncio.gather(*(house.inbox.receive(event) for event in events))
    assert await house.texts() == ["why?", "in 1816"]


async def test_a_button_counts_only_in_the_channel_of_its_answer(house: App) -> None:
    receipt = await house.inbox.receive(ask(1))
    assert receipt.turn_id is not None
    turn = await house.store.begin(receipt.turn_id)
    await house.store.finish(Finish(turn, TurnState.FAILED, posted=("p1",)))
    foreign = ButtonPress("again", turn.id, replace(THREAD, channel="C2"), ADA)
    assert (await house.inbox.receive(foreign)).outcome is Outcome.UNKNOWN
    assert (await house.inbox.receive(replace(foreign, place=THREAD))).outcome is Outcome.TURN
    assert (await house.inbox.receive(replace(foreign, place=THREAD))).outcome is Outcome.DUPLICATE
    assert house.submitted[-1].again_of == turn.id


async def test_an_opinion_of_sources_counts_until_they_are_deleted(house: App) -> None:
    turns = []
    for number in (1, 2):
        receipt = await house.inbox.receive(ask(number))
        assert receipt.turn_id is not None
        turns.append(await house.store.begin(receipt.turn_id))
    source, citing = turns
    await house.store.finish(Finish(source, TurnState.DONE, "so", posted=("p1",)))
    up = (Button("up", "Up", citing.id), Button("cited_up", "Right sources, for all", citing.id))
    cited = ((1, source.id),)
    end = Finish(citing, TurnState.DONE, "See [1]", buttons=up, posted=("p2",), cited=cited)
    await house.store.finish(end)
    press = ButtonPress("cited_up", citing.id, THREAD, ADA)
    assert (await house.inbox.receive(press)).outcome is Outcome.NOTED
    assert [one.value for one in await house.store.opinions_of([source.id])] == [1]
    assert await house.store.feedback(source.id) == [], "it is no opinion of the answer itself"
    await house.inbox.receive(Deleted(replace(THREAD, thread=""), source.ask.id))
    assert house.submitted[-1].ask.task == RemoveSources(citing.id)
    late = await house.inbox.receive(replace(press, action="cited_down"))
    assert late.outcome is Outcome.UNKNOWN
    assert late.reply is not None
    assert late.reply.text == phrase("pressed_late", "en", prefix="@Parley /")
    assert [one.value for one in await house.store.opinions_of([source.id])] == [1], "nothing was rated"


async def test_an_opinion_of_the_sources_is_one_a_person_and_the_same_press_takes_it_back(house: App) -> None:
    turns = []
    for number in (1, 2):
        receipt = await house.inbox.receive(ask(number))
        assert receipt.turn_id is not None
        turns.append(await house.store.begin(receipt.turn_id))
    source, citing = turns
    await house.store.finish(Finish(source, TurnState.DONE, "so", posted=("p1",)))
    await house.store.rate(source.id, Feedback(ADA.id, 1, "", NOON))
    end = Finish(citing, TurnState.DONE, "See [1]", posted=("p2",), cited=((1, source.id),))
    await house.store.finish(end)
    told, values = [], []
    for action in ("cited_down", "cited_up", "cited_up", "cited_down"):
        receipt = await house.inbox.receive(ButtonPress(action, citing.id, THREAD, ADA))
        assert receipt.reply is not None
        told.append(receipt.reply.text)
        values.append([one.value for one in await house.store.opinions_of([source.id])])
    keys = ("thanks_cited_down", "thanks_cited_up", "cited_taken_back", "thanks_cited_down")
    assert told == [phrase(key, "en") for key in keys]
    assert values == [[-1], [1], [], [-1]]
    assert [one.value for one in await house.store.feedback(source.id)] == [1], "their own thumb stays"


async def test_a_second_delivery_adds_the_files_that_the_first_one_lacked(house: App) -> None:
    bare, whole = ask(1), replace(ask(1), attached=(File("a.txt", source="F1"),))
    assert [(await house.inbox.receive(one)).outcome for one in (bare, whole, whole)] == [
        Outcome.TURN,
        Outcome.DUPLICATE,
        Outcome.DUPLICATE,
    ]
    later = replace(whole, id="2.0", addressed=False, to_others=True)
    await house.inbox.receive(replace(later, attached=()))
    await house.inbox.receive(later)
    assert [line.attached for line in await house.store.lines(THREAD)] == [whole.attached] * 2
    assert len(house.submitted) == 1


async def test_files_and_quotes_alone_ask_nothing_unless_the_bot_is_addressed(house: App) -> None:
    shown = replace(ask(1, ""), attached=(Quote("look", "Bo"),))
    assert (await house.inbox.receive(replace(shown, addressed=False))).outcome is Outcome.NOT_ADDRESSED
    assert (await house.inbox.receive(shown)).outcome is Outcome.TURN
    assert (await house.inbox.receive(replace(shown, id="2.0", addressed=False))).outcome is Outcome.NOTED
