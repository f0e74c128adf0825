"""Connections that send half a request keep nobody from an answer."""

from __future__ import annotations

import resource
from pathlib import Path

from tests.bots.test_http import half
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answers
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.slack import FakeSlack
from tests.waiting import until

HANDLES = 256


async def test_a_question_is_answered_while_three_hundred_connections_send_half_a_request(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.default = Words("Here.")
    program = Program.fresh(tmp_path, **slack_settings(slack) | model_settings(endpoint))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (HANDLES, hard))
    try:
        await program.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await program.ready()
    halves = [await half(program.url) for _ in range(300)]
    try:
        ts = await slack.say("U1", "C1", f"{AT} hello?")
        await until(lambda: any("Here." in message.visible for message in answers(slack, "C1", ts)))
        assert await program.page("/livez") == "ok\n"
    finally:
        for _, writer in halves:
            writer.transport.abort()
    assert await program.stop() == 0
    program.check_output()
