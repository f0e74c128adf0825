from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.turns.running import EARLY, Interrupt, RunningTurns
from core.values.conversation import Ask, Turn
from core.values.places import Person, Place, message_key

PLACE = Place("slack", "T1", "C1", "1.0")
NOON = datetime(2026, 1, 1, tzinfo=UTC)
TURN = Turn(7, Ask("1.0", PLACE, Person("U1"), "why?", NOON))


async def endless(began: asyncio.Event, closed: list[str]) -> str:
    began.set()
    try:
        await asyncio.sleep(60)
    finally:
        closed.append("connection")
    return "never"


class Messages:
    """The messages of an answer, for whoever watches for their deletion."""

    def __init__(self, place: Place, *posted: str) -> None:
        self.ask = replace(TURN.ask, place=place)
        self.posted = posted
        self.removed: list[str] = []

    def remove(self, message_id: str = "") -> None:
        self.removed.append(message_id)


@pytest.mark.parametrize("how", list(Interrupt))
async def test_writing_can_be_interrupted_and_closes_what_it_holds(how: Interrupt) -> None:
    live, began, closed = RunningTurns(), asyncio.Event(), list[str]()
    writing = asyncio.create_task(live.write(TURN, endless(began, closed)))
    await began.wait()
    interrupts: dict[Interrupt, Callable[[], object]] = {
        Interrupt.REMOVED: lambda: live.lose(7, Interrupt.REMOVED),
        Interrupt.LOST: lambda: live.lose(7, Interrupt.LOST),
        Interrupt.STOPPED: lambda: live.stop(7),
        Interrupt.WITHDRAWN: lambda: live.withdraw(TURN.ask.key),
        Interrupt.RESTARTED: lambda: live.restart(TURN.ask.key),
        Interrupt.FORGOTTEN: lambda: live.forget(lambda turn: turn.ask.place == PLACE),
    }
    interrupt = interrupts[how]
    interrupt()
    assert await writing is how
    assert closed == ["connection"]
    assert not interrupt(), "there is nothing left to interrupt"


async def test_what_ends_by_itself_gives_its_result() -> None:
    async def quick() -> str:
        return "done"

    assert await RunningTurns().write(TURN, quick()) == "done"


async def test_being_cancelled_from_outside_is_no_interrupt() -> None:
    live, began, closed = RunningTurns(), asyncio.Event(), list[str]()
    writing = asyncio.create_task(live.write(TURN, endless(began, closed)))
    await began.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert closed == ["connection"]


@pytest.mark.parametrize("how", [Interrupt.STOPPED, Interrupt.WITHDRAWN])
async def test_what_is_stopped_or_withdrawn_before_it_is_written_does_not_begin(how: Interrupt) -> None:
    live, began = RunningTurns(), asyncio.Event()
    for other in range(100, 100 + EARLY - 1):
        live.stop(other)
    assert not (live.stop(TURN.id) if how is Interrupt.STOPPED else live.withdraw(TURN.ask.key))
    assert await live.write(TURN, endless(began, [])) is how
    assert not began.is_set()


def test_a_deleted_message_is_told_to_the_answer_it_belongs_to_and_to_no_other() -> None:
    live = RunningTurns()
    mine, others = Messages(PLACE, "p1", "p2"), Messages(replace(PLACE, channel="C2"), "p2", "p3")
    live.watch(mine)
    live.watch(others)
    assert live.remove(message_key(replace(PLACE, thread=""), "p2")), "an event need not name the thread"
    assert not live.remove(message_key(PLACE, "p3"))
    live.unwatch(mine)
    assert (mine.removed, others.removed) == (["p2"], [])
    assert not live.remove(message_key(PLACE, "p1")), "nothing is shown any more"


def test_a_closed_thread_or_channel_stops_the_answers_in_it_alone() -> None:
    live = RunningTurns()
    one, two = Messages(PLACE), Messages(replace(PLACE, thread="2.0"))
    other = Messages(replace(PLACE, channel="C2"))
    for shown in (one, two, other):
        live.watch(shown)
    assert live.close(PLACE, NOON)
    assert live.close(replace(PLACE, thread=""), NOON)
    assert not live.close(replace(PLACE, channel="C3"), NOON)
    assert (one.removed, two.removed, other.removed) == (["", ""], [""], [])


@pytest.mark.parametrize("thread", [PLACE.thread, ""], ids=["thread", "channel"])
async def test_what_was_asked_before_its_place_was_closed_does_not_begin(thread: str) -> None:
    live, began = RunningTurns(), asyncio.Event()
    live.close(replace(PLACE, thread=thread), TURN.ask.at)
    assert await live.write(TURN, endless(began, [])) is Interrupt.REMOVED
    assert not began.is_set()


async def test_what_is_asked_once_a_channel_is_open_again_begins() -> None:
    live = RunningTurns()
    live.close(replace(PLACE, thread=""), TURN.ask.at)

    async def quick() -> str:
        return "done"

    later = replace(TURN, ask=replace(TURN.ask, at=TURN.ask.at + timedelta(minutes=1)))
    assert await live.write(later, quick()) == "done"


async def test_an_answer_that_somebody_wants_again_begins_though_its_question_was_deleted() -> None:
    live = RunningTurns()
    live.withdraw(TURN.ask.key)

    async def quick() -> str:
        return "done"

    assert await live.write(replace(TURN, again_of=1), quick()) == "done"


async def test_what_was_stopped_very_long_ago_is_forgotten() -> None:
    live = RunningTurns()
    for turn_id in range(TURN.id, TURN.id + EARLY + 1):
        live.stop(turn_id)

    async def quick() -> str:
        return "done"

    assert await live.write(TURN, quick()) == "done"


@pytest.mark.parametrize("refused", [False, True])
async def test_an_answer_that_a_person_halted_is_stopped_unless_they_may_not_stop_it(refused: bool) -> None:
    live, began, closed = RunningTurns(), asyncio.Event(), list[str]()
    writing = asyncio.create_task(live.write(TURN, endless(began, closed)))
    await began.wait()
    if refused:
        live.go_on(TURN.id)
    live.halt(TURN.id)
    for _ in range(5):
        await asyncio.sleep(0)
    assert closed == ([] if refused else ["connection"])
    live.stop(TURN.id)
    assert await writing is Interrupt.STOPPED
