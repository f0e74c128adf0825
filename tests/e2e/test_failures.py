"""Every way an endpoint fails, as a person in a thread sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import Code
from core.i18n import advise, phrase
from core.llm.catalog import environment_to_catalog
from core.settings.environment import CoreSettings
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import (
    QUIRKS,
    STATUSES,
    FakeCompletions,
    Raw,
    Refused,
    Reply,
    Status,
    Words,
    closed_port_url,
)
from tests.fakes.completions.replies import chunk, event
from tests.fakes.slack import FakeSlack

UPSTREAM = "UPSTREAM-TEXT sk-leaked-key"
BODY = json.dumps({"error": {"message": UPSTREAM, "type": "x"}})
CASES: dict[str, tuple[Reply, Code, str, int]] = {
    "400": (Status(400, BODY), Code.BAD_REQUEST, "bad_request", 1),
    "400 too long": (STATUSES["context_openai"].reply, Code.CONTEXT_OVERFLOW, "too_long", 1),
    "400 policy": (STATUSES["policy_openai"].reply, Code.POLICY, "policy", 1),
    "401": (Status(401, BODY), Code.BAD_KEY, "unreachable", 1),
    "402": (Status(402, BODY), Code.NO_MONEY, "unreachable", 1),
    "403": (Status(403, BODY), Code.FORBIDDEN, "unreachable", 1),
    "404": (Status(404, BODY), Code.WRONG_URL, "unreachable", 1),
    "404 model": (STATUSES["model_404_openai"].reply, Code.NO_MODEL, "no_model", 1),
    "413": (Status(413, BODY), Code.TOO_LARGE, "too_long", 1),
    "500": (Status(500, BODY), Code.SERVER_ERROR, "busy", 1),
    "502": (Status(502, f"<html>{UPSTREAM}</html>"), Code.SERVER_ERROR, "busy", 1),
    "504": (Status(504, BODY), Code.GATEWAY_TIMEOUT, "slow", 1),
    "empty": (QUIRKS["empty_success"].reply, Code.EMPTY, "empty", 1),
    "no first word": (Raw((event(chunk({"role": "assistant"})),), end="hang"), Code.STALLED, "slow", 1),
    "hung up": (Refused(), Code.CUT, "unfinished", 1),
    # The last, as it lowers the limit: people would queue.
    "429": (Status(429, BODY), Code.RATE_LIMITED, "busy", 2),
}
PEOPLE = {"U1": "en", "U2": "zh"}


@pytest.fixture
def quick() -> dict[str, str]:
    """Short waits where the endpoint keeps silent; what it says comes within them on a busy machine too."""
    return {"PARLEY_RETRY_LIMIT_S": "1.5", "PARLEY_FIRST_WORD_S": "5", "PARLEY_GAP_S": "1"}


async def test_each_failure_is_one_calm_sentence_with_a_reference_and_the_log_says_what_to_do(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, quick: dict[str, str]
) -> None:
    settings = model_settings(endpoint) | quick
    [route] = environment_to_catalog(
        CoreSettings(openai_base_url=endpoint.base_url, openai_api_key="sk-test")
    ).routes
    async with Program(tmp_path, **slack_settings(slack), **settings) as program:
        for name, (reply, code, words, at_least) in CASES.items():
            endpoint.default = reply
            before = len(endpoint.requests)
            threads = {person: await slack.say(person, "C1", f"{AT} {name}") for person in PEOPLE}
            for person, language in PEOPLE.items():
                opening, closing = phrase("ref", language, ref="|").split("|")
                answer = await answered(slack, "C1", threads[person], opening)
                said, _, ref = answer.visible.removesuffix(closing).rpartition(opening)
                assert said.strip() == phrase(words, language), name
                assert len(answers(slack, "C1", threads[person])) == 1
                logged = "\n".join(line for line in program.output.splitlines() if ref in line)
                assert str(code) in logged, (name, program.output)
                assert advise(code, "en", route.places) in logged, name
            assert len(endpoint.requests) - before >= at_least, name
    assert "sk-leaked-key" not in program.output


async def test_an_unreachable_endpoint_is_explained(
    tmp_path: Path, slack: FakeSlack, quick: dict[str, str]
) -> None:
    url = closed_port_url()
    settings = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": url} | quick
    async with Program(tmp_path, **slack_settings(slack), **settings) as program:
        ts = await slack.say("U1", "C1", f"{AT} anyone?")
        await answered(slack, "C1", ts, "I can't reach the AI service")
    host = url.removeprefix("http://").removesuffix("/v1")
    assert f"Check the connection to {host} (OPENAI_BASE_URL)" in program.output


async def test_what_was_written_stays_when_the_stream_breaks_with_a_notice_under_it(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, quick: dict[str, str]
) -> None:
    whole = Words("These words came through before the end.").on_wire({"stream": True})
    for end in ("cut", "reset", "hang"):
        endpoint.script(Raw(whole.steps[:5], end=end))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint) | quick):
        for _ in range(3):
            ts = await slack.say("U1", "C1", f"{AT} go on")
            answer = await answered(slack, "C1", ts, "The answer was interrupted here. (ref ")
            assert answer.visible.startswith("These words came")
    assert len(endpoint.requests) == 3


async def test_a_passing_failure_is_retried_and_nobody_notices(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Status(502, "bad gateway"), Words("Here I am."))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} hello")
        answer = await answered(slack, "C1", ts, "Here I am.")
    assert [visible for _, visible in answer.history][-1].strip() == "Here I am."


async def test_the_length_limit_is_told(tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions) -> None:
    endpoint.script(Words("A long story", finish="length"))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint), PARLEY_MAX_TOKENS="3"):
        ts = await slack.say("U1", "C1", f"{AT} a story")
        await answered(slack, "C1", ts, "length limit")
    assert endpoint.requests[0].body["max_tokens"] == 3
