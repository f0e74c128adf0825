from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import StoreError
from core.turns.interrupts import Interrupt
from core.turns.queue import PlaceQueues
from core.turns.running import RunningTurn, RunningTurns
from core.values.conversation import Ask, Turn, announcement
from core.values.places import Person, Place
from core.values.tasks import SumUpThread
from tests.fakes.clock import skip_waits

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def no_wait() -> None:
    skip_waits(asyncio.get_running_loop())


def turn(id: int, thread: str = "1", after_s: float = 0.0) -> Turn:
    place = Place("slack", "T1", "C1", thread)
    return Turn(id, Ask(f"m{id}", place, Person("U1"), "?", NOON + timedelta(seconds=after_s or id)))


class Work:
    """The actions of the queues, in order. Turns end when `go` is set; `ended` and `told` are ids."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.told: list[tuple[int, int]] = []

    async def answer(self, turn: RunningTurn) -> None:
        self.begun.append(turn.id)
        await self.go.wait()
        self.ended.append(turn.id)

    async def tell(self, turn: RunningTurn, before: RunningTurn) -> None:
        self.told.append((turn.id, before.id))
        await asyncio.sleep(3600)


async def settled(seconds: float = 0.0) -> None:
    await asyncio.sleep(seconds)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_at_a_time_in_a_place_and_places_do_not_wait_for_each_other() -> None:
    work = Work()
    place_queues = PlaceQueues(work.answer, RunningTurns())
    for one in (turn(1), turn(2), turn(3, "other"), turn(1)):
        place_queues.submit(one)
    await settled()
    assert work.begun == [1, 3]
    work.go.set()
    await settled()
    assert sorted(work.ended) == [1, 2, 3]
    assert work.ended.index(1) < work.ended.index(2)


async def test_it_says_how_many_wait_and_run_and_how_long_each_has_waited() -> None:
    work = Work()
    began: list[tuple[str, float]] = []
    place_queues = PlaceQueues(work.answer, RunningTurns(), on_begin=lambda *wait: began.append(wait))
    for one in (turn(1), turn(2), turn(3, "other")):
        place_queues.submit(one)
    assert (place_queues.waiting, place_queues.running) == (3, 0)
    await settled(0.01)
    assert (place_queues.waiting, place_queues.running) == (1, 2)
    work.go.set()
    await settled()
    assert (place_queues.waiting, place_queues.running) == (0, 0)
    assert [platform for platform, _ in began] == ["slack"] * 3
    assert began[-1][1] >= 0.01, "the second turn of the place has waited for the first one"


async def test_of_those_that_wait_the_one_that_was_said_first_goes_first() -> None:
    work = Work()
    place_queues = PlaceQueues(work.answer, RunningTurns())
    for one in (turn(1), turn(2, after_s=20), turn(3, after_s=10)):
        place_queues.submit(one)
    work.go.set()
    await settled()
    assert work.ended == [1, 3, 2]


async def test_a_place_begins_when_the_hold_is_over_and_then_in_order() -> None:
    work, held = Work(), asyncio.Event()
    work.go.set()

    async def hold(_turn: Turn) -> None:
        await held.wait()

    place_queues = PlaceQueues(work.answer, RunningTurns(), hold=hold)
    place_queues.submit(turn(2, after_s=2))
    place_queues.submit(turn(3, after_s=1))
    await settled()
    assert work.begun == []
    held.set()
    await settled()
    assert work.ended == [3, 2]


async def test_what_comes_in_while_the_next_turn_is_held_may_go_before_it() -> None:
    work, held = Work(), asyncio.Event()
    work.go.set()

    async def hold(turn: Turn) -> None:
        if turn.id == 2:
            await held.wait()

    place_queues = PlaceQueues(work.answer, RunningTurns(), hold=hold)
    place_queues.submit(turn(1))
    place_queues.submit(turn(2, after_s=20))
    await settled()
    place_queues.submit(turn(3, after_s=10))
    held.set()
    await settled()
    assert work.ended == [1, 3, 2]


async def test_a_turn_that_comes_first_now_does_not_wait_for_the_hold_of_the_one_behind_it() -> None:
    work, read, held = Work(), asyncio.Event(), list[int]()

    async def hold(one: Turn) -> None:
        held.append(one.id)
        if one.id != 1:
            await read.wait()

    place_queues = PlaceQueues(work.answer, RunningTurns(), hold=hold)
    place_queues.submit(turn(2))
    await settled()
    place_queues.submit(turn(3))
    place_queues.submit(turn(1))
    await settled()
    assert work.begun == [1]
    work.go.set()
    await settled()
    assert (work.begun, held) == ([1], [2, 1, 2]), "the next one is held again"
    read.set()
    await settled()
    assert work.begun == [1, 2, 3]


async def test_who_waits_too_long_is_told_once_behind_whom_and_not_made_to_wait_by_it() -> None:
    work = Work()
    place_queues = PlaceQueues(work.answer, RunningTurns(), tell_waiting=work.tell, patience_s=0.05)
    for one in (turn(1), turn(2, after_s=20), turn(3, after_s=10)):
        place_queues.submit(one)
    await settled(0.055)
    assert work.told == [(2, 3), (3, 1)], "the one that is being answered is not waiting"
    work.go.set()
    await settled()
    assert work.ended == [1, 3, 2]
    assert len(work.told) == 2


async def test_who_does_not_wait_long_is_not_told() -> None:
    work = Work()
    place_queues = PlaceQueues(work.answer, RunningTurns(), tell_waiting=work.tell, patience_s=0.05)
    work.go.set()
    place_queues.submit(turn(1))
    place_queues.submit(turn(2))
    await settled(0.07)
    assert work.told == []


@pytest.mark.parametrize("error", [StoreError("away"), ValueError("a mistake")])
async def test_a_turn_that_fails_and_a_word_that_can_not_be_told_stop_nobody(error: Exception) -> None:
    work = Work()

    async def fail(turn: RunningTurn) -> None:
        await work.answer(turn)
        if turn.id == 1:
            raise error

    async def tell(_turn: RunningTurn, _before: RunningTurn) -> None:
        raise error

    place_queues = PlaceQueues(fail, RunningTurns(), tell_waiting=tell, patience_s=0.0)
    place_queues.submit(turn(1))
    place_queues.submit(turn(2))
    await settled(0.01)
    work.go.set()
    await settled()
    assert work.ended == [1, 2]


async def test_draining_does_not_wait_for_what_is_held() -> None:
    async def hold(_turn: Turn) -> None:
        await asyncio.sleep(3600)

    work = Work()
    place_queues = PlaceQueues(work.answer, RunningTurns(), hold=hold)
    place_queues.submit(turn(1))
    await settled()
    began = asyncio.get_running_loop().time()
    assert await place_queues.drain(60) == 0
    await settled()
    assert asyncio.get_running_loop().time() == began
    assert work.begun == []
    assert place_queues.known == {1}, "it is left in the ledger"


async def test_draining_begins_nothing_new_and_counts_what_it_cut_off() -> None:
    work = Work()
    place_queues = PlaceQueues(work.answer, RunningTurns(), tell_waiting=work.tell, patience_s=0.05)
    for one in (turn(1), turn(2), turn(3, "other")):
        place_queues.submit(one)
    await settled()
    assert await place_queues.drain(0.01) == 2
    place_queues.submit(turn(4, "third"))
    await settled(0.06)
    assert work.begun == [1, 3]
    assert work.ended == []
    assert work.told == []


def background(id: int, thread: str = "1") -> Turn:
    place = Place("slack", "T1", "C1", thread)
    return Turn(id, announcement(f"sum-up:{id}", place, SumUpThread(), NOON))


async def test_work_in_the_background_comes_after_all_questions_of_its_place() -> None:
    work = Work()
    began: list[tuple[str, float]] = []
    place_queues = PlaceQueues(work.answer, RunningTurns(), on_begin=lambda *wait: began.append(wait))
    for one in (turn(1), background(2), turn(3)):
        place_queues.submit(one)
    work.go.set()
    await settled()
    assert work.ended == [1, 3, 2]
    assert len(began) == 2, "nobody waits for it"


async def test_a_question_interrupts_work_in_the_background_of_its_place_alone() -> None:
    work, live = Work(), RunningTurns()
    place_queues = PlaceQueues(work.answer, live)
    place_queues.submit(background(1))
    place_queues.submit(background(2, "other"))
    await settled()
    place_queues.submit(background(3))
    place_queues.submit(turn(4))
    stopped = {one.id for one in live if one.interrupted is Interrupt.STOPPED}
    assert stopped == {1}
    work.go.set()
    await settled()
    assert [id_ for id_ in work.ended if id_ != 2] == [1, 4, 3]


async def test_an_orderly_end_does_not_wait_for_work_in_the_background() -> None:
    work = Work()
    place_queues = PlaceQueues(work.answer, RunningTurns())
    place_queues.submit(background(1))
    await settled()
    assert await place_queues.drain(60.0) == 0
    await settled()
    assert work.ended == []
    assert place_queues.running == 1, "it stays in the ledger"
