"""The turns of a place run where the place is owned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from core.errors import StoreError
from core.ports.store.turns import TAKEN_OVER_ATTEMPTS
from core.turns.ownership import Gained, Lost, OwnershipChange
from core.turns.queue import PlaceQueues
from core.turns.recovery import PERIOD_S, Recovery
from core.turns.running import RunningTurn, RunningTurns
from core.values.conversation import Ask, Turn, TurnState
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory import MemoryStore
from tests.waiting import until


class Shared:
    """Owns the teams in `teams`, in one epoch."""

    def __init__(self, *teams: str) -> None:
        self.teams, self.handed_over = set(teams), set[str]()
        self._changes: asyncio.Queue[OwnershipChange] = asyncio.Queue()

    def epoch(self, place: Place) -> int | None:
        return 1 if place.team in self.teams - self.handed_over else None

    def holds(self, place: Place) -> bool:
        return place.team in self.teams

    @property
    def shared(self) -> bool:
        return True

    @property
    def settles_s(self) -> float:
        return 0.0

    def call_wait_s(self, place: Place) -> float | None:
        return 0.0 if self.holds(place) else None

    async def change(self) -> OwnershipChange:
        return await self._changes.get()

    def gain(self, team: str) -> None:
        self.teams.add(team)
        self._changes.put_nowait(Gained())

    def lose(self, team: str) -> None:
        self.teams.discard(team)
        self._changes.put_nowait(Lost())

    def hand_over(self, team: str) -> None:
        self.handed_over.add(team)
        self._changes.put_nowait(Lost())


def ask(team: str, number: int) -> Ask:
    at = START + timedelta(seconds=number)
    return Ask(f"{team}-{number}", Place("slack", team, "C1", "1.0"), Person("U1"), "why?", at, addressed=True)


class Process:
    """One of several on a ledger. Answers last until `go` is set."""

    def __init__(self, store: MemoryStore, *teams: str) -> None:
        self.store, self.clock, self.ownership = store, FakeClock(), Shared(*teams)
        self.fails: set[int] = set()
        self.ends = True
        self.running_turns, self.begun, self.go = RunningTurns(), list[int](), asyncio.Event()
        self.place_queues = PlaceQueues(self._answer, self.running_turns, ownership=self.ownership)
        self.recovery = Recovery(store, self.place_queues, self.clock, self.ownership)

    async def _answer(self, running: RunningTurn) -> None:
        if running.id in self.fails:
            raise StoreError("it is read, and can't be answered")
        begun = await self.store.begin(running.id, running.epoch, in_order=running.in_order)
        if begun.id != running.id:
            running.before = begun
            return
        self.begun.append(running.id)
        await self.go.wait()
        if self.ends:
            await self.store.finish(Finish(begun, TurnState.DONE, "so"))

    async def ask(self, team: str, number: int) -> Turn:
        turn = await self.store.accept(ask(team, number))
        assert turn is not None
        self.place_queues.submit(turn)
        return turn


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    made = Process(MemoryStore(), "T1")
    task = asyncio.create_task(made.recovery.run())
    yield made
    task.cancel()
    made.go.set()
    await asyncio.gather(task, return_exceptions=True)
    await made.place_queues.drain(1.0)


async def test_a_turn_of_a_place_that_is_not_owned_stays_in_the_ledger(process: Process) -> None:
    mine, other = await process.ask("T1", 1), await process.ask("T2", 2)
    await process.clock.advance(20)
    assert process.begun == [mine.id]
    assert other in await process.store.open_turns()


async def test_what_is_gained_is_taken_up_at_once_without_its_event(process: Process) -> None:
    other = await process.ask("T2", 1)
    process.ownership.gain("T2")
    await until(lambda: process.begun == [other.id])


@pytest.mark.parametrize(("attempts", "deaths"), [(TAKEN_OVER_ATTEMPTS - 1, 0), (TAKEN_OVER_ATTEMPTS, 1)])
async def test_an_answer_that_is_taken_over_again_and_again_is_suspected_late(
    process: Process, attempts: int, deaths: int
) -> None:
    other = await process.ask("T2", 1)
    for _ in range(attempts):
        await process.store.begin(other.id)
    process.ownership.gain("T2")
    await until(lambda: process.begun == [other.id])
    taken = await process.store.turn(other.id)
    assert taken is not None
    assert (taken.attempt, taken.deaths) == (attempts + 1, deaths)


async def test_what_its_former_owner_was_running_waits_here_before_that_is_stored(process: Process) -> None:
    other = await process.ask("T2", 1)
    await process.store.begin(other.id)
    submitted: list[Turn] = []
    process.place_queues.submit = submitted.append  # type: ignore[method-assign,assignment]
    process.ownership.teams.add("T2")  # gained, and not worked off yet
    await process.clock.advance(PERIOD_S)
    assert [(turn.id, turn.state) for turn in submitted] == [(other.id, TurnState.WAITING)]


async def test_a_question_that_is_stored_when_a_newer_one_has_begun_comes_right_behind_it(
    process: Process,
) -> None:
    """Another process has heard the older one a moment before, and stored it a moment later."""
    newer = await process.ask("T1", 2)
    await until(lambda: process.begun == [newer.id])
    newest, older = await process.ask("T1", 3), await process.store.accept(ask("T1", 1))
    assert older is not None
    process.go.set()
    await until(lambda: process.begun == [newer.id, older.id, newest.id])


async def test_what_is_lost_is_dropped_and_goes_on_at_its_next_owner(process: Process) -> None:
    running, waiting, kept = await process.ask("T1", 1), await process.ask("T1", 2), await process.ask("T3", 3)
    process.ownership.gain("T3")
    await until(lambda: len(process.begun) == 2)
    process.ownership.lose("T1")
    await until(lambda: process.running_turns.ids == {kept.id})
    process.go.set()
    assert [turn.id for turn in await process.store.open_turns()][:2] == [running.id, waiting.id]
    heir = Process(process.store, "T1")
    heir.go.set()
    for turn in await process.store.open_turns():
        heir.place_queues.submit(turn)
    await until(lambda: heir.begun == [running.id, waiting.id])


async def test_a_place_that_is_lost_before_its_turn_begins_begins_none(process: Process) -> None:
    first, second = await process.ask("T1", 1), await process.ask("T1", 2)
    await until(lambda: process.begun == [first.id])
    process.ownership.teams.clear()
    process.go.set()
    await until(lambda: process.place_queues.running == 0)
    await asyncio.sleep(0)
    assert process.begun == [first.id]
    assert second.id in {turn.id for turn in await process.store.open_turns()}


async def test_a_turn_that_another_replica_has_stored_before_is_answered_first(process: Process) -> None:
    heir = Process(process.store, "T1")
    heir.go.set()
    older, newer = await process.store.accept(ask("T1", 1)), await process.store.accept(ask("T1", 2))
    assert older is not None
    assert newer is not None
    heir.place_queues.submit(newer)
    await until(lambda: heir.begun == [older.id, newer.id])


async def test_a_turn_that_fails_each_time_holds_up_those_behind_it_once(process: Process) -> None:
    heir = Process(process.store, "T1")
    older, newer = await process.store.accept(ask("T1", 1)), await process.store.accept(ask("T1", 2))
    assert older is not None
    assert newer is not None
    heir.fails, heir.ends = {older.id}, False
    heir.go.set()
    heir.place_queues.submit(newer)
    await until(lambda: heir.begun == [newer.id])


async def test_what_is_handed_over_ends_what_it_has_begun_and_begins_no_more(process: Process) -> None:
    first, second = await process.ask("T1", 1), await process.ask("T1", 2)
    await until(lambda: process.begun == [first.id])
    process.ownership.hand_over("T1")
    await until(lambda: process.running_turns.ids == {first.id})
    process.go.set()
    await until(lambda: not process.running_turns.ids)
    assert process.begun == [first.id]
    assert [turn.id for turn in await process.store.open_turns()] == [second.id]


async def test_a_place_that_is_lost_and_gained_again_before_anybody_hears_of_it_loses_no_turn() -> None:
    store = MemoryStore()
    process = Process(store, "A")
    turns = [await store.accept(ask("A", number)) for number in range(3)]
    for turn in turns:
        assert turn is not None
        process.place_queues.submit(turn)
    await until(lambda: process.begun == [1])
    process.ownership.teams.discard("A")
    process.go.set()  # the next one is not begun: another process may have begun it
    await until(lambda: process.running_turns.ids == frozenset())
    process.ownership.teams.add("A")
    for turn in turns[1:]:
        assert turn is not None
        process.place_queues.submit(turn)
    await until(lambda: process.begun == [1, 2, 3])
