"""Steps of turns, and the end of a run that waits for a person, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import StoreError
from core.ports.store import Store
from core.values.conversation import Ask, Turn, TurnState
from core.values.deltas import Usage
from core.values.parts import Text, ToolResult
from core.values.steps import ModelRound, ToolResults
from core.values.tasks import ANSWER
from core.values.turn_ends import Finish
from core.values.usage import UsageTotals
from tests.contract.stored import APPROVED, ASKED, NOON, PLACE, RESULTS, ROUND, accepted, answered, ask, texts


async def asking(store: Store, question: Ask) -> Turn:
    """A turn whose run ended with `ASKED`, its second step."""
    turn = await store.begin((await accepted(store, question)).id)
    await store.put_steps(turn.id, 0, [ROUND])
    await store.finish(Finish(turn, TurnState.ASKING, "Let me look.", posted=("p1",), asked=(1, ASKED)))
    return turn


async def used(store: Store) -> UsageTotals:
    return await store.usage_totals(NOON - timedelta(days=1), NOON + timedelta(days=1))


class TestSteps:
    async def test_steps_come_back_as_they_were_in_their_order(self, store: Store) -> None:
        turn, other = [await store.begin((await accepted(store, ask(id))).id) for id in ("m1", "m2")]
        assert await store.steps(turn.id) == []
        await store.put_steps(turn.id, 0, [ROUND])
        await store.put_steps(turn.id, 1, [RESULTS])
        await store.put_steps(other.id, 0, [ROUND])
        assert await store.steps(turn.id) == [ROUND, RESULTS]

    async def test_a_step_that_is_stored_twice_is_there_once(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        for _ in range(2):
            await store.put_steps(turn.id, 0, [ROUND])
        assert await store.steps(turn.id) == [ROUND]
        await store.put_steps(turn.id, 0, [])
        assert await store.steps(turn.id) == []

    async def test_a_turn_that_ended_in_one_round_has_that_round(self, store: Store) -> None:
        turn = await answered(store, ask(), "because")
        assert await store.steps(turn.id) == [ModelRound((Text("because"),))]

    async def test_text_that_no_database_takes_is_stored_without_it(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        await store.put_steps(turn.id, 0, [ToolResults((ToolResult("call_1", "a\0b\ud800c"),))])
        (step,) = await store.steps(turn.id)
        assert step == ToolResults((ToolResult("call_1", "ab?c"),))

    async def test_a_turn_that_asks_is_not_open_and_has_used_nothing_yet(self, store: Store) -> None:
        turn = await asking(store, replace(ask(), interaction_token="a-token"))
        assert await store.open_turns() == []
        assert await store.steps(turn.id) == [ROUND, ASKED]
        assert await texts(store) == ["why?"]
        assert (await used(store)).questions == 0
        assert await store.retry_turn(turn.id, ANSWER) is None
        with pytest.raises(StoreError):
            await store.begin(turn.id)
        found = await store.turn(turn.id)
        assert found is not None
        assert (found.state, found.text, found.posted) == (TurnState.ASKING, "Let me look.", ("p1",))
        assert found.ask.interaction_token == "a-token"

    async def test_an_answered_turn_waits_for_its_next_run_and_then_ends_like_others(
        self, store: Store
    ) -> None:
        turn = await asking(store, ask())
        resumed = await store.resume(turn.id, APPROVED)
        assert resumed is not None
        assert [resumed] == await store.open_turns()
        assert await store.steps(turn.id) == [ROUND, ASKED, APPROVED]
        assert await store.resume(turn.id, APPROVED) is None, "it does not ask any more"
        again = await store.begin(turn.id)
        assert (again.attempt, again.text, again.posted) == (2, "Let me look.", ("p1",))
        await store.put_steps(turn.id, 3, [RESULTS])
        whole = Finish(again, TurnState.DONE, "Let me look.\n\nNo.", posted=("p1",), usage=Usage(30, 9))
        await store.finish(whole)
        assert await texts(store) == ["why?", "Let me look.\n\nNo."]
        assert await store.steps(turn.id) == [ROUND, ASKED, APPROVED, RESULTS]
        assert (await used(store)).prompt_tokens == 30

    async def test_the_end_of_a_run_that_is_stored_twice_does_not_ask_twice(self, store: Store) -> None:
        turn = await asking(store, ask())
        end = Finish(turn, TurnState.ASKING, "Let me look.", usage=Usage(1, 1), asked=(1, ASKED))
        await store.finish(end)
        assert await store.resume(turn.id, APPROVED) is not None
        await store.finish(end)
        assert await store.steps(turn.id) == [ROUND, ASKED, APPROVED]
        assert (await used(store)).prompt_tokens == 0
        assert len(await store.open_turns()) == 1

    @pytest.mark.parametrize("what", ["person", "thread"])
    @pytest.mark.parametrize("asks", [True, False])
    async def test_forgetting_removes_steps_and_stores_no_more(
        self, store: Store, what: str, asks: bool
    ) -> None:
        if asks:
            turn = await asking(store, ask())
        else:
            turn = await store.begin((await accepted(store, ask())).id)
            await store.put_steps(turn.id, 0, [ROUND])
        if what == "person":
            await store.forget_person("slack", "T1", "U1", NOON)
        else:
            await store.forget_thread(PLACE, NOON)
        await store.put_steps(turn.id, 1, [RESULTS])
        await store.finish(Finish(turn, TurnState.ASKING, "Let me look.", asked=(1, ASKED)))
        assert await store.resume(turn.id, APPROVED) is None
        assert await store.steps(turn.id) == []
        found = await store.turn(turn.id)
        assert found is not None
        assert (found.state, found.text) == (TurnState.STOPPED, "")
