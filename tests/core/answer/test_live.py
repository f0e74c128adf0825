from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.answer.live import EARLY, Interrupt, Live
from core.types import Ask, Person, Place, Turn

PLACE = Place("slack", "T1", "C1", "1.0")
TURN = Turn(7, Ask("1.0", PLACE, Person("U1"), "why?", datetime(2026, 1, 1, tzinfo=UTC)))


async def endless(began: asyncio.Event, closed: list[str]) -> str:
    began.set()
    try:
        await asyncio.sleep(60)
    finally:
        closed.append("connection")
    return "never"


@pytest.mark.parametrize("how", list(Interrupt))
async def test_writing_can_be_interrupted_and_closes_what_it_holds(how: Interrupt) -> None:
    live, began, closed = Live(), asyncio.Event(), list[str]()
    writing = asyncio.create_task(live.write(TURN, endless(began, closed)))
    await began.wait()
    interrupts: dict[Interrupt, Callable[[], bool]] = {
        Interrupt.STOPPED: lambda: live.stop(7),
        Interrupt.WITHDRAWN: lambda: live.withdraw(TURN.ask.key),
        Interrupt.RESTARTED: lambda: live.restart(TURN.ask.key),
        Interrupt.FORGOTTEN: lambda: live.forget(lambda turn: turn.ask.place == PLACE),
    }
    interrupt = interrupts[how]
    assert interrupt()
    assert await writing is how
    assert closed == ["connection"]
    assert not interrupt(), "there is nothing left to interrupt"


async def test_what_ends_by_itself_gives_its_result() -> None:
    async def quick() -> str:
        return "done"

    assert await Live().write(TURN, quick()) == "done"


async def test_being_cancelled_from_outside_is_no_interrupt() -> None:
    live, began, closed = Live(), asyncio.Event(), list[str]()
    writing = asyncio.create_task(live.write(TURN, endless(began, closed)))
    await began.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert closed == ["connection"]


@pytest.mark.parametrize("how", [Interrupt.STOPPED, Interrupt.WITHDRAWN])
async def test_what_is_stopped_or_withdrawn_before_it_is_written_does_not_begin(how: Interrupt) -> None:
    live, began = Live(), asyncio.Event()
    for other in range(100, 100 + EARLY - 1):
        live.stop(other)
    assert not (live.stop(TURN.id) if how is Interrupt.STOPPED else live.withdraw(TURN.ask.key))
    assert await live.write(TURN, endless(began, [])) is how
    assert not began.is_set()


async def test_an_answer_that_somebody_wants_again_begins_though_its_question_was_deleted() -> None:
    live = Live()
    live.withdraw(TURN.ask.key)

    async def quick() -> str:
        return "done"

    assert await live.write(replace(TURN, again_of=1), quick()) == "done"


async def test_what_was_stopped_very_long_ago_is_forgotten() -> None:
    live = Live()
    for turn_id in range(TURN.id, TURN.id + EARLY + 1):
        live.stop(turn_id)

    async def quick() -> str:
        return "done"

    assert await live.write(TURN, quick()) == "done"
