"""Token usage on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.ports.store import Store
from core.values.conversation import Ask, TurnState
from core.values.deltas import Usage
from core.values.places import Place
from core.values.turn_ends import Finish
from core.values.usage import LastUsage, UsageTotals
from tests.contract.stored import BEN, ELSEWHERE, NOON, PLACE, accepted, ask


class TestUsage:
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
