from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from core.errors import StoreError
from core.turns.checkpoints import TOLD_EVERY_S, Checkpoints
from core.turns.running import RunningTurns
from core.values.conversation import Ask, Turn
from core.values.places import Person, Place
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory import MemoryStore


def turn(number: int) -> Turn:
    return Turn(number, Ask(f"m{number}", Place("slack", "T1", "C1", "1"), Person("U1"), "?", START))


Written = list[tuple[int, str, tuple[str, ...]]]


class Ledger(MemoryStore):
    """The writes of each transaction; with `away` it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Written] = []
        self.away = False

    async def checkpoint(self, turns: Sequence[tuple[int, str, tuple[str, ...]]]) -> None:
        if self.away:
            raise StoreError("away")
        self.written.append(list(turns))


class Program:
    def __init__(self) -> None:
        self.ledger, self.clock = Ledger(), FakeClock()
        self.running_turns = RunningTurns()
        self.checkpoints = Checkpoints(self.ledger, self.running_turns, self.clock)
        self.turns = [self.running_turns.add(turn(number)) for number in range(200)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.checkpoints.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_all_live_answers_are_written_down_in_one_transaction_a_second() -> None:
    program = Program()
    async with program.running():
        for tenth in range(30):
            for running in program.turns:
                running.unsaved = ("word " * tenth, (f"p{running.id}",))
            await program.clock.advance(0.1)
        assert [len(written) for written in program.ledger.written] == [200] * 3
        assert program.ledger.written[-1][7] == (7, "word " * 29, ("p7",))
        await program.clock.advance(5)
        assert len(program.ledger.written) == 3, "nothing new, nothing written"


async def test_what_could_not_be_written_is_written_later_unless_it_has_grown_meanwhile() -> None:
    program = Program()
    async with program.running():
        program.ledger.away = True
        program.turns[1].unsaved = ("one", ())
        program.turns[2].unsaved = ("two", ("p2",))
        await program.clock.advance(2)
        program.turns[1].unsaved = ("one and more", ("p1",))
        program.ledger.away = False
        await program.clock.advance(1)
        assert [sorted(written) for written in program.ledger.written] == [
            [(1, "one and more", ("p1",)), (2, "two", ("p2",))]
        ]


async def test_of_a_turn_that_has_ended_nothing_is_written_any_more() -> None:
    program = Program()
    async with program.running():
        program.turns[1].unsaved = ("one", ())
        program.running_turns.remove(1)
        await program.clock.advance(2)
        assert program.ledger.written == []


async def test_a_database_that_refuses_each_second_is_logged_once_a_minute() -> None:
    program = Program()
    with capture_logs() as logged:
        async with program.running():
            for away in (True, False, True):
                program.ledger.away = away
                for _ in range(int(TOLD_EVERY_S) + 2 if away else 1):
                    program.turns[0].unsaved = ("words", ("p0",))
                    await program.clock.advance(1)
    assert [one["event"] for one in logged] == ["checkpoint_failed"] * 4, "twice in each time that it was away"
