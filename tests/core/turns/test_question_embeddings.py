"""The vectors of questions that are asked now, and those that the background asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from core.llm import create_embedder
from core.llm.catalog import environment_to_catalog
from core.llm.embeddings import EndpointEmbedder
from core.llm.tokens import estimate
from core.ports.embeddings import MOST_TEXTS, Embedded, Meaning
from core.settings.environment import CoreSettings
from core.spend.budget_checks import BudgetChecks
from core.turns.question_embeddings import (
    AGREEING,
    EVERY_S,
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    PAUSE_S,
    SETTLED,
    WITHIN_S,
    QuestionEmbeddings,
)
from core.values.conversation import Turn, TurnState
from core.values.deltas import ChargeKind, ModelInfo, Usage
from core.values.model_accounts import ModelAccount
from core.values.places import Place
from core.values.turn_ends import Finish
from core.values.usage import Charge
from tests.contract.stored import ANN, NOON, accepted, ask
from tests.contract.test_sources import place, question
from tests.core.llm.test_embeddings import Observer
from tests.fakes.clock import FakeClock
from tests.fakes.completions import FakeCompletions, Raw, Status, hashed
from tests.fakes.memory import MemoryStore
from tests.waiting import HANG_S, until

LIMITED = "20 a day"
SILENT_S = 1.0
"""Seconds after which an endpoint counts as silent."""
PRICE = 1_000_000
"""A token costs a unit of the currency."""


class Watched:
    """An `Embedder` that tells when it has no request under way."""

    def __init__(self, embedder: EndpointEmbedder) -> None:
        self._embedder = embedder
        self._under_way = 0
        self.idle = asyncio.Event()
        self.idle.set()

    @property
    def model_info(self) -> ModelInfo:
        return self._embedder.model_info

    def estimate(self, texts: Sequence[str]) -> Usage:
        return self._embedder.estimate(texts)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        self._under_way += 1
        self.idle.clear()
        try:
            return await self._embedder.embed(texts)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.idle.set()


class RequestClock(FakeClock):
    """Moves on only while no request is under way, or its endpoint is silent: a request is real input and output."""

    def __init__(self) -> None:
        super().__init__()
        self.embedder: Watched | None = None

    async def _settle(self) -> None:
        await super()._settle()
        if self.embedder is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.embedder.idle.wait(), SILENT_S)


class Rig:
    def __init__(self, fake: FakeCompletions, core: CoreSettings) -> None:
        self.clock = RequestClock()
        self.store = MemoryStore(self.clock)
        self.fake = fake
        catalog = environment_to_catalog(core)
        embedder = create_embedder(catalog, self.clock, Observer())
        assert embedder is not None
        self.embedder = embedder
        self.clock.embedder = watched = Watched(embedder)
        self.distributed: bool | None = False
        self.observer = Observer()
        self.checks = BudgetChecks(self.store, core, self.clock, catalog.model_info)
        self.embeddings = QuestionEmbeddings(
            self.store, watched, core, self.clock, self.checks, lambda _: self.distributed, self.observer
        )

    async def meaning(self, text: str = "reset my password", number: int = 1) -> Meaning:
        turn = await accepted(self.store, question(number, text))
        return await self.embeddings.of_question(turn, text)

    async def answered(self, number: int, text: str, where: Place | None = None) -> Turn:
        asked = replace(question(number, text), place=where or place(number))
        turn = await self.store.begin((await accepted(self.store, asked)).id)
        await self.store.finish(Finish(turn, TurnState.DONE, "so", posted=(f"p{number}",)))
        return turn

    async def left(self) -> list[str]:
        return [one.question for one in (await self.store.unembedded("small", 0, 1_000))[1]]

    async def set(self, name: str, value: str) -> None:
        await self.store.change(replace(place(0), thread=""), {name: value}, ANN, NOON)

    async def cost(self) -> tuple[int, int]:
        """Tokens, and answers of unknown cost, of the channel."""
        totals = await self.store.usage_totals(
            NOON - timedelta(days=9_000), NOON + timedelta(days=9_000), replace(place(0), thread="")
        )
        return totals.prompt_tokens, totals.cost_micros


@asynccontextmanager
async def at_rig(**values: object) -> AsyncIterator[Rig]:
    async with FakeCompletions() as fake:
        fake.embeddings = hashed
        given = {"openai_base_url": fake.base_url, "openai_api_key": "sk-test"} | values
        core = CoreSettings(_env_file=None, parley_embedding_model="small", **given)  # type: ignore[arg-type]
        rig = Rig(fake, core)
        try:
            yield rig
        finally:
            await rig.embedder.close()


@asynccontextmanager
async def in_background(rig: Rig) -> AsyncIterator[asyncio.Task[None]]:
    running = asyncio.create_task(rig.embeddings.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def passed(rig: Rig, seconds: float) -> None:
    await asyncio.wait_for(rig.clock.advance(seconds), HANG_S)


async def test_a_question_gets_a_vector_and_a_charge_at_the_price_of_its_model() -> None:
    async with at_rig(parley_price_embedding_input=2) as rig:
        meaning = await rig.meaning()
        assert meaning.vector is not None
        assert meaning.charge is not None
        assert (meaning.vector.question, meaning.vector.vector.model) == ("reset my password", "small")
        assert (meaning.charge.kind, meaning.charge.model) == (ChargeKind.EMBEDDING, "small")
        assert meaning.charge.usage == Usage(3, cost_micros=6)


async def test_the_words_of_a_search_get_a_vector_whose_cost_is_the_channels() -> None:
    async with at_rig(parley_price_embedding_input=2) as rig:
        vector = await rig.embeddings.of_search(place(0), "U1", "forgot my login")
        assert vector is not None
        assert vector.model == "small"
        assert await rig.cost() == (3, 6)
        other = await rig.embeddings.of_search(place(0), "U1", " ")
        assert (other, rig.fake.embedded) == (None, ["forgot my login"])


async def test_a_search_does_not_wait_for_a_silent_endpoint_and_its_estimated_cost_is_stored() -> None:
    async with at_rig(parley_price_embedding_input=1) as rig:
        rig.fake.embeddings = Raw((b'{"data": [',), end="hang")
        asking = asyncio.create_task(rig.embeddings.of_search(place(0), "U1", "forgot my login"))
        await until(lambda: bool(rig.fake.requests))
        await passed(rig, WITHIN_S)
        assert await asyncio.wait_for(asking, HANG_S) is None
        tokens = estimate("forgot my login")
        assert await rig.cost() == (tokens, tokens)


@pytest.mark.parametrize("limit", ["budget", "person_budget"])
async def test_a_search_asks_for_no_vector_where_a_limit_is_reached(limit: str) -> None:
    async with at_rig() as rig:
        scope = replace(place(0), thread="", channel="" if limit == "person_budget" else "C1")
        await rig.store.change(scope, {limit: "5 tokens a day"}, ANN, NOON)
        turn = await accepted(rig.store, replace(question(1, "plan"), at=rig.clock.now()))
        used = Charge(ChargeKind.ANSWER, "m", Usage(9))
        begun = await rig.store.begin(turn.id)
        await rig.store.finish(Finish(begun, TurnState.DONE, "so", usage=used.usage, charges=(used,)))
        assert await rig.embeddings.of_search(turn.ask.place, turn.ask.author.id, "plan") is None
        assert rig.fake.embedded == []


async def test_without_a_price_the_cost_is_unknown_not_nothing() -> None:
    async with at_rig() as rig:
        meaning = await rig.meaning()
        assert meaning.charge is not None
        assert meaning.charge.usage == Usage(3, cost_micros=None)


async def test_an_answer_does_not_wait_for_a_silent_endpoint_and_reckons_with_its_cost() -> None:
    async with at_rig(parley_price_embedding_input=1) as rig:
        rig.fake.embeddings = Raw((b'{"data": [',), end="hang")
        asking = asyncio.create_task(rig.meaning())
        await until(lambda: bool(rig.fake.requests))
        with structlog.testing.capture_logs() as logs:
            await passed(rig, WITHIN_S)
            meaning = await asyncio.wait_for(asking, HANG_S)
        tokens = estimate("reset my password")
        assert meaning.vector is None
        assert meaning.charge is not None
        assert meaning.charge.usage == Usage(tokens, estimated=True, cost_micros=tokens)
        assert [line["event"] for line in logs] == ["embedding_late"]


@pytest.mark.parametrize(
    ("reply", "charged"),
    [
        (Status(429, {"error": {"message": "slow down"}}), False),
        (Status(400, {"error": {"message": "input too long"}}), False),
        (Status(200, {"data": []}), True),
    ],
)
async def test_a_failure_is_none_of_the_answer(reply: Status, charged: bool) -> None:
    async with at_rig() as rig:
        rig.fake.embeddings = reply
        meaning = await rig.meaning()
        assert meaning.vector is None
        assert (meaning.charge is not None) is charged


async def test_a_vector_of_another_dimension_than_those_before_is_refused_with_words_in_the_log() -> None:
    async with at_rig() as rig:
        assert (await rig.meaning()).vector is not None
        rig.fake.embeddings = lambda text: hashed(text, 32)
        turn = await accepted(rig.store, ask("m2", "again"))
        with structlog.testing.capture_logs() as logs:
            meaning = await rig.embeddings.of_question(turn, "again")
        assert meaning.vector is None
        assert meaning.charge is not None
        assert logs == [
            {
                "event": "embedding_refused",
                "log_level": "error",
                "model": "small",
                "dimension": 32,
                "stored": 64,
            }
        ]


@pytest.mark.parametrize("why", ["off", "distributed", "unserved", "blank", "limit", "unpriced", "own"])
async def test_nothing_is_asked_for_where_that_is_not_allowed(why: str) -> None:
    limited = {"parley_budget": "5 tokens a day"} if why == "limit" else {}
    money = {"parley_budget": LIMITED} if why == "unpriced" else {}
    async with at_rig(**limited, **money) as rig:
        if why == "off":
            await rig.set("memory", "off")
        if why in ("distributed", "unserved"):
            rig.distributed = True if why == "distributed" else None
        if why == "own":
            own = ModelAccount("slack", place(0).team, "https://models.example/v1", ("large",))
            await rig.store.put_model_account(own, "sk-of-the-workspace-0001", ANN, NOON)
        if why == "limit":
            used = Charge(ChargeKind.EMBEDDING, "small", Usage(9))
            await rig.store.put_vectors(replace(place(0), thread=""), {}, used)
        await rig.answered(2, "deploy the site")
        assert await rig.meaning(" " if why == "blank" else "so it is") == Meaning()
        if why != "blank":
            async with in_background(rig):
                await passed(rig, 3 * PAUSE_S)
        assert rig.fake.embedded == (["deploy the site"] if why == "blank" and rig.fake.embedded else [])


async def test_with_a_price_a_limit_in_money_lets_it_be_asked_for() -> None:
    async with at_rig(parley_budget=LIMITED, parley_price_embedding_input=1) as rig:
        assert (await rig.meaning()).vector is not None


async def test_the_background_asks_for_what_is_missing_in_batches_newest_first_and_pauses() -> None:
    async with at_rig(parley_price_embedding_input=1) as rig:
        for number in range(MOST_TEXTS + 2):
            await rig.answered(number, f"plan {number}")
        async with in_background(rig):
            await until(lambda: len(rig.fake.requests) == 1)
            await passed(rig, PAUSE_S / 2)
            assert len(rig.fake.requests) == 1
            await passed(rig, PAUSE_S)
            await until(lambda: len(rig.fake.requests) == 2)
            await passed(rig, PAUSE_S)
        asked = [f"plan {number}" for number in reversed(range(MOST_TEXTS + 2))]
        assert rig.fake.embedded == asked
        assert [len(one.body["input"]) for one in rig.fake.requests] == [MOST_TEXTS, 2]
        assert await rig.left() == []
        assert await rig.cost() == (2 * (MOST_TEXTS + 2), 2 * (MOST_TEXTS + 2))


async def test_what_is_answered_later_without_a_vector_is_asked_for_ten_minutes_later() -> None:
    async with at_rig() as rig, in_background(rig):
        await passed(rig, 0)
        await rig.answered(1, "plan")
        await passed(rig, EVERY_S)
        await until(lambda: rig.fake.embedded == ["plan"])
        await passed(rig, PAUSE_S)
        assert await rig.left() == []


async def test_each_request_is_of_one_channel() -> None:
    async with at_rig() as rig:
        await rig.answered(1, "plan 1")
        await rig.answered(2, "plan 2", place(2, "C2"))
        await rig.answered(3, "plan 3")
        async with in_background(rig):
            await until(lambda: len(rig.fake.requests) == 1)
            await passed(rig, PAUSE_S)
            await until(lambda: len(rig.fake.requests) == 2)
        assert [one.body["input"] for one in rig.fake.requests] == [["plan 3", "plan 1"], ["plan 2"]]


async def test_a_failing_endpoint_is_asked_less_and_less_often() -> None:
    async with at_rig() as rig:
        for number in range(5):
            await rig.answered(number, f"plan {number}", place(number, f"C{number}"))
        rig.fake.embeddings = Status(500, "so")
        async with in_background(rig):
            await until(lambda: len(rig.fake.requests) == 1)
            await passed(rig, 29)
            assert len(rig.fake.requests) == 1
            await passed(rig, 1)
            await until(lambda: len(rig.fake.requests) == 2)
            await passed(rig, 59)
            assert len(rig.fake.requests) == 2
            rig.fake.embeddings = hashed
            await passed(rig, 1)
            await until(lambda: len(rig.fake.requests) == 3)
            await passed(rig, PAUSE_S)
            await until(lambda: len(rig.fake.requests) == 4)


async def test_a_text_that_is_refused_keeps_no_others_from_their_vectors_and_is_not_asked_for_again() -> None:
    async with at_rig() as rig:
        for number in range(3):
            await rig.answered(number, f"plan {number}")

        def refusing(text: str) -> list[float]:
            return [float("nan")] * 64 if text == "plan 1" else hashed(text)

        rig.fake.embeddings = refusing
        async with in_background(rig):
            await until(lambda: len(rig.fake.requests) == 4)
            for _ in range(3):
                await passed(rig, EVERY_S)
        assert await rig.left() == ["plan 1"]
        assert rig.fake.embedded.count("plan 1") == 2


async def test_after_a_crash_only_what_was_not_stored_is_asked_for_again() -> None:
    async with at_rig() as rig:
        for number in range(2 * MOST_TEXTS):
            await rig.answered(number, f"plan {number}")
        async with in_background(rig):
            await until(lambda: len(rig.fake.requests) == 1)
            await passed(rig, PAUSE_S)
            await until(lambda: len(rig.fake.requests) == 2)
        async with in_background(rig):
            for _ in range(4):
                await passed(rig, PAUSE_S)
            await until(lambda: len(rig.fake.embedded) >= 2 * MOST_TEXTS)
            await passed(rig, PAUSE_S)
        assert await rig.left() == []
        assert len(rig.fake.embedded) <= 3 * MOST_TEXTS


async def test_a_new_model_makes_all_vectors_anew() -> None:
    async with at_rig() as rig:
        await rig.answered(1, "plan")
        async with in_background(rig):
            await until(lambda: rig.fake.embedded == ["plan"])
            await passed(rig, PAUSE_S)
        assert await rig.left() == []
        assert [one.question for one in (await rig.store.unembedded("large", 0, 9))[1]] == ["plan"]


def short(text: str) -> list[float]:
    return hashed(text, 32)


async def embedded(rig: Rig, count: int) -> None:
    """Have so many questions answered, and their vectors made."""
    for number in range(count):
        await rig.answered(number, f"plan {number}")
    async with in_background(rig):
        for _ in range(count):
            await passed(rig, PAUSE_S)
            if not await rig.left():
                return


async def test_one_answer_of_another_model_at_first_does_not_end_the_search_by_meaning() -> None:
    async with at_rig() as rig:
        rig.fake.embeddings = short
        await embedded(rig, 1)
        rig.fake.embeddings = hashed
        for number in range(1, 30):
            await rig.answered(number, f"plan {number}")
        async with in_background(rig):
            for _ in range(40):
                await passed(rig, FIRST_WAIT_S)
        assert await rig.left() == []
        assert set(await rig.store.vector_dimensions("small")) == {64}
        assert (await rig.meaning(number=900)).vector is not None
        assert len(rig.fake.embedded) < 30 + AGREEING * MOST_TEXTS + 2


async def test_few_other_answers_replace_no_settled_vectors_and_nothing_is_paid_in_the_pauses() -> None:
    async with at_rig(parley_price_embedding_input=1) as rig:
        await embedded(rig, SETTLED)
        assert await rig.left() == []
        paid, asked = await rig.cost(), len(rig.fake.requests)
        rig.fake.embeddings = short
        for number in range(SETTLED, SETTLED + 3):
            await rig.answered(number, f"plan {number}")
        with structlog.testing.capture_logs() as logs:
            async with in_background(rig):
                for _ in range(int(24 * 3600 // EVERY_S)):
                    await passed(rig, EVERY_S)
        doubled = 1
        while FIRST_WAIT_S * 2**doubled < LONGEST_WAIT_S:
            doubled += 1
        assert len(rig.fake.requests) - asked <= 24 + doubled + 1
        assert [line["event"] for line in logs] == ["embedding_refused"]
        assert rig.observer.causes == ["embeddings small"]
        spent = await rig.cost()
        assert spent > paid
        assert await rig.meaning(number=901) == Meaning(), "a question pays nothing in a pause either"
        assert await rig.embeddings.of_search(place(0), "U1", "plan") is None
        assert await rig.cost() == spent
        rig.fake.embeddings = hashed
        async with in_background(rig):
            await passed(rig, LONGEST_WAIT_S)
            await passed(rig, PAUSE_S)
        assert await rig.left() == []
        assert rig.observer.recovered == ["embeddings small"]
        assert (await rig.meaning(number=902)).vector is not None


async def test_vectors_that_make_no_sense_are_not_paid_for_with_each_question() -> None:
    async with at_rig(parley_price_embedding_input=1) as rig:
        rig.fake.embeddings = lambda _: [float("nan")] * 64
        turn = await accepted(rig.store, question(1, "plan"))
        for _ in range(5):
            assert (await rig.embeddings.of_question(turn, "plan")).vector is None
        assert rig.fake.embedded == ["plan"]
        await passed(rig, FIRST_WAIT_S)
        rig.fake.embeddings = hashed
        assert (await rig.embeddings.of_question(turn, "plan")).vector is not None
