"""Commands, buttons and refusals as they come in: what is told to whom, and how often."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.commands import FORGET_ME
from core.commands.data_commands import CONFIRM
from core.commands.handlers import CommandHandlers
from core.i18n import LANGUAGES, duration, phrase
from core.inbox.approvals import ENDING_S
from core.inbox.inbox import StoringInbox
from core.inbox.rate_limit import Rate
from core.settings.environment import CoreSettings
from core.turns.interrupts import Interrupt
from core.turns.running import RunningTurns
from core.values.conversation import Ask, Turn, TurnState
from core.values.events import ButtonPress, Command, Edited, Halted, Outcome, Receipt
from core.values.places import Person, Place
from core.values.tasks import ANSWER, Summarize, Task
from core.values.turn_ends import Finish
from core.values.ui import ImmediateReply
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.waiting import until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THREAD = Place("slack", "T1", "C1", "1.0")
ADA, BEN = Person("U1", "Ada"), Person("U2", "Ben")


class App:
    def __init__(self, **settings: Any) -> None:
        self.store = MemoryStore()
        self.submitted: list[Turn] = []
        self.clock = FakeClock(NOON)
        handlers = CommandHandlers(self.store, CoreSettings(_env_file=None, **settings), self.clock)
        self.live = RunningTurns()
        self.refused: list[tuple[str, Outcome]] = []
        self.inbox = StoringInbox(
            self.store,
            self.submitted.append,
            self.live,
            handlers,
            on_refused=lambda platform, why: self.refused.append((platform, why)),
        )

    async def say(
        self, id: str, text: str = "why?", by: Person = ADA, *, addressed: bool = True, place: Place = THREAD
    ) -> Receipt:
        at = NOON + timedelta(seconds=len(self.submitted))
        return await self.inbox.receive(Ask(id, place, by, text, at, addressed=addressed))

    async def press(self, action: str, turn: int, by: Person = ADA, text: str = "") -> Receipt:
        return await self.inbox.receive(ButtonPress(action, turn, THREAD, by, text=text))

    async def answered(self, id: str, task: Task = ANSWER) -> Turn:
        turn = await self.store.accept(Ask(id, THREAD, ADA, "why?", NOON, addressed=True, task=task))
        assert turn is not None
        turn = await self.store.begin(turn.id)
        await self.store.finish(Finish(turn, TurnState.DONE, "because", posted=(f"a{id}",), model="m"))
        return turn

    async def set(self, **settings: str) -> None:
        await self.store.change(replace(THREAD, thread=""), dict(settings), ADA, NOON)


def refused(why: str) -> ImmediateReply:
    return ImmediateReply(phrase(why, "en"), refused=True)


async def nothing() -> None:
    pass


@pytest.fixture
def house() -> App:
    return App()


async def test_a_message_that_is_a_command_is_one_and_is_done_once(house: App) -> None:
    first = await house.say("1.5", "/usage")
    assert first.outcome is Outcome.TOLD
    assert first.reply is not None
    assert "Your usage" in first.reply.text
    assert (await house.say("1.5", "/usage")).outcome is Outcome.DUPLICATE, "message and mention are one"
    assert house.submitted == []
    assert await house.store.lines(THREAD) == []


async def test_a_slash_that_is_no_command_or_not_said_to_the_bot_is_none(house: App) -> None:
    assert (await house.say("1.5", "/etc/hosts is where?")).outcome is Outcome.TURN
    assert (await house.say("1.6", "/help", addressed=False)).outcome is Outcome.TURN


async def test_a_typed_command_at_the_top_of_a_channel_has_no_thread_yet(house: App) -> None:
    receipt = await house.say("1.0", "/reset")
    assert receipt.reply == ImmediateReply(phrase("thread_only", "en", typed="/reset"), refused=True)
    assert (await house.say("1.1", "/reset")).reply == ImmediateReply(phrase("reset_done", "en"), whisper=False)


async def test_ask_and_summarize_become_turns_once(house: App) -> None:
    command = Command(
        "summarize", replace(THREAD, thread=""), ADA, NOON, "3h", id="c1", opens="2.0", interaction_token="t"
    )
    receipt = await house.inbox.receive(command)
    assert (receipt.outcome, receipt.reply) == (Outcome.TURN, None)
    ask = house.submitted[0].ask
    assert (ask.task, ask.place.thread, ask.interaction_token) == (
        Summarize(True, 500, NOON - timedelta(hours=3)),
        "2.0",
        "t",
    )
    assert (await house.inbox.receive(command)).outcome is Outcome.DUPLICATE


@pytest.mark.parametrize("language", LANGUAGES)
async def test_only_the_asker_regenerates_and_twice_is_once(house: App, language: str) -> None:
    turn = await house.answered("1.5")
    by = Person("U2", locale=language)
    assert await house.press("regenerate", turn.id, by) == Receipt(
        Outcome.REFUSED, turn.id, ImmediateReply(phrase("not_asker", language), refused=True)
    )
    assert house.submitted == []
    assert (await house.press("regenerate", turn.id)).outcome is Outcome.TURN
    assert [(t.again_of, t.ask.task) for t in house.submitted] == [(turn.id, ANSWER)]
    again = await house.press("regenerate", turn.id, replace(ADA, locale=language))
    assert again == Receipt(Outcome.DUPLICATE, turn.id, ImmediateReply(phrase("pressed_already", language)))


async def test_a_button_works_that_is_pressed_before_the_end_of_its_answer_is_stored(house: App) -> None:
    turn = await house.store.accept(Ask("1.5", THREAD, ADA, "why?", NOON, addressed=True))
    assert turn is not None
    turn = await house.store.begin(turn.id)
    pressing = asyncio.create_task(house.press("again", turn.id))
    await until(lambda: house.clock.sleepers)
    await house.store.finish(Finish(turn, TurnState.STOPPED, "bec"))
    await house.clock.advance(ENDING_S[0])
    assert (await pressing).outcome is Outcome.TURN


@pytest.mark.parametrize("action", ["again", "continue"])
async def test_an_answer_that_another_person_has_go_on_reads_only_what_both_may_read(
    house: App, action: str
) -> None:
    turn = await house.answered("1.5")
    await house.press(action, turn.id, replace(BEN, may_read=False))
    assert (house.submitted[0].ask.author, house.submitted[0].ask.author.may_read) == (ADA, False)


async def test_a_summary_is_regenerated_as_a_summary(house: App) -> None:
    turn = await house.answered("1.5", Summarize(False, 500))
    await house.press("regenerate", turn.id)
    assert house.submitted[0].ask.task == Summarize(False, 500)


async def test_thumbs_are_stored_by_person_with_an_optional_reason(house: App) -> None:
    turn = await house.answered("1.5")
    assert (await house.press("up", turn.id, BEN)).reply == ImmediateReply(phrase("thanks", "en"))
    down = await house.press("down", turn.id)
    assert down.reply is not None
    assert [button.action for button in down.reply.buttons] == ["reason"]
    await house.press("reason", turn.id, text=" it is wrong ")
    found = [(one.person, one.value, one.reason) for one in await house.store.feedback(turn.id)]
    assert found == [("U1", -1, "it is wrong"), ("U2", 1, "")]
    await house.press("up", turn.id)
    assert [one.value for one in await house.store.feedback(turn.id)] == [1, 1]


@pytest.mark.parametrize("whose", ["thread", "person"])
@pytest.mark.parametrize("action", ["regenerate", "up", "again"])
async def test_a_button_of_elsewhere_or_of_what_was_forgotten_is_told_to_be_late(
    house: App, action: str, whose: str
) -> None:
    turn = await house.answered("1.5")
    late = refused("pressed_late")
    elsewhere = ButtonPress(action, turn.id, replace(THREAD, channel="C2"), ADA)
    assert await house.inbox.receive(elsewhere) == Receipt(Outcome.UNKNOWN, reply=late)
    assert (await house.press(action, 99)).reply == late
    if whose == "thread":
        await house.store.forget_thread(THREAD, NOON)
    else:
        await house.store.forget_person("slack", "T1", "U1", NOON)
    assert (await house.press(action, turn.id)).reply == late
    assert house.submitted == []


async def test_only_who_was_asked_confirms_that_all_of_theirs_is_forgotten_and_for_a_while(
    house: App,
) -> None:
    await house.answered("1.5")
    late = refused("pressed_late")
    assert (await house.press(FORGET_ME, 0)).reply == late, "nobody asked"
    asked = (await house.say("2", "/forget me")).reply
    assert asked is not None
    (sure,) = asked.buttons
    assert (await house.press(sure.action, sure.turn_id, BEN)).reply == late
    assert len(await house.store.lines(THREAD)) == 2
    await house.clock.advance(CONFIRM.total_seconds() + 1)
    assert (await house.press(sure.action, sure.turn_id)).reply == late
    await house.say("3", "/forget me")
    done = await house.press(sure.action, sure.turn_id)
    assert done.outcome is Outcome.TOLD
    assert done.reply is not None
    assert phrase("forget_me_done", "en", n=1) in done.reply.text
    assert await house.store.lines(THREAD) == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_who_may_not_ask_is_told_why_once_and_only_if_they_asked(language: str) -> None:
    house = App(parley_deny="slack:U1")
    ada = replace(ADA, locale=language)
    await house.say("1", by=BEN)
    first, second = await house.say("2", by=ada), await house.say("3", by=ada)
    assert first == Receipt(
        Outcome.REFUSED, reply=ImmediateReply(phrase("refused_denied", language), refused=True)
    )
    assert second == Receipt(Outcome.REFUSED)
    unaddressed = await house.say("4", by=replace(ada, id="U1"), addressed=False)
    assert unaddressed == Receipt(Outcome.REFUSED)
    assert len(house.submitted) == 1
    commanded = await house.inbox.receive(Command("ask", THREAD, ada, NOON, "why?", id="c1"))
    no = ImmediateReply(phrase("refused_denied", language), refused=True)
    assert commanded.reply == no, "a command always has an answer"


@pytest.mark.parametrize(
    ("person", "settings", "wording"),
    [
        (Person("U3", guest=True), {"parley_guests": False}, "refused_guest"),
        (Person("U3", external=True), {}, "refused_stranger"),
        (Person("U3"), {"parley_allow": "slack:C2"}, "refused_not_listed"),
    ],
)
async def test_guests_strangers_and_who_is_not_listed(
    person: Person, settings: dict[str, Any], wording: str
) -> None:
    receipt = await App(**settings).say("1", by=person)
    assert receipt == Receipt(Outcome.REFUSED, reply=ImmediateReply(phrase(wording, "en"), refused=True))


async def test_refused_people_can_not_press_for_an_answer_either() -> None:
    house = App(parley_deny="slack:U2")
    turn = await house.answered("1.5")
    assert (await house.press("again", turn.id, BEN)).outcome is Outcome.REFUSED
    assert house.submitted == []


@pytest.mark.parametrize(
    ("person", "settings", "why"),
    [
        (BEN, {"parley_deny": "slack:U2"}, "refused_denied"),
        (BEN, {"parley_allow": "slack:U1"}, "refused_not_listed"),
        (replace(BEN, guest=True), {"parley_guests": False}, "refused_guest"),
        (replace(BEN, external=True), {}, "refused_stranger"),
        (replace(BEN, guest=None), {"parley_guests": False}, "refused_unknown"),
    ],
)
@pytest.mark.parametrize("action", ["stop", "up", "down", "reason", "again", "continue"])
async def test_no_button_works_for_who_may_not_ask_and_they_alone_are_told(
    person: Person, settings: dict[str, Any], why: str, action: str
) -> None:
    house = App(**settings)
    turn = await house.answered("1.5")
    receipt = await house.press(action, turn.id, person, text="bad")
    assert receipt == Receipt(
        Outcome.REFUSED, turn.id if action not in ("again", "continue") else receipt.turn_id, refused(why)
    )
    assert await house.store.feedback(turn.id) == []
    assert house.submitted == []


@pytest.mark.parametrize("presser", [ADA, BEN])
async def test_stop_works_for_the_asker_whatever_they_may_and_for_others_who_may_ask(presser: Person) -> None:
    house = App(parley_deny="slack:U1")
    turn = await house.answered("1.5")
    assert turn.ask.author == ADA
    receipt = await house.press("stop", turn.id, presser)
    assert receipt == Receipt(Outcome.UNKNOWN, turn.id), "nothing is being written any more"
    early = await house.store.accept(Ask("2.5", THREAD, ADA, "why?", NOON, addressed=True))
    assert early is not None
    await house.press("stop", early.id, presser)
    assert await house.live.write(house.live.add(early), nothing()) is Interrupt.STOPPED


@pytest.mark.parametrize("presser", [ADA, BEN])
async def test_the_platforms_own_stop_stops_what_its_thread_prepares(presser: Person) -> None:
    house = App(parley_deny="slack:U1")
    turn = await house.store.accept(Ask("2.5", THREAD, ADA, "why?", NOON, addressed=True))
    assert turn is not None
    running = house.live.add(turn)
    assert await house.inbox.receive(Halted(THREAD, presser)) == Receipt(Outcome.UNKNOWN), "it waits"
    running.begun = True
    elsewhere = Halted(replace(THREAD, thread="9.0"), presser)
    assert await house.inbox.receive(elsewhere) == Receipt(Outcome.UNKNOWN)
    assert running.interrupted is None
    assert (await house.inbox.receive(Halted(THREAD, presser))).turn_id == turn.id
    assert await house.live.write(running, nothing()) is Interrupt.STOPPED


async def test_the_platforms_own_stop_is_refused_to_who_may_not_ask() -> None:
    house = App(parley_deny="slack:U2")
    turn = await house.store.accept(Ask("2.5", THREAD, ADA, "why?", NOON, addressed=True))
    assert turn is not None
    house.live.add(turn).begun = True
    receipt = await house.inbox.receive(Halted(THREAD, BEN))
    assert receipt == Receipt(Outcome.REFUSED, turn.id, refused("refused_denied"))
    assert next(iter(house.live)).interrupted is None


async def test_one_persons_questions_count_together_wherever_they_are_asked() -> None:
    house = App(parley_rate=2)
    alone = Place("slack", "T1", "D1", "5", direct=True)
    assert (await house.say("1")).outcome is Outcome.TURN
    assert (await house.say("2", place=replace(THREAD, channel="C2"))).outcome is Outcome.TURN
    assert (await house.say("3", place=alone)).outcome is Outcome.LIMITED


async def test_a_workspaces_rate_and_deny_list_hold_in_direct_messages() -> None:
    house = App()
    alone = Place("discord", "900", "D1", direct=True)
    await house.store.change(Place("discord", "G1", ""), {"rate": "1", "deny": "U2"}, ADA, NOON)
    assert (await house.say("1", place=alone)).outcome is Outcome.TURN
    assert (await house.say("2", place=alone)).outcome is Outcome.LIMITED
    assert (await house.say("3", place=alone, by=BEN)).reply == refused("refused_denied")
    assert house.refused == [("discord", Outcome.LIMITED), ("discord", Outcome.REFUSED)]


async def test_each_place_says_once_within_15_seconds_why_questions_are_refused() -> None:
    house = App(parley_rate=1)
    asked = await house.say("1.0")
    assert asked.outcome is Outcome.TURN
    elsewhere, alone = replace(THREAD, channel="C2", thread="9.0"), Place("slack", "T1", "D1", "", direct=True)

    async def is_told(id: str, place: Place = THREAD) -> bool:
        receipt = await house.say(id, place=place)
        assert receipt.outcome is Outcome.LIMITED
        return receipt.reply is not None

    assert await is_told("1.1")
    assert not await is_told("1.2"), "the thread has been told"
    assert await is_told("9.0", elsewhere)
    assert not await is_told("9.5", replace(elsewhere, thread="9.5")), (
        "a flood of new threads is one of the channel"
    )
    assert await is_told("5.0", alone)
    assert not await is_told("5.1", alone)
    await house.clock.advance(1)
    assert await is_told("5.2", alone), "a direct conversation is answered"
    await house.clock.advance(14)
    assert await is_told("1.3")


async def test_a_refused_question_is_counted_once_however_often_it_comes() -> None:
    house = App(parley_rate=1)
    await house.say("1.0")
    for _ in range(2):  # a message and a mention
        await house.say("1.1")
    ask = Ask("1.2", THREAD, ADA, "why?", NOON, addressed=True)
    assert await house.inbox.refusal(ask) is not None, "a question that is refused before it is received"
    await house.inbox.receive(ask)
    assert house.refused == [("slack", Outcome.LIMITED)] * 2


async def test_each_command_with_a_question_that_access_rules_refuse_is_counted_once() -> None:
    house = App(parley_deny="slack:U1")
    for id in ("c1", "c1", "c2"):
        for name in ("ask", "usage"):
            command = Command(name, THREAD, ADA, NOON, "why?", id=id)
            assert await house.inbox.refusal(command) == refused("refused_denied")
            await house.inbox.receive(command)
    assert house.refused == [("slack", Outcome.REFUSED)] * 2
    for id in ("1.0", "1.0", "1.1"):  # the second one is not told
        await house.say(id, "/ask why?")
        await house.say(f"{id}5", "/usage")
    assert house.refused == [("slack", Outcome.REFUSED)] * 4


async def test_a_command_that_is_misread_is_no_refused_question(house: App) -> None:
    misread = await house.inbox.refusal(Command("ask", THREAD, ADA, NOON, "", id="c1"))
    assert misread is not None
    assert misread.refused
    assert house.refused == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_too_many_questions_are_refused_with_how_long_to_wait(language: str) -> None:
    house = App(parley_rate=2)
    ada = replace(ADA, locale=language)
    for id in ("1", "1", "2", "2"):  # each delivered twice
        await house.say(id, by=ada)
    await house.clock.advance(20)
    third = await house.say("3", by=ada)
    assert third == Receipt(
        Outcome.LIMITED,
        reply=ImmediateReply(phrase("limited", language, wait=duration(40, language)), refused=True),
    )
    assert (await house.say("4", by=ada)) == Receipt(Outcome.LIMITED), "told once, not each time"
    assert (await house.say("5", by=BEN)).outcome is Outcome.TURN
    await house.clock.advance(40)
    assert (await house.say("6", by=ada)).outcome is Outcome.TURN


def test_a_rate_of_zero_is_none_and_a_minute_is_a_window() -> None:
    rate = Rate()
    for number in range(100):
        rate.count("U1", str(number), 0.0)
    assert rate.wait_s("U1", "x", 0, 0.0) == 0
    assert rate.wait_s("U1", "x", 100, 0.0) == 60
    assert rate.wait_s("U1", "x", 101, 0.0) == 0
    assert rate.wait_s("U1", "x", 1, 60.0) == 0


async def test_off_is_silent_and_said_once_to_who_asked(house: App) -> None:
    await house.say("1")
    await house.set(listen="off")
    assert (await house.say("2", addressed=False)) == Receipt(Outcome.OFF)
    assert (await house.say("3")).reply == ImmediateReply(phrase("refused_off", "en"), refused=True)
    assert (await house.say("4")) == Receipt(Outcome.OFF)
    assert (await house.say("5", "/help")).outcome is Outcome.TOLD, "commands still work, to switch it on again"
    assert len(house.submitted) == 1


async def test_a_channel_that_listens_to_mentions_only_does_so_in_threads_too(house: App) -> None:
    await house.say("1")
    await house.set(listen="mentions_only")
    assert (await house.say("2", addressed=False)).outcome is Outcome.NOTED, (
        "what is said is context all the same"
    )
    assert (await house.say("3")).outcome is Outcome.TURN
    assert [line.id for line in await house.store.lines(THREAD)] == ["1", "2", "3"]
    elsewhere = replace(THREAD, thread="7")
    assert (await house.say("8", addressed=False, place=elsewhere)).outcome is Outcome.NOT_ADDRESSED


async def test_a_channel_that_listens_to_all_or_to_new_posts(house: App) -> None:
    assert (await house.say("8", addressed=False)).outcome is Outcome.NOT_ADDRESSED
    await house.set(listen="forum")
    assert (await house.say("8", addressed=False)).outcome is Outcome.NOT_ADDRESSED
    post = replace(THREAD, thread="9")
    assert (await house.say("9", addressed=False, place=post)).outcome is Outcome.TURN
    assert (await house.say("10", addressed=False, place=post)).outcome is Outcome.TURN, "it has joined now"
    await house.set(listen="all")
    assert (await house.say("11", addressed=False)).outcome is Outcome.TURN


async def test_who_is_not_known_is_told_to_ask_again_also_in_a_joined_thread() -> None:
    house = App(parley_guests=False)
    await house.answered("1.1")
    unknown = replace(BEN, guest=None, external=None)
    first = await house.say("1.2", by=unknown, addressed=False)
    assert first.outcome is Outcome.REFUSED
    assert first.reply is not None
    assert first.reply.text == phrase("refused_unknown", "en")
    assert (await house.say("1.3", by=unknown)).reply is None, "told a moment ago"
    await house.clock.advance(20)
    assert (await house.say("1.4", by=unknown)).reply is not None
    assert (await house.say("1.5", by=BEN)).outcome is Outcome.TURN


async def test_a_command_is_refused_before_it_is_shown_to_others() -> None:
    house = App(parley_deny="slack:U2", parley_rate=1)
    command = Command("ask", replace(THREAD, thread=""), ADA, NOON, "why?")
    assert await house.inbox.refusal(command) is None
    denied = await house.inbox.refusal(replace(command, author=BEN))
    assert denied is not None
    assert denied.text == phrase("refused_denied", "en")
    await house.say("1.1")
    limited = await house.inbox.refusal(command)
    assert limited is not None
    assert "ask again" in limited.text
    await house.set(listen="off")
    off = await house.inbox.refusal(command)
    assert off is not None
    assert off.text == phrase("refused_off", "en")


async def test_what_is_said_elsewhere_concerns_nobody(house: App) -> None:
    aside = Ask("1.1", THREAD, ADA, "lunch?", NOON)
    edited = Edited(THREAD, "1.1", "dinner?")
    assert not await house.inbox.concerns(aside)
    assert not await house.inbox.concerns(edited)
    assert await house.inbox.concerns(replace(aside, addressed=True))
    await house.set(listen="all")
    assert await house.inbox.concerns(aside)
    await house.set(listen="mentions")
    await house.answered("1.0")
    assert await house.inbox.concerns(aside)
    assert await house.inbox.concerns(edited)


def test_what_others_have_counted_counts_once_and_what_is_counted_here_is_told() -> None:
    told: list[tuple[str, str]] = []
    rate = Rate(lambda person, key: told.append((person, key)))
    rate.count("U1", "one", 0.0)
    rate.learn("U1", "two", 1.0)
    rate.learn("U1", "one", 1.0)
    assert rate.wait_s("U1", "three", 2, 10.0) == 50
    assert rate.wait_s("U1", "three", 3, 10.0) == 0
    rate.learn("", "why", 10.0)
    assert not rate.tell("why", 11.0, 15.0)
    assert rate.tell("else", 11.0, 15.0)
    assert told == [("U1", "one"), ("", "else")]
