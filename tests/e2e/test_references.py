"""A reference that a person was shown, in the hands of the operator: `parley errors`, `parley retry`."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions, Status, Words
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S, until

OPENING, CLOSING = phrase("ref", "en", ref="|").split("|")
NO_MONEY = Status(402, json.dumps({"error": {"message": "the balance is 0", "code": "insufficient_quota"}}))


async def command(program: Program, *arguments: str, status: int = 0) -> str:
    """The output of a command beside `program`, on the same database."""
    beside = Program(program.folder, **program.settings)
    await beside.start(*arguments)
    assert await beside.end() == status, beside.output
    assert "Traceback" not in beside.output
    return beside.output


async def ended(folder: Path) -> None:
    """Wait until every answer is stored: it is shown before."""
    await until(partial(_all_ended, folder / "data" / "parley.db"))


def _all_ended(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as database:
        return not database.execute("SELECT id FROM turns WHERE state IN ('waiting', 'running')").fetchall()


async def shown_ref(folder: Path, slack: FakeSlack, ts: str) -> str:
    """The reference under the failed answer to a question."""
    answer = await answered(slack, "C1", ts, OPENING)
    await ended(folder)
    return answer.visible.rpartition(OPENING)[2].removesuffix(CLOSING)


async def test_a_reference_tells_the_operator_the_cause_and_its_question_is_asked_again_once(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.default = NO_MONEY
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings) as program:
        ts = await slack.say("U1", "C1", f"{AT} why?")
        ref = await shown_ref(tmp_path, slack, ts)
        told = await command(program, "errors", ref.lower())
        lines = {line[:10].strip(): line[11:] for line in told.splitlines()}
        assert lines["reference"] == ref
        assert "slack" in lines["place"]
        assert ts in lines["place"]
        assert "U1" in lines["asked by"]
        assert lines["cause"].startswith("no_money")
        assert "the balance is 0" in lines["cause"]
        assert "HTTP status 402" in lines["model"]
        assert "OPENAI_API_KEY" in lines["to do"]
        assert "why?" not in told, "the words of the question are no concern of the operator"
        listed = await command(program, "errors")
        assert ref in listed
        endpoint.default = Words("it works now")
        again = lines["again"].removeprefix("parley ").split()
        assert "the running parley begins it now" in await command(program, *again)
        await answered(slack, "C1", ts, "it works now", count=2)
        assert "asked again already" in await command(program, *again, status=2)
        assert "asked again as turn" in await command(program, "errors", ref)


async def test_a_question_is_asked_again_at_the_next_start_where_no_parley_runs(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.default = NO_MONEY
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings) as program:
        ts = await slack.say("U1", "C1", f"{AT} why?")
        ref = await shown_ref(tmp_path, slack, ts)
    assert "the next start of parley begins it" in await command(program, "retry", ref)
    endpoint.default = Words("better late")
    async with Program(tmp_path, **settings):
        await answered(slack, "C1", ts, "better late", count=2)


async def test_what_is_no_reference_and_what_has_not_failed_is_said_in_words(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.default = Words("fine")
    async with Program(tmp_path, **slack_settings(slack) | model_settings(endpoint)) as program:
        assert "nothing has failed" in await command(program, "errors")
        assert "is no reference" in await command(program, "errors", "hello\x1b[31m", status=2)
        assert "no failure has the reference K7M2QX" in await command(program, "errors", "k7m2qx", status=2)
        assert "there is no turn 99" in await command(program, "retry", "99", status=2)
        await answered(slack, "C1", await slack.say("U1", "C1", f"{AT} why?"), "fine")
        await ended(tmp_path)
        assert "has not failed (done)" in await command(program, "retry", "1", status=2)


async def test_a_command_that_the_platform_refuses_has_a_reference_that_is_found_too(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack) | model_settings(endpoint)) as program:
        slack.fail("chat.postMessage", None, error="fatal_error")
        await slack.slash("U1", "C1", "/ask", "why?")

        def whispered() -> str:
            told = [message.visible for message in slack.messages("C1") if message.ephemeral_to == "U1"]
            return next((text for text in told if OPENING in text), "")

        text = await slack.wait_for(whispered)
        ref = text.partition(OPENING)[2].partition(CLOSING)[0]
        told = await found(program, ref)
        assert "place      slack, team" in told
        assert "fatal_error" in told
        assert "is the reference of no question" in await command(program, "retry", ref, status=2)


async def found(program: Program, ref: str) -> str:
    """`parley errors` of a reference, once it is stored."""
    async with asyncio.timeout(HANG_S):
        while True:
            beside = Program(program.folder, **program.settings)
            await beside.start("errors", ref)
            if await beside.end() == 0:
                return beside.output
