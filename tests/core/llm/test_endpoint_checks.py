"""The checks of endpoints and models, against real requests to an endpoint that works, and to those that don't."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable

import pytest
import pytest_asyncio

from core.clock import SystemClock
from core.llm.catalog import ModelCatalog, environment_to_catalog, toml_to_catalog
from core.llm.endpoint_checks import MOST_TOKENS, MOST_TOKENS_OF_CALL, SLOW_S, EndpointChecks
from core.settings.environment import CoreSettings
from core.values.checks import CheckStatus, Finding
from tests.fakes.clock import FakeClock
from tests.fakes.completions import (
    FakeCompletions,
    PictureRules,
    Raw,
    Status,
    ToolRules,
    Words,
    call_tools,
    hashed,
)
from tests.waiting import until

FAILED, OK, WARNING = CheckStatus.FAILED, CheckStatus.OK, CheckStatus.WARNING

FILE = """
[endpoints.main]
base_url = "{url}"
accounts = [{{name = "first", key = "sk-test"}}]
models = {{"test-model" = {{{claims}}}}}
{more}
"""


class LateClock(SystemClock):
    """The machine's clock, with time that a test adds."""

    def __init__(self) -> None:
        self.added_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.added_s


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions(models=("test-model",)) as endpoint:
        yield endpoint
        assert endpoint.problems == []


def settings(**values: object) -> CoreSettings:
    return CoreSettings(_env_file=None, **values)  # type: ignore[arg-type]


def from_environment(fake: FakeCompletions, **values: object) -> ModelCatalog:
    given = {"openai_base_url": fake.base_url, "openai_api_key": "sk-test", "openai_model": "test-model"}
    return environment_to_catalog(settings(**(given | values)))


def from_file(fake: FakeCompletions, claims: str = "", more: str = "") -> ModelCatalog:
    text = FILE.format(url=fake.base_url, claims=claims, more=more)
    return toml_to_catalog(text, settings(), {}, "parley.toml")


async def findings(
    catalog: ModelCatalog,
    clock: SystemClock | FakeClock | None = None,
    offered: Iterable[str] = (),
    **values: object,
) -> list[Finding]:
    checks = EndpointChecks(catalog, settings(**values), clock or SystemClock(), {}, offered).all()
    found = [finding for run in await asyncio.gather(*(check.run() for check in checks)) for finding in run]
    assert [finding.check for finding in found] == [check.name for check in checks]
    assert all("sk-" not in f"{finding.detail} {finding.todo}" for finding in found)
    assert all(finding.todo for finding in found if finding.status is FAILED)
    return found


def host(fake: FakeCompletions) -> str:
    return fake.base_url.split("/")[2]


async def test_a_model_that_answers_is_well_and_says_how_long_its_first_word_took(
    fake: FakeCompletions,
) -> None:
    listed, model = await findings(from_environment(fake))
    assert (listed.check, listed.status) == (f"endpoint {host(fake)}", OK)
    assert (model.check, model.status) == (f"model test-model at {host(fake)}", OK)
    assert model.detail.startswith("answers; first word after ")


async def test_what_is_asked_is_as_small_as_it_can_be(fake: FakeCompletions) -> None:
    await findings(from_environment(fake))
    (asked,) = (request.body for request in fake.requests if request.method == "POST")
    assert asked["max_tokens"] == MOST_TOKENS
    assert len(str(asked["messages"])) < 100


async def test_without_a_key_the_three_settings_of_a_real_model_are_named_together(
    fake: FakeCompletions,
) -> None:
    (finding,) = await findings(from_environment(fake, openai_api_key=None))
    assert finding.status is WARNING
    assert "OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL together" in finding.todo
    assert fake.requests == []


async def test_a_refused_key_fails_both_and_names_the_setting(fake: FakeCompletions) -> None:
    listed, model = await findings(from_environment(fake, openai_api_key="sk-other"))
    assert (listed.status, model.status) == (FAILED, FAILED)
    assert "HTTP 401" in model.detail
    assert "OPENAI_API_KEY" in model.todo


async def test_a_model_that_is_not_served_fails_and_its_name_is_missing_in_the_list(
    fake: FakeCompletions,
) -> None:
    refusal = {"error": {"message": "The model `gpt-9` does not exist", "code": "model_not_found"}}
    fake.script(Status(404, refusal))
    listed, model = await findings(from_environment(fake, openai_model="gpt-9"))
    assert (listed.status, model.status) == (WARNING, FAILED)
    assert "has no gpt-9" in listed.detail
    assert "OPENAI_MODEL" in model.todo


async def test_a_model_that_people_may_choose_is_looked_up_and_asked_like_one_that_is_set(
    fake: FakeCompletions,
) -> None:
    refusal = {"error": {"message": "The model `test-modle` does not exist", "code": "model_not_found"}}
    fake.reply_by(lambda body: Status(404, refusal) if body["model"] == "test-modle" else Words("ready"))
    listed, model, offered = await findings(
        from_environment(fake), offered=["test-model", "test-modle", "test-modle"]
    )
    assert (listed.status, listed.detail) == (WARNING, "its list of models (1) has no test-modle")
    assert "compare PARLEY_MODELS with the list, which has test-model;" in listed.todo
    assert (model.check, model.status) == (f"model test-model at {host(fake)}", OK)
    assert (offered.check, offered.status) == (f"model test-modle at {host(fake)}", FAILED)
    assert "PARLEY_MODELS" in offered.todo


async def test_an_endpoint_without_a_list_is_a_warning_that_says_why() -> None:
    async with FakeCompletions(html_404=True) as fake:
        catalog = from_environment(fake, openai_base_url=fake.base_url.replace("/v1", ""))
        listed, model = await findings(catalog)
    assert (listed.status, model.status) == (WARNING, FAILED)
    assert "has no list of models (HTTP 404" in listed.detail
    assert "OPENAI_BASE_URL" in model.todo


async def test_a_host_that_nobody_answers_at_fails_with_the_connection_to_check(fake: FakeCompletions) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    found = await findings(from_environment(fake, openai_base_url=f"http://127.0.0.1:{port}/v1"))
    assert {finding.status for finding in found} == {FAILED}
    assert all(f"127.0.0.1:{port}" in finding.todo for finding in found)
    assert {finding.detail for finding in found} == {"the connection is refused"}
    assert {finding.unreached for finding in found} == {(f"127.0.0.1:{port}",)}


async def test_a_connection_that_is_cut_is_told_in_no_words_of_a_library(fake: FakeCompletions) -> None:
    fake.reply_by(lambda body: Raw((b"data: half",), end="reset"))
    found = (await findings(from_environment(fake)))[1]
    assert (found.status, found.detail) == (FAILED, "the connection was cut")


async def test_a_host_that_is_not_there_is_told_in_one_way_of_every_kind_of_model(
    fake: FakeCompletions,
) -> None:
    more = 'embed = "vectors"\ntranscribe = "whisper"'
    catalog = from_file(fake, "images = true, tools = true", more)
    await fake.stop()
    found = await findings(catalog)
    assert len(found) == 6
    assert {finding.detail for finding in found} == {"the connection is refused"}


async def test_a_slow_model_is_a_warning(fake: FakeCompletions) -> None:
    clock = LateClock()

    def late(body: object) -> Words:
        clock.added_s += SLOW_S + 1
        return Words("ready")

    fake.reply_by(late)
    _, model = await findings(from_environment(fake), clock)
    assert model.status is WARNING
    assert "which is slow" in model.detail


@pytest.mark.parametrize("first_word_s", [20, 120])
async def test_a_model_that_says_nothing_fails_after_the_time_that_is_set(
    fake: FakeCompletions, first_word_s: int
) -> None:
    clock = FakeClock()
    fake.script(Raw((), end="hang"))
    asked = asyncio.create_task(findings(from_environment(fake), clock, parley_first_word_s=first_word_s))
    await until(lambda: len(fake.requests) == len(fake.lists) == 1)
    while not asked.done():
        await clock.advance(1.0)
        await asyncio.sleep(0)
    model = asked.result()[1]
    assert model.status is FAILED
    assert model.detail == f"no first word in {first_word_s} s"


async def test_a_model_that_only_reasons_within_its_few_tokens_answers(fake: FakeCompletions) -> None:
    fake.script(Words("", finish="length", reasoning="Let me think"))
    _, model = await findings(from_environment(fake))
    assert (model.status, model.detail[:7]) == (OK, "answers")


async def test_pictures_and_tools_are_tried_where_they_are_claimed_and_only_there(
    fake: FakeCompletions,
) -> None:
    assert len(await findings(from_file(fake))) == 2
    fake.reply_by(call_tools([("ready", {})]))
    found = await findings(from_file(fake, "images = true, tools = true"))
    assert [finding.check.split()[0] for finding in found] == ["endpoint", "model", "pictures", "tools"]
    assert {finding.status for finding in found} == {OK}
    calls = [request.body for request in fake.requests if request.body and "tools" in request.body]
    assert [body["max_tokens"] for body in calls] == [MOST_TOKENS_OF_CALL]


async def test_a_model_that_does_not_see_fails_where_pictures_are_claimed() -> None:
    async with FakeCompletions(pictures=PictureRules(sees=False)) as fake:
        found = await findings(from_file(fake, "images = true"))
    assert found[-1].status is FAILED
    assert "parley.toml: endpoints.main.models.test-model" in found[-1].todo


@pytest.mark.parametrize("vendor", ["openrouter", "ollama", "vllm"])
async def test_a_model_that_refuses_tools_fails_where_they_are_claimed(vendor: str) -> None:
    async with FakeCompletions(tools=ToolRules(takes=False, vendor=vendor)) as fake:
        found = await findings(from_file(fake, "tools = true"))
    assert (found[-1].status, found[-1].detail) == (FAILED, "refuses tools, though they are set")
    assert "tools = false" in found[-1].todo


async def test_a_model_that_takes_tools_and_calls_none_is_a_warning(fake: FakeCompletions) -> None:
    found = await findings(from_file(fake, "tools = true"))
    assert found[-1].status is WARNING


async def test_embeddings_and_sounds_are_tried_where_a_model_for_them_is_set(fake: FakeCompletions) -> None:
    more = 'embed = "vectors"\ntranscribe = "whisper"'
    found = await findings(from_file(fake, more=more))
    assert [finding.status for finding in found] == [OK, OK, FAILED, FAILED]
    fake.embeddings, fake.transcription = hashed, Status(200, {"text": ""})
    vectors, sounds = (await findings(from_file(fake, more=more)))[2:]
    assert (vectors.status, vectors.detail) == (OK, "makes vectors of 64 numbers")
    assert sounds.status is OK


async def test_each_account_of_an_endpoint_is_tried() -> None:
    async with FakeCompletions(keys=("sk-test",)) as fake:
        text = FILE.format(url=fake.base_url, claims="", more="").replace(
            '"sk-test"}', '"sk-test"}, {name = "second", key = "sk-spent"}'
        )
        found = await findings(toml_to_catalog(text, settings(), {}, "parley.toml"))
    assert [finding.status for finding in found] == [OK, FAILED, OK, FAILED]
    assert "account main/second" in found[-1].todo
