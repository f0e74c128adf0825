from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from core.answer.live import Interrupt, Live
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


def test_a_turn_that_writes_nothing_can_not_be_interrupted() -> None:
    assert not Live().stop(7)
    assert not Live().withdraw("slack/T1/C1/9")
