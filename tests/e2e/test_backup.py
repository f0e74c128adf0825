"""Backup, restoration and export of a database that a running Parley writes to."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_references import command, ended
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.slack import FakeSlack


async def test_an_evening_is_backed_up_lost_and_restored(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.default = Words("noted")
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings) as program:
        ts = await slack.say("U1", "C1", f"{AT} remember the number 71930")
        await answered(slack, "C1", ts, "noted")
        await ended(tmp_path)
        told = await command(program, "backup", "evening.db")
        assert "1 turns, 2 messages" in told
        assert "exists" in await command(program, "backup", "evening.db", status=2)
        assert "is running" in await command(program, "restore", "evening.db", status=2)
        late = await slack.say("U1", "C1", f"{AT} asked after the backup")
        await answered(slack, "C1", late, "noted")
        await ended(tmp_path)
    await command(program, "restore", "evening.db")
    async with Program(tmp_path, **settings):
        again = await slack.say("U1", "C1", f"{AT} still there?")
        await answered(slack, "C1", again, "noted")
        assert len(answers(slack, "C1", late)) == 1, "what was answered after the backup is not answered again"
    (tmp_path / "data" / "parley.db").unlink()
    assert "say --force" in await command(program, "restore", "evening.db", status=2)
    told = await command(program, "restore", "evening.db", "--force")
    assert "1 turns, 2 messages" in told
    async with Program(tmp_path, **settings):
        await slack.say("U1", "C1", "and which number was it?", ts)
        await answered(slack, "C1", ts, "noted", count=2)
        asked = [str(request.body) for request in endpoint.requests if "which number" in str(request.body)]
        assert "71930" in asked[0], "the thread is known again"


async def test_all_that_is_stored_is_exported_beside_the_running_program(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.default = Words("noted")
    async with Program(tmp_path, **slack_settings(slack) | model_settings(endpoint)) as program:
        ts = await slack.say("U1", "C1", f"{AT} remember the number 71930")
        await answered(slack, "C1", ts, "noted")
        await ended(tmp_path)
        printed = [json.loads(line) for line in (await command(program, "export")).splitlines()]
        assert [one["text"] for one in printed if one["type"] == "message"] == [
            "remember the number 71930",
            "noted",
        ]
        assert printed[-1]["type"] == "end"
        file = tmp_path / "all.jsonl"
        told = await command(program, "export", str(file))
        assert f"export   {file}" in told
        assert file.stat().st_mode & 0o777 == 0o600
        written = [json.loads(line) for line in file.read_text().splitlines()]
        assert [one["type"] for one in written] == [one["type"] for one in printed]
        assert f"{len(written)} lines" in told
        assert "exists" in await command(program, "export", str(file), status=2)
        assert [name for name in os.listdir(tmp_path) if ".part-" in name] == []
