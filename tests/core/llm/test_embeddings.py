"""The vectors of texts, from endpoints that make them and from those that don't."""

from __future__ import annotations

import asyncio
import base64
import math
import struct
from array import array
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from core.errors import BotError, Code, ModelError
from core.llm import create_embedder
from core.llm.catalog import ModelCatalog, environment_to_catalog, toml_to_catalog
from core.llm.embeddings import (
    FIRST_BREAK_S,
    LEARNT_S,
    LIMIT_S,
    MOST_CHARACTERS,
    MOST_DIMENSION,
    EndpointEmbedder,
)
from core.llm.tokens import estimate
from core.settings.environment import CoreSettings
from core.settings.urls import embeddings_url
from core.values.deltas import Usage
from tests.fakes.clock import FakeClock
from tests.fakes.completions import FakeCompletions, Raw, Refused, Reply, Status, hashed
from tests.waiting import HANG_S, until


class Observer:
    """Remembers the alerts to operators."""

    def __init__(self) -> None:
        self.causes: list[str] = []
        self.recovered: list[str] = []

    def count(self, name: str, **labels: str) -> None: ...

    def report_failure(self, what: str, error: BotError, places: Mapping[str, str]) -> None:
        self.causes.append(what)

    def report_recovery(self, *whats: str) -> None:
        self.recovered += [what for what in whats if what in self.causes]

    def is_reported(self, what: str, code: Code) -> bool:
        return False


class Rig:
    def __init__(self, embedder: EndpointEmbedder, clock: FakeClock, observer: Observer) -> None:
        self.embedder, self.clock, self.observer = embedder, clock, observer

    async def embed(self, *texts: str) -> list[list[float]]:
        self.embedded = await self.embedder.embed(texts)
        return [list(array("f", vector.values)) for vector in self.embedded.vectors]

    async def fail(self, *texts: str) -> ModelError:
        with pytest.raises(ModelError) as caught:
            await self.embed(*(texts or ("so",)))
        assert "sk-" not in str(caught.value)
        return caught.value


def settings(**values: object) -> CoreSettings:
    return CoreSettings(_env_file=None, **values)  # type: ignore[arg-type]


def alone(fake: FakeCompletions) -> ModelCatalog:
    return environment_to_catalog(
        settings(openai_base_url=fake.base_url, openai_api_key="sk-test", parley_embedding_model="small")
    )


@asynccontextmanager
async def at_rig(catalog: ModelCatalog, clock: FakeClock | None = None) -> AsyncIterator[Rig]:
    clock, observer = clock or FakeClock(), Observer()
    embedder = create_embedder(catalog, clock, observer)
    assert embedder is not None
    try:
        yield Rig(embedder, clock, observer)
    finally:
        await embedder.close()


def answer(*items: Any, **more: Any) -> Status:
    return Status(200, {"object": "list", "data": list(items), **more})


def item(embedding: Any, index: Any = None) -> dict[str, Any]:
    return {"embedding": embedding} | ({} if index is None else {"index": index})


async def test_each_text_gets_a_vector_of_length_one_in_the_order_of_the_texts() -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = hashed
        one, two, three = await rig.embed("reset the password", "deploy the site", "recover a passphrase")
        assert [math.hypot(*vector) for vector in (one, two, three)] == pytest.approx([1, 1, 1])
        assert sum(a * b for a, b in zip(one, three, strict=True)) == pytest.approx(1)
        assert sum(a * b for a, b in zip(one, two, strict=True)) < 0.5
        assert {vector.model for vector in rig.embedded.vectors} == {"small"}
        assert rig.embedded.usage == Usage(9)
        [request] = fake.requests
        assert request.body == {
            "model": "small",
            "input": ["reset the password", "deploy the site", "recover a passphrase"],
        }
        assert request.headers["authorization"] == "accepted"


async def test_the_beginning_of_a_long_text_is_sent() -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = hashed
        await rig.embed("ab " * MOST_CHARACTERS)
        assert fake.embedded == [("ab " * MOST_CHARACTERS)[:MOST_CHARACTERS]]


async def test_the_index_decides_which_vector_is_whose() -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = answer(item([0, 1], 1), item([1, 0], 0))
        assert await rig.embed("a", "b") == [[1, 0], [0, 1]]
        fake.embeddings = answer(item([0, 2]), item([2, 0]))
        assert await rig.embed("a", "b") == [[0, 1], [1, 0]], "none has an index"


async def test_a_vector_in_base64_is_read_too() -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = answer(item(base64.b64encode(struct.pack("<2f", 3, 4)).decode(), 0))
        assert await rig.embed("a") == [[pytest.approx(0.6), pytest.approx(0.8)]]
        assert rig.embedded.vectors[0].dimension == 2


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 3, "total_tokens": 3}, Usage(3)),
        ({"total_tokens": 3}, Usage(3)),
        ({"prompt_tokens": 3, "cost": 0.00002}, Usage(3, cost_micros=20)),
        ({}, Usage(estimate("so it is"), estimated=True)),
        (None, Usage(estimate("so it is"), estimated=True)),
        ({"prompt_tokens": -3}, Usage(estimate("so it is"), estimated=True)),
    ],
)
async def test_the_usage_is_read_where_it_is_reported_else_it_is_estimated(usage: Any, read: Usage) -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = answer(item([1.0], 0), usage=usage)
        await rig.embed("so it is")
        assert rig.embedded.usage == read


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answer(item([1, 0], 0)), "1 embeddings for 2 texts"),
        (answer(item([1], 0), item([1], 1), item([1], 2)), "3 embeddings for 2 texts"),
        (answer(item([1, 0], 0), item([1], 1)), "different dimensions"),
        (answer(item([1], 0), item([1], 0)), "without an order"),
        (answer(item([1], 0), item([1])), "without an order"),
        (answer(item([1], True), item([1], 0)), "without an order"),
        (answer(item([1], 0), item([1], 2)), "without an order"),
        (answer([1], [1]), "is no object"),
        (answer(item([0, 0], 0), item([1, 0], 1)), "of zeros"),
        (answer(item([], 0), item([], 1)), "of 0 numbers"),
        (answer(item([0.5] * (MOST_DIMENSION + 1), 0), item([1], 1)), f"of {MOST_DIMENSION + 1} numbers"),
        (answer(item(["1"], 0), item([1], 1)), "no list of numbers"),
        (answer(item([True], 0), item([1], 1)), "no list of numbers"),
        (answer(item(None, 0), item([1], 1)), "no list of numbers"),
        (answer(item([math.nan], 0), item([1], 1)), "number that is none"),
        (answer(item([math.inf], 0), item([1], 1)), "number that is none"),
        (answer(item([10**400], 0), item([1], 1)), "number that is none"),
        (answer(item("no base64!", 0), item([1], 1)), "no base64"),
        (answer(item("AAA=", 0), item([1], 1)), "no base64"),
        (Status(200, "words"), "no JSON"),
        (Status(200, {"vectors": []}), "no embeddings in the answer"),
        (Status(200, "[1]"), "no embeddings in the answer"),
    ],
)
async def test_an_answer_without_a_usable_vector_for_each_text_is_refused(reply: Status, words: str) -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = reply
        with structlog.testing.capture_logs() as logs:
            error = await rig.fail("a", "b")
        assert error.code is Code.GARBLED
        [line] = logs
        assert line["event"] == "embedding_failed"
        assert words in str(error)


@pytest.mark.parametrize(
    "reply",
    [
        Status(400, {"error": {"message": "input too long"}}),
        Status(429, {"error": {"message": "slow down"}}),
        Status(502, "bad gateway"),
        Status(200, {"error": {"message": "overloaded"}}),
        Raw((b"x" * 65_536,) * 80),
        Raw((b'{"data": [',), framing="length", end="cut"),
        Refused(),
        Status(302, "", (("Location", "https://example.com/login"),)),
    ],
)
async def test_every_failure_is_a_model_error_with_a_line_in_the_log(reply: Reply) -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = reply
        with structlog.testing.capture_logs() as logs:
            await rig.fail()
    assert [line["event"] for line in logs] == ["embedding_failed"]


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_an_endpoint_without_embeddings_is_not_asked_for_a_day(status: int) -> None:
    clock = FakeClock()
    async with FakeCompletions() as fake, at_rig(alone(fake), clock) as rig:
        fake.embeddings = Status(status, "404 page not found")
        await rig.fail()
        fake.embeddings = hashed
        await clock.advance(LEARNT_S - 1)
        await rig.fail()
        assert len(fake.requests) == 1
        await clock.advance(1)
        assert len(await rig.embed("so")) == 1
        assert rig.observer.causes == [], "that is no fault"


async def test_an_endpoint_that_fails_is_left_alone_for_longer_each_time() -> None:
    clock = FakeClock()
    async with FakeCompletions() as fake, at_rig(alone(fake), clock) as rig:
        fake.embeddings = Status(500, "so")
        for number, wait_s in enumerate((FIRST_BREAK_S, 2 * FIRST_BREAK_S, 4 * FIRST_BREAK_S), 1):
            await rig.fail()
            assert len(fake.requests) == number
            await clock.advance(wait_s - 1)
            await rig.fail()
            assert len(fake.requests) == number, "it is not asked meanwhile"
            await clock.advance(1)
        fake.embeddings = hashed
        assert len(await rig.embed("so")) == 1
        fake.embeddings = Status(500, "so")
        await rig.fail()
        await clock.advance(FIRST_BREAK_S)
        fake.embeddings = hashed
        assert len(await rig.embed("so")) == 1, "a success ends it"


async def test_a_text_that_is_refused_does_not_keep_others_from_being_asked_for() -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = Status(400, {"error": {"message": "input is too strange"}})
        await rig.fail()
        fake.embeddings = hashed
        assert len(await rig.embed("so")) == 1


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Status(401, {"error": {"code": "invalid_api_key"}}), "account OPENAI_API_KEY"),
        (Status(402, {"error": {"message": "Insufficient Balance"}}), "account OPENAI_API_KEY"),
        (Status(404, {"error": {"code": "model_not_found"}}), "model small@"),
    ],
)
async def test_what_an_operator_has_to_mend_is_reported(reply: Status, cause: str) -> None:
    async with FakeCompletions() as fake, at_rig(alone(fake)) as rig:
        fake.embeddings = reply
        await rig.fail()
        [what] = rig.observer.causes
        assert what.startswith(cause)


async def test_a_silent_endpoint_is_given_up_after_a_while() -> None:
    clock = FakeClock()
    async with FakeCompletions() as fake, at_rig(alone(fake), clock) as rig:
        fake.embeddings = Raw((b'{"data": [',), end="hang")
        asking = asyncio.create_task(rig.fail())
        await until(lambda: bool(fake.requests))
        await asyncio.wait_for(clock.advance(LIMIT_S), HANG_S)
        assert (await asyncio.wait_for(asking, HANG_S)).code is Code.STALLED


ROSTER = """
[endpoints.one]
base_url = "{one}"
accounts = [{{ name = "a", key = "sk-a" }}, {{ name = "b", key = "sk-b" }}]
models = {{ large = {{}} }}
"""


async def test_the_next_account_is_asked_where_one_fails() -> None:
    async with FakeCompletions(keys=("sk-b",)) as one:
        toml = ROSTER.format(one=one.base_url)
        catalog = toml_to_catalog(toml, settings(parley_embedding_model="small"), {}, "parley.toml")
        async with at_rig(catalog) as rig:
            one.embeddings = hashed
            assert len(await rig.embed("so")) == 1
            assert len(await rig.embed("so")) == 1
            assert [received.account for received in one.requests] == [None, 0, 0]
            assert len(rig.observer.causes) == 1


def test_without_a_model_nothing_is_embedded() -> None:
    plain = environment_to_catalog(settings(openai_api_key="sk-test"))
    keyless = environment_to_catalog(settings(openai_api_key=None, parley_embedding_model="small"))
    assert create_embedder(plain, FakeClock(), Observer()) is None
    assert create_embedder(keyless, FakeClock(), Observer()) is None


def test_the_query_of_a_base_url_stays_last() -> None:
    assert embeddings_url("https://a/v1?api-version=1") == "https://a/v1/embeddings?api-version=1"
