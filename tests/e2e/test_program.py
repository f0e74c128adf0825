"""The program itself: settings, start, stop, restart, the summary."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from pathlib import Path

import aiohttp
import pytest

from core.i18n import phrase
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack

RESUMED = phrase("resumed", "en")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-test"}, "SLACK_APP_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-test"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_BOT_TOKEN": "wrong", "SLACK_APP_TOKEN": "xapp-test"}, "SLACK_BOT_TOKEN"),
        ({"OPENAI_BASE_URL": "zrapi.org"}, "OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "https://me:hunter2@zrapi.org/v1"}, "OPENAI_BASE_URL"),
        ({"DATABASE_URL": "mysql://root:hunter2@host/db"}, "DATABASE_URL"),
        ({"PARLEY_TEMPERATURE": "hot"}, "PARLEY_TEMPERATURE"),
        ({"PARLEY_HTTP_PORT": "eighty"}, "PARLEY_HTTP_PORT"),
        ({"PARLEY_SUMMARY_AT": "noonish"}, "PARLEY_SUMMARY_AT"),
        ({"PARLEY_SUMMARY_AT": "09:00 Mars/Base"}, "PARLEY_SUMMARY_AT"),
        ({"PARLEY_SUMMARY_CHANNELS": "slack:C1"}, "PARLEY_SUMMARY_CHANNELS"),
        ({"PARLEY_SUMMARY_CHANNELS": "general"}, "PARLEY_SUMMARY_CHANNELS"),
        ({"OPENAI_API_KEY": "none", "all_proxy": "socks://127.0.0.1:7891/"}, "all_proxy"),
        ({"OPENAI_API_KEY": "none", "HTTPS_PROXY": "http://me:hunter2@127.0.0.1:notaport"}, "HTTPS_PROXY"),
        ({"OPENAI_API_KEY": "none", "SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE"),
        ({"SSLKEYLOGFILE": "/nowhere/keys.log"}, "SSLKEYLOGFILE"),
        ({"SSLKEYLOGFILE": "/"}, "SSLKEYLOGFILE"),
        ({"OPENAI_BASE_URL": "https://host/v1#top"}, "OPENAI_BASE_URL"),
        ({"PARLEY_LANGAUGE": "zh"}, "PARLEY_LANGAUGE: is no setting of Parley; did you mean PARLEY_LANGUAGE?"),
        ({"PARLEY_WEB": "off"}, "PARLEY_WEB: is off, and so is every other platform: set PARLEY_WEB=on"),
        (
            {"OPENAI_API_KEY_FILE": "/nowhere/key"},
            "OPENAI_API_KEY_FILE: /nowhere/key can't be read: no such file",
        ),
    ],
)
async def test_wrong_settings_end_with_one_line_that_names_the_variable(
    tmp_path: Path, settings: dict[str, str], line: str
) -> None:
    make = Program.fresh if any(name.startswith("SSL") for name in settings) else Program
    program = make(tmp_path, **settings)
    await program.start()
    assert await program.end() == 2
    assert program.output.count("\n") == 1, program.output
    assert line in program.output
    assert "hunter2" not in program.output


TWELVE = (
    "SSLKEYLOGFILE: /nowhere/keys.log can't be written: No such file or directory",
    ".env: line 3 is not NAME=value",
    "SLACK_BOT_TOKEN: must begin with xoxb-",
    "PARLEY_LANGUAGE: must be a language that Parley speaks (en, zh), not 'fr'",
    "PARLEY_LOG: must be text or json, not 'xml'",
    "parley.toml: modles: is no key of Parley; did you mean models?",
    "parley.toml: endpoints.a.base_url: must begin with http:// or https://, such as https://host/v1",
    "parley.toml: models: no endpoint serves 'gpt-5'; did you mean gpt-4?",
    "parley.toml: endpoints.a.accounts.0.key_env: TEAM_KEY is not set",
    "PARLEY_MODLES: is no setting of Parley; did you mean PARLEY_MODELS?",
    "DATABASE_URL: is not a URL such as sqlite:///data/parley.db or postgresql://host/name",
    "parley.toml: tools.0.ur: is no key of Parley; did you mean url?",
)


@pytest.mark.parametrize("command", ["run", "doctor"])
async def test_all_that_is_wrong_in_the_environment_and_in_the_files_is_said_at_once(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / ".env").write_text("PARLEY_MODLES=gpt\nPARLEY_LOG=xml\nnot a setting\n")
    (tmp_path / "parley.toml").write_text(
        'modles = ["gpt-5"]\n[endpoints.a]\nbase_url = "host"\nmodels = { gpt-4 = {} }\n'
        'accounts = [{ name = "a", key_env = "TEAM_KEY" }]\n[[tools]]\nname = "jira"\nur = "https://mcp.example"\n'
    )
    program = Program.fresh(
        tmp_path,
        PARLEY_LANGUAGE="fr",
        SLACK_BOT_TOKEN="secret-one",
        DATABASE_URL="x:hunter2@y",
        SSLKEYLOGFILE="/nowhere/keys.log",
    )
    await program.start(command)
    assert await program.end() == (2 if command == "run" else 1)
    start = "parley: " if command == "run" else "failed   settings: "
    lines = program.output.splitlines()
    assert [line.removeprefix(start) for line in lines if line.startswith(start)] == list(TWELVE), (
        program.output
    )
    program.check_output()
    assert not {"secret-one", "hunter2"} & set(program.output.replace("'", " ").split())


async def test_a_command_that_reads_the_store_says_all_at_once_too(tmp_path: Path) -> None:
    program = Program(tmp_path, PARLEY_LANGUAGE="fr", PARLEY_CURRENCY="XXQ", DATABASE_URL="nonsense")
    await program.start("usage")
    assert await program.end() == 2
    names = [line.split(": ")[1] for line in program.output.splitlines()]
    assert names == ["DATABASE_URL", "PARLEY_CURRENCY", "PARLEY_LANGUAGE"]


async def test_a_near_miss_is_a_warning_and_the_program_starts(tmp_path: Path) -> None:
    async with Program(
        tmp_path, OPENAI_APIKEY="sk-test", SLACK_TOKEN="xoxb-test", OPENAI_ORG_ID="org"
    ) as program:
        pass
    assert "warning  OPENAI_APIKEY: is not read; did you mean OPENAI_API_KEY?\n" in program.output
    assert "warning  SLACK_TOKEN: is not read; did you mean SLACK_BOT_TOKEN?\n" in program.output
    assert "OPENAI_ORG_ID" not in program.output


async def test_a_refused_start_names_the_near_misses_that_may_be_its_cause(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_BASE=http://127.0.0.1:1/v1\n")
    program = Program(tmp_path, DISCORD_TOKEN="OTAw.discord.test-token", PARLEY_WEB="off")
    await program.start()
    assert await program.end() == 2
    refusal, *warnings = program.output.splitlines()
    assert refusal.startswith("parley: PARLEY_WEB: is off, and so is every other platform: ")
    assert warnings == [
        "parley: warning: OPENAI_API_BASE: is not read; did you mean OPENAI_BASE_URL?",
        "parley: warning: DISCORD_TOKEN: is not read; did you mean DISCORD_BOT_TOKEN?",
    ]
    program.check_output()


async def test_secrets_are_read_from_files(tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    secrets = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "OPENAI_API_KEY")
    for name in secrets:
        (tmp_path / name).write_text(settings.pop(name) + "\n")
        settings[f"{name}_FILE"] = str(tmp_path / name)
    endpoint.script(Words("Four."))
    async with Program(tmp_path, **settings):
        ts = await slack.say("U1", "C1", f"{AT} two and two?")
        await answered(slack, "C1", ts, "Four.")


async def test_a_network_in_no_proxy_is_read(tmp_path: Path) -> None:
    async with Program.fresh(tmp_path, OPENAI_API_KEY="none", NO_PROXY="localhost,fd00::/8") as program:
        assert "OPENAI_API_KEY is not set" not in program.output


async def test_the_help_names_what_an_option_takes_and_nothing_where_it_takes_nothing(tmp_path: Path) -> None:
    program = Program(tmp_path)
    await program.start("init", "--help")
    assert await program.end() == 0
    assert [line for line in program.output.splitlines() if "<" in line and "--help" not in line] == []
    assert "list[" not in program.output


async def test_the_version_is_an_option_and_a_command(tmp_path: Path) -> None:
    for word in ("--version", "version"):
        program = Program(tmp_path)
        await program.start(word)
        assert await program.end() == 0
        assert program.output == f"{version('parley')}\n"


async def test_a_shell_completes_commands_and_their_options(tmp_path: Path) -> None:
    for typed, number, words in (
        ("parley s", 1, ["summary", "settings"]),
        ("parley summary --d", 2, ["--dry-run"]),
    ):
        shell = {"_PARLEY_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(number)}
        program = Program.fresh(tmp_path, **shell)
        await program.start(*typed.split()[1:])
        assert await program.end() == 0
        assert program.output.split() == words


async def test_a_taken_port_is_one_line_too(tmp_path: Path) -> None:
    async with Program(tmp_path) as first:
        (tmp_path / "other").mkdir()
        second = Program(tmp_path / "other", PARLEY_HTTP_PORT=str(first.port))
        await second.start()
        assert await second.end() == 2
        assert "PARLEY_HTTP_PORT" in second.output.splitlines()[-1]


async def test_bad_tokens_end_the_program_with_one_clear_line(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord
) -> None:
    for settings, name in (
        (slack_settings(slack) | {"SLACK_BOT_TOKEN": "xoxb-other"}, "SLACK_BOT_TOKEN"),
        (slack_settings(slack) | {"SLACK_APP_TOKEN": "xapp-other"}, "SLACK_APP_TOKEN"),
        (discord_settings(discord) | {"DISCORD_BOT_TOKEN": "other"}, "DISCORD_BOT_TOKEN"),
    ):
        alerts = {"PARLEY_ALERT_CHANNEL": "slack:C1" if name.startswith("SLACK") else f"discord:{GENERAL}"}
        program = Program(tmp_path, **settings | alerts | {"PARLEY_GRACE_S": "600"})
        await program.start()
        assert await program.end() == 2, program.output  # well before the grace period is over
        assert name in program.output.splitlines()[-1]
        assert "Traceback" not in program.output


async def test_it_says_in_one_line_each_what_runs_and_what_does_not_and_why(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **discord_settings(discord)) as program:
        pass
    lines = {line.split()[0]: line for line in program.output.splitlines() if line[:1].isalpha()}
    assert "on:" in lines["slack"]
    assert "on:" in lines["discord"]
    assert "off: another platform is configured" in lines["web"]
    assert "offline" in lines["model"]
    async with Program(tmp_path) as program:
        pass
    assert (
        "slack    off: SLACK_BOT_TOKEN and SLACK_APP_TOKEN (or SLACK_SIGNING_SECRET) are not set"
        in program.output
    )
    assert "discord  off: DISCORD_BOT_TOKEN is not set" in program.output
    assert f"web      on: {program.url}" in program.output


async def test_sigterm_lets_a_running_answer_finish_and_readyz_says_so(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("one two three four five six seven eight", per_s=8))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)) as program:
        ts = await slack.say("U1", "C1", f"{AT} count")
        await answered(slack, "C1", ts, "one")
        stopping = asyncio.create_task(program.stop())
        await asyncio.sleep(0.2)
        async with aiohttp.ClientSession() as session, session.get(f"{program.url}/readyz") as answer:
            assert answer.status == 503
        assert await stopping == 0
    assert "eight" in answers(slack, "C1", ts)[0].visible


async def test_a_killed_answer_is_given_once_in_the_same_message(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    endpoint.script(Words("half of it and then no more " * 20, per_s=10), Words("All of it."))
    program = Program(tmp_path, **settings)
    await program.start()
    await program.ready()
    ts = await slack.say("U1", "C1", f"{AT} all of it?")
    await answered(slack, "C1", ts, "half of it")
    await program.kill()
    (growing,) = answers(slack, "C1", ts)
    assert growing.stream is not None
    assert growing.stream.alive
    calls = len(slack.calls)
    async with Program(tmp_path, **settings):
        await answered(slack, "C1", ts, "All of it.")
    found = answers(slack, "C1", ts)
    assert len(found) == 1
    of_it = [call for call in slack.calls[calls:] if call.args.get("ts") == growing.ts and call.outcome == "ok"]
    then = [call.method for call in of_it if call.method.startswith("chat.")]
    assert then[0] == "chat.stopStream", "what was left open is stopped first"
    assert "chat.update" in then
    assert found[0].visible.split("\n") == ["All of it.", RESUMED]


async def test_the_report_is_posted_by_the_running_bot_and_by_itself_when_none_runs(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    settings |= {"PARLEY_SUMMARY_CHANNELS": f"slack:C2, discord:{GENERAL}", "PARLEY_PRICE_INPUT": "5"}
    settings |= {"PARLEY_PRICE_OUTPUT": "15"}
    async with Program(tmp_path, **settings) as running:
        ts = await slack.say("U1", "C1", f"{AT} hello")
        await answered(slack, "C1", ts, "hello")
        beside = settings | {"PARLEY_HTTP_PORT": str(running.port)}
        command = Program(tmp_path, **beside)
        await command.start("summary", "--now")
        assert await command.end() == 0, command.output
        check_report(slack, discord, 0, "asked by 1 person", "Chart by hour of")
        chart, dry = tmp_path / "chart.png", Program(tmp_path, **beside)
        await dry.start("summary", "--dry-run", "--period", "week", "--chart", str(chart))
        assert await dry.end() == 0, dry.output
        assert "asked by 1 person" in dry.output
        assert chart.read_bytes().startswith(PNG)
        chart.write_bytes(b"another picture")
        again = Program(tmp_path, **beside)
        await again.start("summary", "--dry-run", "--chart", str(chart))
        assert await again.end() == 2
        assert again.output == f"parley: {chart} exists: name another file, or say --force to replace it\n"
        assert chart.read_bytes() == b"another picture"
        await again.start("summary", "--dry-run", "--chart", str(chart), "--force")
        assert await again.end() == 0, again.output
        assert chart.read_bytes().startswith(PNG)
        table = Program(tmp_path, **settings)
        await table.start("usage", "--json", "--by", "person,model", "--since", "2020-01-01")
        assert await table.end() == 0, table.output
        (row,) = json.loads(table.output)
        assert (row["person"], row["name"], row["questions"]) == ("U1", "", 1)
        wrong = Program(tmp_path, **settings)
        await wrong.start("feedback", "--csv", "--since", "yesterday")
        assert await wrong.end() == 2
        assert wrong.output == "parley: --since: 'yesterday' is not a date, such as 2026-11-01\n"
    alone = Program(tmp_path, **settings, PARLEY_LANGUAGE="zh")
    await alone.start("summary", "--now", "--period", "month")
    assert await alone.end() == 0, alone.output
    alone.check_output()
    check_report(slack, discord, 1, "1 人提问", "每天的图表")


PNG = b"\x89PNG\r\n\x1a\n"


def check_report(slack: FakeSlack, discord: FakeDiscord, number: int, use: str, alt: str) -> None:
    """The report `number` of each channel is one message with these words and its chart in it."""
    on_slack, on_discord = slack.messages("C2"), discord.from_bot(GENERAL)
    assert (len(on_slack), len(on_discord)) == (number + 1, number + 1)
    assert use in on_slack[number].visible
    assert use in on_discord[number].text
    assert "<#C1>" in on_slack[number].visible
    (block,) = (block for block in on_slack[number].blocks if block["type"] == "image")
    (file,) = on_discord[number].attachments
    assert alt in block["alt_text"]
    assert alt in (file.description or "")
    shown = slack.space.files[block["slack_file"]["id"]].content or b""
    assert shown.startswith(PNG)
    assert file.data.startswith(PNG)
