"""Token usage on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.ports.store import Store
from core.spend.prices import total
from core.values.conversation import Ask, TurnState
from core.values.deltas import ChargeKind, Usage
from core.values.places import Place
from core.values.turn_ends import Finish
from core.values.usage import Charge, LastUsage, UsageTotals
from tests.contract.stored import APPROVED, ASKED, BEN, ELSEWHERE, NOON, PLACE, ROUND, accepted, ask


def charge(kind: ChargeKind, model: str, prompt: int = 0, completion: int = 0, **more: Any) -> Charge:
    return Charge(kind, model, Usage(prompt, completion, **more))


ANSWER = charge(ChargeKind.ANSWER, "m", 100, 10, reasoning_tokens=5, cost_micros=7, cached_tokens=60)
HEARD = charge(ChargeKind.TRANSCRIPTION, "whisper", estimated=True, sound_s=12.5)
SEEN = charge(ChargeKind.DESCRIPTION, "eyes", 8, 2, cost_micros=3, partly_priced=True)


class TestCharges:
    @pytest.mark.parametrize(
        ("charges", "stored"),
        [
            ((), []),
            ((ANSWER,), []),  # the usage says it all
            ((HEARD,), [HEARD]),
            ((ANSWER, replace(ANSWER, model="n"), SEEN), [ANSWER, replace(ANSWER, model="n"), SEEN]),
            ((HEARD, SEEN, ANSWER), [ANSWER, SEEN, HEARD]),
        ],
    )
    async def test_the_parts_of_an_answer_are_stored_where_it_has_several(
        self, store: Store, charges: tuple[Charge, ...], stored: list[Charge]
    ) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        other = await store.begin((await accepted(store, ask("m2", after_s=1, place=ELSEWHERE))).id)
        await store.finish(Finish(turn, TurnState.DONE, "because", model="m", charges=charges))
        await store.finish(Finish(other, TurnState.DONE, "because", model="m", charges=(SEEN,)))
        assert await store.charges(turn.id) == stored
        twice = replace(SEEN, usage=replace(SEEN.usage, prompt_tokens=99))
        await store.finish(Finish(other, TurnState.DONE, "because", model="m", charges=(twice,)))
        assert await store.charges(other.id) == [SEEN], "an answer that has ended is charged no more"

    async def test_what_reading_the_files_of_a_question_cost_is_stored_with_it(self, store: Store) -> None:
        question = replace(ask(), charges=(HEARD,))
        turn = await accepted(store, question)
        assert await store.accept(question) is None
        assert await store.charges(turn.id) == [HEARD]
        turn = await store.begin(turn.id)
        await store.finish(Finish(turn, TurnState.DONE, "because", model="m", charges=(HEARD, ANSWER)))
        assert await store.charges(turn.id) == [ANSWER, HEARD]

    async def test_an_answer_to_a_forgotten_question_is_charged_for(self, store: Store) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        await store.forget_thread(PLACE, NOON + timedelta(seconds=1))
        for charges in ((HEARD, SEEN), (ANSWER,)):
            await store.finish(Finish(turn, TurnState.DONE, "because", model="m", charges=charges))
            assert await store.charges(turn.id) == [SEEN, HEARD]

    async def test_the_charges_of_a_run_that_asks_for_an_approval_are_there_for_the_next_one(
        self, store: Store
    ) -> None:
        turn = await store.begin((await accepted(store, ask())).id)
        await store.put_steps(turn.id, 0, (ROUND,))
        tries = charge(ChargeKind.ANSWER, "m", 30, 0, cost_micros=1)
        await store.finish(Finish(turn, TurnState.ASKING, asked=(1, ASKED), charges=(tries, HEARD)))
        assert await store.charges(turn.id) == [tries, HEARD]
        await store.resume(turn.id, APPROVED)
        turn = await store.begin(turn.id)
        await store.finish(Finish(turn, TurnState.DONE, "because", model="m", charges=(ANSWER, HEARD)))
        assert await store.charges(turn.id) == [ANSWER, HEARD]


class TestUsage:
    async def test_counts_that_no_answer_has_are_stored_as_the_largest_that_fit(self, store: Store) -> None:
        absurd = Usage(10**8, 10**8, 10**8, cost_micros=10**17, cached_tokens=10**8)
        await self.spend(store, ask("m1"), total([absurd] * 32))
        totals = await store.usage_totals(NOON, NOON + timedelta(hours=1))
        assert (totals.prompt_tokens, totals.completion_tokens) == (2**31 - 1, 2**31 - 1)
        assert totals.cost_micros == 32 * 10**17

    async def spend(
        self,
        store: Store,
        question: Ask,
        usage: Usage | None,
        state: TurnState = TurnState.DONE,
        model: str = "m",
        estimate_tokens: int | None = None,
    ) -> None:
        turn = await accepted(store, question)
        await store.finish(
            Finish(turn, state, model=model, usage=usage, estimate_tokens=estimate_tokens, latency_ms=9)
        )

    async def test_the_last_count_of_a_place_and_model(self, store: Store) -> None:
        assert await store.last_usage(PLACE, "m") is None
        await self.spend(store, ask("m1"), Usage(100, 10), estimate_tokens=90)
        await self.spend(store, ask("m2"), Usage(200, 70, reasoning_tokens=50), estimate_tokens=190)
        await self.spend(store, ask("m3"), Usage(7, 7), model="other")
        await self.spend(store, ask("m4", place=ELSEWHERE), Usage(8, 8))
        assert await store.last_usage(PLACE, "m") == LastUsage("m2", 200, 20, 190)

    async def test_a_guess_or_no_count_is_nothing_to_reckon_from(self, store: Store) -> None:
        await self.spend(store, ask("m1"), Usage(100, 10), estimate_tokens=90)
        await self.spend(store, ask("m2"), Usage(300, 30, estimated=True))
        await self.spend(store, ask("m3"), None, TurnState.FAILED)
        await self.spend(store, ask("m4"), Usage(400, 40), estimate_tokens=None)  # several tries, summed up
        spent = await store.last_usage(PLACE, "m")
        assert spent is not None
        assert spent.anchor == "m1"

    async def test_a_tally_counts_what_was_asked_in_its_period(self, store: Store) -> None:
        since, until = NOON, NOON + timedelta(hours=1)
        other = Place("discord", "G1", "C9")
        await self.spend(store, ask("m1"), Usage(100, 10, cost_micros=3))
        await self.spend(store, ask("m2", by=BEN), Usage(1, 2, estimated=True, cost_micros=4), TurnState.FAILED)
        await self.spend(store, ask("m3", after_s=3599), None, TurnState.FAILED)  # it was refused, at no cost
        await self.spend(store, ask("m4", after_s=5), Usage(20, 5, cost_micros=1), TurnState.STOPPED)
        await self.spend(store, ask("m5", after_s=-0.001), Usage(1000, 1000))
        await self.spend(store, ask("m6", after_s=3600), Usage(1000, 1000))
        await self.spend(store, ask("m7", place=other), Usage(10_000, 0))
        partly = Usage(cost_micros=2, partly_priced=True)
        await self.spend(store, ask("m9", place=ELSEWHERE), partly, TurnState.STOPPED)
        await store.accept(ask("m8"))
        assert await store.usage_totals(since, until, PLACE) == UsageTotals(3, 2, 121, 17, 10, 2, unpriced=1)
        assert await store.usage_totals(since, until) == UsageTotals(4, 3, 10_121, 17, 10, 2, unpriced=2)
        assert await store.usage_totals(since, until, replace(other, team="G2")) == UsageTotals()
