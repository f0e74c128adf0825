"""`parley doctor` as an operator runs it: beside a running Parley, and on an installation with faults."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program, free_port
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack

MODEL = {"OPENAI_MODEL": "test-model"}


async def test_it_checks_all_beside_a_running_parley_which_goes_on(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint) | MODEL
    async with Program(tmp_path, **settings) as parley:
        sockets, starts = list(slack.sockets.open), discord.gateway.starts_left
        doctor = Program(tmp_path, **parley.settings)
        await doctor.start("doctor")
        assert await doctor.end() == 0, doctor.output
        doctor.check_output()
        lines = doctor.output.splitlines()
        checks = [line.split(":")[0].split(None, 1) for line in lines if line[0] != " "]
        assert [name for status, name in checks if status == "warning"] == ["slack events"]
        named = [name.split()[0] for _, name in checks[:-1]]
        assert list(dict.fromkeys(named)) == [
            *(
                "folder",
                "settings",
                "host",
                "clock",
                "slack",
                "discord",
                "endpoint",
                "model",
                "database",
                "disk",
                "http",
            ),
        ]
        assert f"ok       http port: a Parley answers at 127.0.0.1:{parley.port}" in lines
        assert lines[-1].endswith(" ok, 1 warning, 0 failed")
        assert (slack.sockets.open, discord.gateway.starts_left) == (sockets, starts)
        ts = await slack.say("U1", "C1", f"{AT} still there?")
        await answered(slack, "C1", ts, "still there?")


async def test_json_has_every_fault_with_what_to_do_and_no_secret(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    slack.revoke("token_revoked")
    discord.world.message_content_allowed = False
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint) | MODEL
    doctor = Program(tmp_path, **(settings | {"OPENAI_API_KEY": "sk-another-key"}))
    await doctor.start("doctor", "--json")
    assert await doctor.end() == 1
    doctor.check_output()
    assert "sk-another-key" not in doctor.output
    rows = json.loads(doctor.output)
    assert all(set(row) == {"check", "status", "detail", "todo"} for row in rows)
    wrong = {row["check"].partition(" at ")[0]: row["todo"] for row in rows if row["status"] == "failed"}
    assert {"slack token", "slack socket mode", "discord intents", "model test-model"} <= set(wrong)
    assert all(wrong.values())


async def test_wrong_settings_are_all_that_is_told(tmp_path: Path) -> None:
    doctor = Program(tmp_path, PARLEY_RATE="often", SLACK_TOKEN="xoxb-test")
    await doctor.start("doctor")
    assert await doctor.end() == 1
    folder, wrong = [line for line in doctor.output.splitlines() if line[0] != " "][:2]
    assert folder.startswith(f"ok       folder: in {tmp_path}: read ")
    assert folder.endswith("; no .env and no parley.toml there")
    assert wrong.startswith("failed   settings: PARLEY_RATE: ")
    near = "warning  settings: SLACK_TOKEN: is not read; did you mean SLACK_BOT_TOKEN?\n"
    assert doctor.output.endswith(f"{near}1 ok, 1 warning, 1 failed\n")


async def test_a_fault_of_the_network_is_said_once_and_in_words(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | MODEL
    url = f"postgresql://u:hidden-word@127.0.0.1:{free_port()}/x"
    await slack.stop()
    doctor = Program(tmp_path, **settings | {"DATABASE_URL": url})
    await doctor.start("doctor")
    assert await doctor.end() == 1
    doctor.check_output()
    slack_at = slack.api_url.split("/")[2]
    lines = doctor.output.splitlines()
    assert f"failed   host {slack_at}: the connection is refused (for Slack)" in lines
    assert f"failed   slack token: could not be checked: see host {slack_at}" in lines
    assert f"failed   slack socket mode: could not be checked: see host {slack_at}" in lines
    assert any(line.endswith("/x: can't be reached: the connection is refused") for line in lines)
    assert not re.search(r"\w+(Error|Exception)\b|Errno|hidden-word|connection lost", doctor.output)
