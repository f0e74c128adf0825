from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from core.turns.queue import PlaceQueues
from core.turns.recovery import WHOLE_S, Recovery
from core.turns.running import RunningTurn, RunningTurns
from core.values.conversation import Ask, Turn
from core.values.places import Person, Place
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory import MemoryStore
from tests.waiting import until


def ask(number: int) -> Ask:
    place = Place("slack", "T1", "C1", f"{number}.0")
    return Ask(f"{number}.0", place, Person("U1"), "why?", START + timedelta(seconds=number), addressed=True)


class SlowStore(MemoryStore):
    """A read of the ledger returns once `reading` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = asyncio.Event()
        self.reading.set()
        self.looks = 0

    async def open_turns(self, after_id: int = 0) -> list[Turn]:
        found = await super().open_turns(after_id)
        self.looks += 1
        await self.reading.wait()
        return found


class Program:
    """A ledger, queues whose turns last until `go` is set, and a recovery over both."""

    def __init__(self) -> None:
        self.store, self.clock = SlowStore(), FakeClock()
        self.begun: list[int] = []
        self.go = asyncio.Event()
        self.place_queues = PlaceQueues(self._answer, RunningTurns())
        self.recovery = Recovery(self.store, self.place_queues, self.clock)

    async def _answer(self, turn: RunningTurn) -> None:
        self.begun.append(turn.id)
        await self.go.wait()

    async def stored(self, number: int) -> Turn:
        """An open turn that nobody hears of."""
        turn = await self.store.accept(ask(number))
        assert turn is not None
        return turn

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.recovery.run())
        try:
            yield
        finally:
            task.cancel()
            self.go.set()
            await asyncio.gather(task, return_exceptions=True)
            await self.place_queues.drain(1.0)


async def test_what_another_process_has_stored_is_taken_up() -> None:
    program = Program()
    async with program.running():
        program.place_queues.submit(await program.stored(1))
        other = await program.stored(2)
        await program.clock.advance(1)
        assert program.begun == [1, other.id]


async def test_what_was_stored_although_it_seemed_not_is_taken_up_behind_newer_ones() -> None:
    program = Program()
    async with program.running():
        await program.clock.advance(5)
        unsure = await program.stored(1)
        program.place_queues.submit(await program.stored(2))
        await program.clock.advance(3)
        assert program.begun == [2]
        program.store.failing = True
        program.recovery.doubt()
        await program.clock.advance(10)
        program.store.failing = False
        await program.clock.advance(1)
        assert program.begun == [2, unsure.id]
        late = await program.stored(3)
        program.place_queues.submit(await program.stored(4))
        await program.clock.advance(2)
        assert program.begun == [2, unsure.id, 4, late.id], "it may be committed a moment later"


async def test_what_is_committed_after_the_start_for_a_process_that_was_killed_is_taken_up() -> None:
    program = Program()
    async with program.running():
        await program.clock.advance(2)
        late = await program.stored(1)
        program.place_queues.submit(await program.stored(2))
        await program.clock.advance(1)
        assert program.begun == [2, late.id]


async def test_every_open_turn_is_looked_at_now_and_then_whatever_happened() -> None:
    program = Program()
    async with program.running():
        await program.clock.advance(6)
        stray = await program.stored(1)
        program.place_queues.submit(await program.stored(2))
        await program.clock.advance(WHOLE_S)
        assert program.begun == [2, stray.id]


async def test_a_turn_that_ends_while_it_is_looked_for_is_not_begun_again() -> None:
    program = Program()
    async with program.running():
        turn = await program.stored(1)
        program.place_queues.submit(turn)
        await program.clock.advance(0)
        program.recovery.doubt()
        program.store.reading.clear()
        looks = program.store.looks
        advancing = asyncio.create_task(program.clock.advance(1))
        await until(lambda: program.store.looks > looks)
        program.go.set()
        await until(lambda: not program.place_queues.known)
        program.store.reading.set()
        await advancing
        await program.clock.advance(0)
        assert program.begun == [turn.id]
