"""Edits of a question while its answer is being written: gathered, and counted against its author's rate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.commands.handlers import CommandHandlers
from core.errors import PlatformError
from core.inbox.inbox import EDIT_PAUSE_S, StoringInbox
from core.platform_calls import PlatformCalls
from core.settings.environment import CoreSettings
from core.turns.interrupts import Interrupt
from core.turns.running import RunningTurn, RunningTurns
from core.values.conversation import Ask, Turn
from core.values.events import Deleted, Edited, Outcome
from core.values.outgoing import DeleteMessage
from core.values.parts import File
from core.values.places import Person, Place
from tests.fakes.clock import FakeClock
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THREAD = Place("slack", "T1", "C1", "1.0")
ADA = Person("U1", "Ada")


class App:
    """An inbox, and answers that never end: `asked` are the questions as the model was given them."""

    def __init__(self, **settings: Any) -> None:
        self.store, self.clock, self.live = MemoryStore(), FakeClock(NOON), RunningTurns()
        self.handlers = CommandHandlers(self.store, CoreSettings(_env_file=None, **settings), self.clock)
        self.calls = PlatformCalls(MemoryPlatform())
        self.inbox = StoringInbox(
            self.store, self._begin, self.live, self.handlers, calls_at=lambda _place: self.calls
        )
        self.asked: list[str] = []
        self.answers: list[asyncio.Task[None]] = []

    async def say(self, id: str, text: str = "0") -> Outcome:
        receipt = await self.inbox.receive(Ask(id, THREAD, ADA, text, self.clock.now(), addressed=True))
        await self.clock.advance(0)
        return receipt.outcome

    async def edit(self, text: str, id: str = "1") -> None:
        await self.inbox.receive(Edited(THREAD, id, text))
        await self.clock.advance(0)

    def _begin(self, turn: Turn) -> None:
        self.answers.append(asyncio.create_task(self._answer(self.live.add(turn))))

    async def _answer(self, running: RunningTurn) -> None:
        while await self.live.write(running, self._write(running)) is Interrupt.RESTARTED:
            pass

    async def _write(self, running: RunningTurn) -> None:
        if wait_s := running.wait_s(self.clock.monotonic()):
            await self.clock.sleep(wait_s)
        lines = await self.store.lines(THREAD)
        self.asked.append(next(line.text for line in lines if line.id == running.turn.ask.id))
        await asyncio.Event().wait()


@pytest.fixture
async def house(request: pytest.FixtureRequest) -> AsyncIterator[App]:
    house = App(**getattr(request, "param", {"parley_rate": 2}))
    yield house
    for answer in house.answers:
        answer.cancel()
    await asyncio.gather(*house.answers, return_exceptions=True)


async def test_edits_in_a_burst_are_answered_once_by_their_last_text(house: App) -> None:
    await house.say("1")
    for number in range(1, 31):
        await house.edit(str(number))
        await house.clock.advance(0.1)
    await house.clock.advance(EDIT_PAUSE_S)
    assert house.asked == ["0", "30"]
    assert await house.say("2") is Outcome.LIMITED, "an edit that is answered counts like a question"


async def test_files_that_come_with_a_second_delivery_are_answered_too(house: App) -> None:
    asked = Ask("1", THREAD, ADA, "0", NOON, addressed=True)
    await house.say("1")
    await house.inbox.receive(replace(asked, attached=(File("a.txt", source="F1"),)))
    await house.clock.advance(EDIT_PAUSE_S)
    assert house.asked == ["0", "0"]


async def test_edits_past_the_rate_wait_and_the_last_text_is_the_one_answered(house: App) -> None:
    await house.say("1")
    for number in range(1, 11):
        await house.edit(str(number))
        await house.clock.advance(3)
    assert house.asked == ["0", "1"]
    await house.clock.advance(60)
    assert house.asked == ["0", "1", "10"]


@pytest.mark.parametrize("house", [{}], indirect=True)
async def test_without_a_rate_each_edit_is_answered_after_a_pause(house: App) -> None:
    await house.say("1")
    for number in range(1, 4):
        await house.edit(str(number))
        await house.clock.advance(EDIT_PAUSE_S)
    assert house.asked == ["0", "1", "2", "3"]


async def test_who_was_denied_meanwhile_has_nothing_answered_anew(house: App) -> None:
    await house.say("1")
    await house.store.change(Place("slack", "T1", ""), {"deny": "U1"}, ADA, NOON)
    await house.edit("1")
    await house.clock.advance(120)
    assert house.asked == ["0"]


async def test_an_edit_of_what_is_not_being_answered_costs_nothing(house: App) -> None:
    await house.say("1")
    for answer in house.answers:
        answer.cancel()
    await house.clock.advance(0)
    for number in range(5):
        await house.edit(str(number))
    assert await house.say("2") is Outcome.TURN
    assert house.asked == ["0", "0"]


async def test_stop_ends_an_answer_that_waits_for_the_edits_to_rest(house: App) -> None:
    await house.say("1")
    await house.edit("1")
    assert house.live.stop(1)
    await house.clock.advance(120)
    assert house.asked == ["0"]


async def test_an_edit_that_another_process_tells_of_has_the_answer_begun_anew_unless_it_is_already(
    house: App,
) -> None:
    await house.say("1")
    await house.inbox.learn(Edited(THREAD, "1", "", begun_anew=True))
    await house.clock.advance(2 * EDIT_PAUSE_S)
    assert len(house.asked) == 1
    await house.inbox.learn(Edited(THREAD, "1", ""))
    await house.clock.advance(2 * EDIT_PAUSE_S)
    assert len(house.asked) == 2


async def test_a_deletion_that_another_process_tells_of_ends_no_answer_where_it_is_a_call_from_here(
    house: App,
) -> None:
    await house.say("1")
    await house.say("2")
    with suppress(PlatformError):  # it is gone there already
        await house.calls.perform(DeleteMessage(THREAD, "1"))
    for question in ("1", "2"):
        await house.inbox.learn(Deleted(THREAD, question))
    await house.clock.advance(0)
    assert [answer.done() for answer in house.answers] == [False, True]
