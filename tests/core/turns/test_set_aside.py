"""Turns that the program seems to die of."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from core.errors import BotError, Code
from core.ports.store import Store
from core.ports.store.threads import PROCESS
from core.ports.store.turns import taken_over_attempts
from core.turns.runner import DEATHS
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import Usage
from core.values.places import Place
from core.values.turn_ends import Finish
from tests.core.turns.test_runner import ADA, Rig
from tests.fakes.clock import START
from tests.fakes.memory import MemoryStore
from tests.waiting import HANG_S


async def accept(store: Store, thread: str, after_s: int = 0) -> Turn:
    """A stored question in that thread."""
    place, at = Place("slack", "T1", "C1", thread), START + timedelta(seconds=after_s)
    turn = await store.accept(Ask(f"m{thread}", place, ADA, "why?", at, addressed=True))
    assert turn is not None
    return turn


async def suspected(rig: Rig, deaths: int, *threads: str) -> list[Turn]:
    """Waiting questions, one a thread, that were running at so many sudden ends."""
    turns = []
    for number, thread in enumerate(threads):
        turn = await accept(rig.store, thread, number)
        await rig.store.advance_watermark(PROCESS, "", START)
        for _ in range(deaths):
            await rig.store.begin(turn.id)
            await rig.store.recover(START + timedelta(minutes=1))
        found = await rig.store.turn(turn.id)
        assert found is not None
        assert found.deaths == deaths
        turns.append(found)
    return turns


async def running(rig: Rig) -> list[int]:
    return [turn.id for turn in await rig.store.open_turns() if turn.state is TurnState.RUNNING]


async def until_ended(rig: Rig, *turns: Turn) -> list[Turn]:
    async with asyncio.timeout(HANG_S):
        while open_ids := {turn.id for turn in await rig.store.open_turns()}:
            if open_ids.isdisjoint({turn.id for turn in turns}):
                break
            await asyncio.sleep(0.005)
    found = [await rig.store.turn(turn.id) for turn in turns]
    return [turn for turn in found if turn is not None]


async def test_a_turn_that_ran_at_two_sudden_ends_is_told_and_the_rest_goes_on() -> None:
    rig = Rig()
    told: list[tuple[int, Code]] = []

    def on_set_aside(turn: Turn, error: BotError) -> None:
        told.append((turn.id, error.code))

    rig.runner._on_set_aside = on_set_aside
    rig.model.go.set()
    (twice,) = await suspected(rig, 2, "2.0")
    (once,) = await suspected(rig, 1, "1.0")
    async with rig.delivering():
        for turn in (twice, once):
            rig.place_queues.submit(turn)
        aside, answered = await until_ended(rig, twice, once)
    assert (aside.state, answered.state) == (TurnState.FAILED, TurnState.DONE)
    shown = {views[-1].text: views[-1] for views in rig.platform.shown.values()}
    assert "twice" in shown[""].notice
    assert shown[""].buttons == ()
    assert "All of it." in shown
    assert told == [(twice.id, Code.SET_ASIDE)]
    finish = rig.store._finishes[twice.id]  # type: ignore[attr-defined]
    assert finish.usage == Usage(estimated=True), "a model may have been asked before: the cost is unknown"


async def test_a_turn_at_whose_setting_aside_the_program_died_too_is_ended_without_a_word() -> None:
    rig = Rig()
    (turn,) = await suspected(rig, 3, "3.0")
    async with rig.delivering():
        rig.place_queues.submit(turn)
        (ended,) = await until_ended(rig, turn)
    assert ended.state is TurnState.FAILED
    assert rig.platform.shown == {}


async def test_suspects_run_one_at_a_time_while_others_go_on() -> None:
    rig = Rig()
    turns = await suspected(rig, 0, "1.0", "2.0", "3.0")
    suspects = [replace(turn, deaths=1) for turn in turns[:2]]
    async with rig.delivering():
        for turn in (*suspects, turns[2]):
            rig.place_queues.submit(turn)
        async with asyncio.timeout(HANG_S):
            while len(await running(rig)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)  # a third one would have begun by now
        assert len(begun := await running(rig)) == 2
        assert turns[2].id in begun
        rig.model.go.set()
        await until_ended(rig, *turns)
    assert len(rig.platform.shown) == 3


async def test_of_fifty_questions_the_one_that_ends_every_process_is_set_aside_alone() -> None:
    """Processes follow each other. Each runs what is unsuspected at once, suspects one at a time, and ends as soon as
    it begins the one question."""
    store, ends = MemoryStore(), 0
    turns = [await accept(store, f"{number}.0") for number in range(50)]
    deadly, aside = turns[17].id, list[int]()

    async def run() -> bool:
        """False if the process ended."""
        left = await store.open_turns()
        unsuspected = [await store.begin(turn.id) for turn in left if not turn.deaths]
        for turn in [turn for turn in left if turn.deaths]:
            begun = await store.begin(turn.id)
            if turn.deaths >= DEATHS:
                aside.append(turn.id)
            elif turn.id == deadly:
                return False
            await store.finish(Finish(begun, TurnState.FAILED if turn.id in aside else TurnState.DONE))
        if deadly in {turn.id for turn in unsuspected}:
            return False
        for turn in unsuspected:
            await store.finish(Finish(turn, TurnState.DONE))
        return True

    while not await run():
        ends += 1
        await store.recover(START, taken_over=True)
    assert aside == [deadly]
    assert ends == taken_over_attempts(1)
    states = [turn.state for turn in [await store.turn(one.id) for one in turns] if turn is not None]
    assert states.count(TurnState.DONE) == 49
