"""Questions of people who are not known yet: stored, acknowledged, and answered or refused once they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.commands.handlers import CommandHandlers
from core.i18n import phrase
from core.inbox.admission import LOOK_UP_S, Admission
from core.inbox.inbox import StoringInbox
from core.settings.environment import CoreSettings
from core.turns.running import RunningTurns
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import Usage
from core.values.events import Deleted, Edited, Outcome, Receipt
from core.values.parts import File
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from core.values.ui import ImmediateReply
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THREAD = Place("slack", "T1", "C1", "1.0")
UNKNOWN = Person("U1", "U1", guest=None, external=None)
MEMBER, GUEST = Person("U1", "Ada"), Person("U1", "Ada", guest=True)


class Slow:
    """Says who somebody is after a while, or not at all."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.takes_s, self.known, self.up = 3.0, MEMBER, True
        self.told: list[ImmediateReply] = []

    def ready(self) -> bool:
        return self.up

    async def look_up(self, person: Person, within_s: float) -> Person:
        await self.clock.sleep(min(self.takes_s, within_s))
        return self.known if self.takes_s <= within_s else person

    async def tell(self, told: ImmediateReply, ask: Ask) -> None:
        self.told.append(told)


class App:
    def __init__(self, **settings: Any) -> None:
        self.store, self.clock = MemoryStore(), FakeClock(NOON)
        self.slow, self.live = Slow(self.clock), RunningTurns()
        self.submitted: list[Turn] = []
        core = CoreSettings(_env_file=None, **{"parley_guests": False} | settings)
        handlers = CommandHandlers(self.store, core, self.clock)
        self.inbox = StoringInbox(
            self.store, self.submitted.append, self.live, handlers, directories=lambda _: self.slow
        )

    async def ask(self, id: str = "1.0", by: Person = UNKNOWN, text: str = "why?") -> Receipt:
        return await self.inbox.receive(Ask(id, THREAD, by, text, NOON, addressed=True))

    async def texts(self) -> list[str]:
        return [line.text for line in await self.store.lines(THREAD)]


@pytest.fixture
async def house() -> AsyncIterator[App]:
    house = App()
    yield house
    await house.inbox.admission.close()


async def test_a_question_is_held_and_answered_when_its_author_turns_out_to_be_a_member(house: App) -> None:
    receipt = await house.ask()
    assert receipt.outcome is Outcome.HELD
    assert [turn.state for turn in await house.store.held_turns()] == [TurnState.HELD]
    assert (await house.texts(), await house.store.joined(THREAD), house.submitted) == ([], False, [])
    await house.clock.advance(3)
    [turn] = house.submitted
    assert (turn.id, turn.ask.author.name, turn.state) == (receipt.turn_id, "Ada", TurnState.WAITING)
    assert await house.texts() == ["why?"]
    assert await house.store.open_turns() == [turn]
    assert await house.store.held_turns() == []
    assert house.slow.told == []


@pytest.mark.parametrize(("takes_s", "why"), [(3.0, "refused_guest"), (99.0, "refused_unknown")])
async def test_nothing_is_left_of_the_question_of_somebody_who_may_not_ask_or_stays_unknown(
    house: App, takes_s: float, why: str
) -> None:
    house.slow.takes_s, house.slow.known = takes_s, GUEST
    await house.ask()
    await house.clock.advance(LOOK_UP_S)
    assert [told.text for told in house.slow.told] == [phrase(why, "en")]
    assert await house.store.held_turns() == []
    assert (await house.texts(), await house.store.joined(THREAD), house.submitted) == ([], False, [])


async def test_a_held_question_that_nears_a_limit_is_answered_and_its_author_gets_the_note() -> None:
    house = App(parley_budget="100 tokens a day")
    try:
        before = await house.store.accept(Ask("0.1", THREAD, Person("U2", "Ben"), "so?", NOON, addressed=True))
        assert before is not None
        begun = await house.store.begin(before.id)
        await house.store.finish(Finish(begun, TurnState.DONE, "so", model="m", usage=Usage(85)))
        await house.ask()
        await house.clock.advance(3)
        assert [turn.ask.author for turn in house.submitted] == [MEMBER]
        (note,) = house.slow.told
        assert (note.refused, note.text.split(". It renews")[0]) == (
            False,
            "The budget of everybody who uses Parley: 85% of 100 tokens a day is spent",
        )
    finally:
        await house.inbox.admission.close()


async def test_a_held_question_keeps_nobody_else_waiting_and_is_one_however_often_it_comes(
    house: App,
) -> None:
    first, again = await house.ask(), await house.ask()
    assert first == again
    other = await house.ask("2.0", Person("U2", "Bo"))
    assert other.outcome is Outcome.TURN
    await house.clock.advance(3)
    assert [turn.id for turn in house.submitted] == [other.turn_id, first.turn_id]
    assert (await house.ask()).outcome is Outcome.DUPLICATE


async def test_a_file_is_one_however_well_each_delivery_of_its_held_question_describes_it(house: App) -> None:
    bare = File("", source="F1")
    for file in (bare, replace(bare, name="a.txt"), replace(bare, source="F2")):
        await house.inbox.receive(Ask("1.0", THREAD, UNKNOWN, "why?", NOON, addressed=True, attached=(file,)))
    await house.clock.advance(3)
    assert [turn.ask.attached for turn in house.submitted] == [(bare, replace(bare, source="F2"))]


async def test_who_is_known_or_is_certainly_refused_is_not_held(house: App) -> None:
    assert (await house.ask("1.0", replace(UNKNOWN, guest=False, external=False))).outcome is Outcome.TURN
    assert (await house.ask("2.0", replace(UNKNOWN, guest=True))).outcome is Outcome.REFUSED
    assert (await house.ask("3.0", replace(UNKNOWN, external=True))).outcome is Outcome.REFUSED
    assert await house.store.held_turns() == []


async def test_where_no_gate_depends_on_it_nobody_is_held() -> None:
    house = App(parley_guests=True, parley_strangers=True)
    assert (await house.ask()).outcome is Outcome.TURN


async def test_what_was_deleted_edited_or_forgotten_while_it_was_held(house: App) -> None:
    for number in ("1.0", "2.0", "3.0"):
        await house.ask(number, replace(UNKNOWN, id=f"U{number[0]}"))
    assert await house.inbox.concerns(Edited(THREAD, "2.0", "how?"))
    await house.inbox.receive(Edited(THREAD, "2.0", "how?"))
    await house.inbox.receive(Deleted(THREAD, "1.0"))
    await house.store.forget_person("slack", "T1", "U3", NOON)
    await house.clock.advance(3)
    assert [turn.ask.text for turn in house.submitted] == ["how?"]
    assert await house.texts() == ["how?"]
    assert house.slow.told == []


async def test_the_next_process_decides_what_the_last_one_held_and_waits_for_its_connection() -> None:
    house, clock = App(), FakeClock(NOON)
    await house.ask()
    await house.inbox.admission.close()
    [held] = await house.store.held_turns()
    assert (held.ask.author.guest, held.ask.author.external) == (None, None), "nobody is a member by default"
    slow, decided = Slow(clock), list[tuple[int, Person]]()
    slow.up = False

    async def classify(turn: Turn, author: Person) -> Receipt:
        decided.append((turn.id, author))
        return Receipt(Outcome.TURN)

    admission = Admission(lambda _: slow, classify, clock)
    admission.hold(held)
    admission.hold(held)
    await clock.advance(60)
    assert decided == []
    slow.up = True
    await clock.advance(4)
    assert decided == [(held.id, MEMBER)]
    assert not admission.holds(THREAD)


async def test_a_database_that_is_away_delays_the_decision(house: App) -> None:
    await house.ask()
    house.store.failing = True
    await house.clock.advance(8)
    assert house.submitted == []
    house.store.failing = False
    await house.clock.advance(10)
    assert len(house.submitted) == 1


async def test_many_held_questions_are_decided_side_by_side(house: App) -> None:
    await asyncio.gather(*(house.ask(f"{number}.0") for number in range(1, 200)))
    await house.clock.advance(3)
    assert len(house.submitted) == 199
