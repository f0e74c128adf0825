"""Lines of the log: each one that belongs to a question names its turn and its thread, by the same keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions, Status, Words
from tests.fakes.slack import FakeSlack
from tests.waiting import until

Line = dict[str, Any]

OF_NO_QUESTION = {"platform_connected"}


def lines(program: Program) -> list[Line]:
    """The lines of the log; others are those that the start writes for people."""
    return [json.loads(line) for line in program.output.splitlines() if line.startswith("{")]


async def test_every_line_of_a_question_names_its_turn_and_its_thread(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    """Two threads at the same time, of which one has a second question; calls of the endpoint and of Slack fail."""
    endpoint.script(Status(500), Words("One."), Words("Two."), Words("Three."))
    slack.fail("chat.startStream", times=2, error="unknown_method")
    slack.fail("chat.update", times=2, status=503, error="service_unavailable")
    slack.fail("users.info", times=1, error="internal_error")
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings, PARLEY_LOG="json") as program:
        first = await slack.say("U1", "C1", f"{AT} one?")
        await answered(slack, "C1", first, "One.")
        second = await slack.say("U1", "C2", f"{AT} two?")
        await slack.say("U2", "C1", "three?", thread_ts=first)
        await answered(slack, "C1", first, ".", count=2)
        await answered(slack, "C2", second, ".")
        await until(lambda: program.output.count("answer_finished") == 3)
    found = [line for line in lines(program) if line["event"] not in OF_NO_QUESTION]
    threads = {f"slack/T1/C1/{first}", f"slack/T1/C2/{second}"}
    assert {line.get("place") for line in found} == threads, found
    begun = {line["turn"]: line["place"] for line in found if line["event"] == "question_accepted"}
    assert sorted(begun.values()) == sorted([*threads, f"slack/T1/C1/{first}"])
    told = [line for line in found if line["event"] not in ("fact_not_known",)]
    assert {(line.get("turn"), line["place"]) for line in told} == set(begun.items()), told
    events = {line["event"] for line in told}
    assert {"question_accepted", "model_retried", "platform_call_failed", "answer_finished"} <= events
    assert all(line["platform"] == "slack" for line in told)
