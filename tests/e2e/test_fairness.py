"""One person's many questions and another's one, at an account that gives few answers at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Raw, Words
from tests.fakes.completions.replies import chunk, event
from tests.fakes.slack import FakeSlack
from tests.waiting import until

ENDLESS = Raw((event(chunk({"content": "One"})),), end="hang")
ROSTER = """
models = ["m"]
[endpoints.one]
base_url = "{url}"
accounts = [{{ name = "a", key = "sk-test", concurrency = 8 }}]
[endpoints.one.models.m]
"""


async def test_one_persons_many_questions_do_not_keep_another_waiting(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    (tmp_path / "parley.toml").write_text(ROSTER.format(url=endpoint.base_url))
    endpoint.default = lambda body: Words("Here.") if "BOB" in str(body) else ENDLESS
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_RETRY_LIMIT_S": "60"}
    waiting = phrase("queued", "en")
    async with Program(tmp_path, **settings, PARLEY_PATIENCE_S="0.3", PARLEY_GRACE_S="0"):
        asked = [await slack.say("U1", "C1", f"{AT} question {number}") for number in range(10)]
        await until(lambda: len(endpoint.requests) == 6)
        await until(lambda: sum(waiting in m.visible for ts in asked for m in answers(slack, "C1", ts)) > 0)
        bob = await slack.say("U2", "C1", f"{AT} BOB asks")
        await until(lambda: any("Here." in message.visible for message in answers(slack, "C1", bob)))
        assert len(endpoint.requests) == 7, "six of the ten are under way"


async def test_many_long_questions_of_one_person_are_all_answered(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    catalog = ROSTER.format(url=endpoint.base_url).replace("concurrency = 8", "concurrency = 2")
    (tmp_path / "parley.toml").write_text(catalog)
    endpoint.default = Words("one two three four", per_s=20)
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_RETRY_LIMIT_S": "0.1"}
    async with Program(tmp_path, **settings):
        places = [("C1", "C2", "C3")[number % 3] for number in range(9)]
        asked = [(place, await slack.say("U1", place, f"{AT} question")) for place in places]
        for place, ts in asked:
            await answered(slack, place, ts, "four")
    assert len(endpoint.requests) == len(places)


async def test_a_burst_of_edits_is_answered_by_its_last_text(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.default = lambda body: Words("Here.") if "version 12" in str(body) else ENDLESS
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings, PARLEY_RATE="2"):
        ts = await slack.say("U1", "C1", f"{AT} version 0")
        await until(lambda: len(endpoint.requests) == 1)
        for number in range(1, 13):
            await slack.edit("U1", "C1", ts, f"{AT} version {number}")
            await asyncio.sleep(0.1)
        await until(lambda: any("Here." in message.visible for message in answers(slack, "C1", ts)))
    assert len(endpoint.requests) == 2
