"""Answers that were broken off go on first, and a few at a time."""

from __future__ import annotations

import asyncio

import pytest

from core.turns.resumptions import AT_ONCE, MOST_S, Resumptions
from core.turns.running import RunningTurn
from core.values.conversation import Ask, Turn
from core.values.places import Person, Place
from tests.fakes.clock import START, FakeClock


class Start:
    """Turns that wait to begin; `begun` are those that may, in their order."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.resumptions = Resumptions(self.clock)
        self.begun: list[int] = []
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def turn(self, turn_id: int, *, attempt: int) -> None:
        ask = Ask(f"m{turn_id}", Place("slack", "T1", "C1", f"{turn_id}.0"), Person("U1"), "why?", START)
        running = RunningTurn(Turn(turn_id, ask, attempt=attempt))

        async def wait() -> None:
            await self.resumptions.wait(running)
            self.begun.append(turn_id)

        self.tasks[turn_id] = asyncio.create_task(wait())
        await self.settle()

    async def passed(self, turn_id: int) -> None:
        self.resumptions.passed(turn_id)
        await self.settle()

    async def settle(self) -> None:
        await self.clock.advance(0.0)


@pytest.fixture
def start() -> Start:
    return Start()


async def test_where_nothing_was_broken_off_new_answers_begin_at_once(start: Start) -> None:
    for number in range(3 * AT_ONCE):
        await start.turn(number, attempt=0)
    assert start.begun == list(range(3 * AT_ONCE))


async def test_a_few_answers_that_go_on_get_ready_at_a_time_and_new_ones_begin_behind_them(
    start: Start,
) -> None:
    for number in range(AT_ONCE + 2):
        await start.turn(number, attempt=1)
    await start.turn(100, attempt=0)
    assert start.begun == list(range(AT_ONCE))
    await start.passed(1)
    await start.passed(1)
    assert start.begun == list(range(AT_ONCE + 1))
    for number in range(AT_ONCE + 1):
        await start.passed(number)
    assert start.begun == list(range(AT_ONCE + 2))
    await start.passed(AT_ONCE + 1)
    assert start.begun[-1] == 100


async def test_nobody_waits_for_long_for_one_that_takes_long_to_get_ready(start: Start) -> None:
    for number in range(AT_ONCE + 1):
        await start.turn(number, attempt=2)
    await start.turn(100, attempt=0)
    await start.clock.advance(MOST_S)
    assert sorted(start.begun) == [*range(AT_ONCE + 1), 100]
    for number in range(AT_ONCE + 1):
        await start.passed(number)
    await start.turn(101, attempt=0)
    assert start.begun[-1] == 101


async def test_one_that_is_cancelled_while_it_waits_is_waited_for_by_nobody(start: Start) -> None:
    for number in range(AT_ONCE + 2):
        await start.turn(number, attempt=1)
    start.tasks[AT_ONCE].cancel()
    await asyncio.gather(start.tasks[AT_ONCE], return_exceptions=True)
    await start.passed(0)
    assert start.begun == [*range(AT_ONCE), AT_ONCE + 1]
