from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.delivery.answer import AnswerDelivery
from core.turns.interrupts import EARLY, Interrupt
from core.turns.running import RunningTurns
from core.values.conversation import Ask, Turn
from core.values.outgoing import Limits
from core.values.places import Person, Place, message_key
from core.values.tasks import SumUpThread

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


def shown(live: RunningTurns, turn_id: int, place: Place, *posted: str) -> AnswerDelivery:
    """The messages of a turn's answer that are shown in `place`."""

    async def on_post(_: tuple[str, ...]) -> None:
        """Nothing is stored here."""

    ask = replace(TURN.ask, place=place)
    delivery = AnswerDelivery(ask, f"turn-{turn_id}", Limits(page_size=100), on_post, posted)
    live.add(replace(TURN, id=turn_id, ask=ask)).delivery = delivery
    return delivery


async def quick() -> str:
    return "done"


@pytest.mark.parametrize("how", list(Interrupt))
async def test_writing_can_be_interrupted_and_closes_what_it_holds(how: Interrupt) -> None:
    live, began, closed = RunningTurns(), asyncio.Event(), list[str]()
    running = live.add(TURN)
    writing = asyncio.create_task(live.write(running, endless(began, closed)))
    await began.wait()
    interrupts: dict[Interrupt, Callable[[], object]] = {
        Interrupt.REMOVED: lambda: running.interrupt(Interrupt.REMOVED),
        Interrupt.LOST: lambda: running.interrupt(Interrupt.LOST),
        Interrupt.STOPPED: lambda: live.stop(7),
        Interrupt.WITHDRAWN: lambda: live.withdraw(TURN.ask.key),
        Interrupt.RESTARTED: lambda: running.restart(),
        Interrupt.FORGOTTEN: lambda: live.forget(lambda turn: turn.ask.place == PLACE),
    }
    interrupt = interrupts[how]
    interrupt()
    assert await writing is how
    assert closed == ["connection"]
    assert not interrupt(), "there is nothing left to interrupt"


async def test_what_ends_by_itself_gives_its_result() -> None:
    live = RunningTurns()
    assert await live.write(live.add(TURN), quick()) == "done"


async def test_being_cancelled_from_outside_is_no_interrupt() -> None:
    live, began, closed = RunningTurns(), asyncio.Event(), list[str]()
    writing = asyncio.create_task(live.write(live.add(TURN), endless(began, closed)))
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
    assert await live.write(live.add(TURN), endless(began, [])) is how
    assert not began.is_set()


def test_the_turn_at_a_place_is_the_one_that_runs_there_and_no_work_in_the_background() -> None:
    live = RunningTurns()
    summary = live.add(replace(TURN, id=5, ask=replace(TURN.ask, task=SumUpThread())))
    waiting, running = live.add(replace(TURN, id=6)), live.add(TURN)
    summary.begun = True
    assert live.at(PLACE) is None
    running.begun = True
    assert live.at(replace(PLACE, direct=True)) is running, "it is the same address"
    assert live.at(replace(PLACE, thread="2.0")) is None
    assert waiting.interrupted is None


def test_a_deleted_message_is_removed_from_the_answer_it_belongs_to_and_from_no_other() -> None:
    live = RunningTurns()
    mine = shown(live, 7, PLACE, "p1", "p2")
    others = shown(live, 8, replace(PLACE, channel="C2"), "p2", "p3")
    assert live.message_deleted(message_key(replace(PLACE, thread=""), "p2")), (
        "an event need not name the thread"
    )
    assert not live.message_deleted(message_key(PLACE, "p3"))
    assert (mine.posted, others.posted, others.error) == (["p1"], ["p2", "p3"], None)
    assert mine.error is not None
    live.remove(7)
    assert not live.message_deleted(message_key(PLACE, "p1")), "nothing is shown any more"


def test_a_closed_thread_or_channel_stops_the_answers_in_it_alone() -> None:
    live = RunningTurns()
    one, two = shown(live, 1, PLACE, "p1"), shown(live, 2, replace(PLACE, thread="2.0"), "p2")
    other = shown(live, 3, replace(PLACE, channel="C2"), "p3")
    assert live.close(PLACE, NOON)
    assert (one.posted, two.posted) == ([], ["p2"])
    assert live.close(replace(PLACE, thread=""), NOON)
    assert not live.close(replace(PLACE, channel="C3"), NOON)
    assert (one.posted, two.posted, other.posted) == ([], [], ["p3"])
    assert other.error is None


async def test_a_waiting_notice_goes_on_once_the_turn_before_has_ended_and_nothing_of_that_is_left() -> None:
    live = RunningTurns()
    before = live.add(TURN)
    waiting = asyncio.create_task(before.on_platform.wait())
    await asyncio.sleep(0)
    live.remove(TURN.id)
    assert await waiting
    assert live.ids == frozenset()


@pytest.mark.parametrize("thread", [PLACE.thread, ""], ids=["thread", "channel"])
async def test_what_was_asked_before_its_place_was_closed_does_not_begin(thread: str) -> None:
    live, began = RunningTurns(), asyncio.Event()
    live.close(replace(PLACE, thread=thread), TURN.ask.at)
    assert await live.write(live.add(TURN), endless(began, [])) is Interrupt.REMOVED
    assert not began.is_set()


async def test_what_is_asked_once_a_channel_is_open_again_begins() -> None:
    live = RunningTurns()
    live.close(replace(PLACE, thread=""), TURN.ask.at)

    later = replace(TURN, ask=replace(TURN.ask, at=TURN.ask.at + timedelta(minutes=1)))
    assert await live.write(live.add(later), quick()) == "done"


async def test_an_answer_that_somebody_wants_again_begins_though_its_question_was_deleted() -> None:
    live = RunningTurns()
    live.withdraw(TURN.ask.key)

    assert await live.write(live.add(replace(TURN, again_of=1)), quick()) == "done"


async def test_what_was_stopped_very_long_ago_is_forgotten() -> None:
    live = RunningTurns()
    for turn_id in range(TURN.id, TURN.id + EARLY + 1):
        live.stop(turn_id)

    assert await live.write(live.add(TURN), quick()) == "done"


@pytest.mark.parametrize("refused", [False, True])
async def test_an_answer_that_a_person_halted_is_stopped_unless_they_may_not_stop_it(refused: bool) -> None:
    live, began, closed = RunningTurns(), asyncio.Event(), list[str]()
    running = live.add(TURN)
    writing = asyncio.create_task(live.write(running, endless(began, closed)))
    await began.wait()
    if refused:
        live.refuse_stop(TURN.id)
    running.halt()
    for _ in range(5):
        await asyncio.sleep(0)
    assert closed == ([] if refused else ["connection"])
    live.stop(TURN.id)
    assert await writing is Interrupt.STOPPED
