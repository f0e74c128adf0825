"""Every way an endpoint fails, as a person in a thread sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import Code
from core.model.faults import ADVICE
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Raw, Refused, Reply, Status, Words, closed_port_url
from tests.fakes.slack import FakeSlack

UPSTREAM = "UPSTREAM-TEXT sk-leaked-key"
BODY = json.dumps({"error": {"message": UPSTREAM, "type": "x"}})
CASES: dict[str, tuple[Reply, Code, int]] = {
    "400": (Status(400, BODY), Code.BAD_REQUEST, 1),
    "401": (Status(401, BODY), Code.BAD_KEY, 1),
    "402": (Status(402, BODY), Code.NO_MONEY, 1),
    "404": (Status(404, BODY), Code.WRONG_URL, 1),
    "429": (Status(429, BODY), Code.RATE_LIMITED, 2),
    "500": (Status(500, BODY), Code.SERVER_ERROR, 2),
    "502": (Status(502, f"<html>{UPSTREAM}</html>"), Code.SERVER_ERROR, 2),
    "no first word": (Words("late", first_after_s=9), Code.STALLED, 1),
    "hung up": (Refused(), Code.CUT, 2),
}


@pytest.fixture
def quick() -> dict[str, str]:
    return {"PARLEY_RETRY_LIMIT_S": "1.5", "PARLEY_FIRST_WORD_S": "0.5", "PARLEY_GAP_S": "0.5"}


async def test_each_failure_is_one_calm_sentence_with_a_reference_and_the_log_says_what_to_do(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, quick: dict[str, str]
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint) | quick) as program:
        for name, (reply, code, at_least) in CASES.items():
            endpoint.default = reply
            before = len(endpoint.requests)
            ts = await slack.say("U1", "C1", f"{AT} {name}")
            answer = await answered(slack, "C1", ts, "(ref ")
            assert len(endpoint.requests) - before >= at_least, name
            assert "UPSTREAM" not in answer.visible
            assert len(answers(slack, "C1", ts)) == 1
            ref = answer.visible.split("(ref ")[1][:6]
            logged = "\n".join(line for line in program.output.splitlines() if ref in line)
            assert str(code) in logged, (name, program.output)
            assert ADVICE[code] in program.output, name
    assert "sk-leaked-key" not in program.output


async def test_an_unreachable_endpoint_is_explained(
    tmp_path: Path, slack: FakeSlack, quick: dict[str, str]
) -> None:
    settings = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": closed_port_url()} | quick
    async with Program(tmp_path, **slack_settings(slack), **settings) as program:
        ts = await slack.say("U1", "C1", f"{AT} anyone?")
        await answered(slack, "C1", ts, "I can't reach the AI service")
    assert ADVICE[Code.UNREACHABLE] in program.output


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
