"""SIGHUP in the real program: settings are read anew, and running answers keep theirs."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from pathlib import Path
from typing import Any

from tests.e2e.conftest import model_endpoint, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.completions.tools import call_tools
from tests.fakes.mcp import RawServer
from tests.fakes.mcp.raw import Answer, greet, respond, result
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S, until


async def reload(program: Program, event: str = "settings_reloaded") -> str:
    """Send SIGHUP, and return the lines that are logged up to the one of `event`."""
    before = len(program.output)
    program.send(signal.SIGHUP)
    await until(lambda: event in program.output[before:] and program.output.endswith("\n"), HANG_S)
    return program.output[before:]


def env(folder: Path, **settings: str) -> None:
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


async def test_models_prompts_and_lists_are_read_anew_and_a_running_answer_goes_on(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with model_endpoint() as other:
        endpoint.script(Words("one two three four five six seven eight", per_s=8))
        other.script(Words("From the other."))
        other.keys = ("sk-test-two",)
        known = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-test", "OPENAI_MODEL": "large"}
        env(tmp_path, **known)
        async with Program(tmp_path, **slack_settings(slack)) as program:
            first = await slack.say("U1", "C1", f"{AT} count")
            await answered(slack, "C1", first, "one")
            (tmp_path / "key").write_text("sk-test-two\n")
            env(
                tmp_path,
                OPENAI_BASE_URL=other.base_url,
                OPENAI_API_KEY_FILE=str(tmp_path / "key"),
                OPENAI_MODEL="small",
                PARLEY_SYSTEM_PROMPT="Be brief.",
                PARLEY_DENY="slack:U2",
                PARLEY_PATIENCE_S="20",
                DISCORD_BOT_TOKEN="OTAw.discord.test-token",
            )
            told = await reload(program)
            changed = "OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL, PARLEY_DENY, PARLEY_SYSTEM_PROMPT"
            assert f"changed='{changed}' needs_restart='DISCORD_BOT_TOKEN, PARLEY_PATIENCE_S'" in told
            assert f"not_reread='{len(program.settings)} settings from the environment of the process'" in told
            assert len(told.splitlines()) == 1
            second = await slack.say("U1", "C1", f"{AT} and now?")
            await answered(slack, "C1", second, "From the other.")
            refused = await slack.say("U2", "C1", f"{AT} me too?")
            await slack.wait_for(lambda: any(one.ephemeral_to == "U2" for one in slack.messages("C1")))
            await answered(slack, "C1", first, "eight")
            assert answers(slack, "C1", refused) == []
    assert [one.body["model"] for one in endpoint.requests] == ["large"]
    (asked,) = other.requests
    assert asked.body["model"] == "small"
    assert asked.headers["authorization"] == "accepted"
    assert asked.body["messages"][0]["content"].startswith("Be brief.")


async def test_a_file_with_errors_changes_nothing_and_all_of_them_are_logged(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    known = {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-test", "OPENAI_MODEL": "large"}
    env(tmp_path, **known)
    endpoint.script(Words("As before."))
    async with Program(tmp_path, **slack_settings(slack)) as program:
        wrong = {"PARLEY_MODLES": "x", "PARLEY_TEMPERATURE": "hot", "DISCORD_TOKEN": "y"}
        env(tmp_path, **known | {"OPENAI_MODEL": "small"} | wrong)
        (tmp_path / "parley.toml").write_text("[endpoints.a]\nbase_url = 'host'\n")
        told = await reload(program, "settings_not_reloaded")
        assert "did you mean PARLEY_MODELS?" in told
        assert "PARLEY_TEMPERATURE: must be a number from 0 to 2" in told
        assert "parley.toml: endpoints.a.base_url: must begin with http" in told
        assert "DISCORD_TOKEN: is not read; did you mean DISCORD_BOT_TOKEN?" in told
        assert "problems=5" in told
        ts = await slack.say("U1", "C1", f"{AT} still there?")
        await answered(slack, "C1", ts, "As before.")
        (tmp_path / "parley.toml").unlink()
        env(tmp_path, **known)
        assert "changed=nothing needs_restart=nothing" in await reload(program)
    assert [one.body["model"] for one in endpoint.requests] == ["large"]


def offering(name: str, called: list[str]) -> Answer:
    """A server with one tool that reads."""
    tool = {"name": name, "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}

    async def answer(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if (greeting := greet(message)) is not None:
            respond(writer, greeting)
        elif message.get("method") == "tools/list":
            respond(writer, result(message, {"tools": [tool]}))
        elif message.get("method") == "tools/call":
            called.append(name)
            respond(writer, result(message, {"content": [{"type": "text", "text": "seen"}]}))
        else:
            respond(writer, b"", "text/plain", "202 Accepted" if message else "405 Method Not Allowed")

    return answer


def tools_offered(endpoint: FakeCompletions) -> list[str]:
    """The tools of servers in the latest request."""
    return [one["function"]["name"] for one in endpoint.requests[-1].body.get("tools", ())]


async def test_tool_servers_come_and_go(tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions) -> None:
    env(tmp_path, OPENAI_BASE_URL=endpoint.base_url, OPENAI_API_KEY="sk-test")
    file, table = tmp_path / "parley.toml", '[[tools]]\nname = "{name}"\nurl = "{url}"\n'
    async with RawServer(offering("look", [])) as one, RawServer(offering("peek", [])) as two:
        file.write_text(table.format(name="one", url=one.url))
        async with Program(tmp_path, **slack_settings(slack)) as program:
            await up(program, "one")
            await ask(slack, "first?")
            assert tools_offered(endpoint) == ["one__look"]
            file.write_text(table.format(name="two", url=two.url))
            told = await reload(program)
            assert "changed='parley.toml: tools.0.name, parley.toml: tools.0.url'" in told
            await up(program, "two")
            await ask(slack, "second?")
            assert tools_offered(endpoint) == ["two__peek"]
            file.unlink()
            await reload(program)
            await ask(slack, "third?")
            assert tools_offered(endpoint) == []
            assert "parley_tool_server_up{" not in await program.page("/metrics")


async def test_a_server_that_is_removed_is_alerted_about_no_more(tmp_path: Path, slack: FakeSlack) -> None:
    file, settings = tmp_path / "parley.toml", {"PARLEY_ALERT_CHANNEL": "slack:C2"} | slack_settings(slack)
    alone = '[[tools]]\nname = "gone"\nurl = "http://127.0.0.1:1/mcp"\n'
    again = alone.replace("gone", "also")
    file.write_text(alone + again)

    def removed(name: str) -> bool:
        told = [one.visible for one in slack.messages("C2")]
        return any(f"tool server {name}" in one and "is no longer in the settings" in one for one in told)

    async with Program(tmp_path, **settings) as program:
        await until(lambda: sum("tool server" in one.visible for one in slack.messages("C2")) == 2, HANG_S)
        file.write_text(again)
        await reload(program)
        await until(lambda: removed("gone"), HANG_S)
    file.unlink()
    async with Program(tmp_path, **settings):
        await until(lambda: removed("also"), HANG_S)


async def test_a_call_that_runs_ends_though_its_server_is_not_configured_any_more(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    env(tmp_path, OPENAI_BASE_URL=endpoint.base_url, OPENAI_API_KEY="sk-test")
    endpoint.reply_by(call_tools([("look", {})]))
    begun, released = asyncio.Event(), asyncio.Event()
    offered = offering("look", [])

    async def answer(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if message.get("method") == "tools/call":
            begun.set()
            await released.wait()
        await offered(message, writer)

    async with RawServer(answer) as server:
        file = tmp_path / "parley.toml"
        file.write_text(f'[[tools]]\nname = "slow"\nurl = "{server.url}"\n')
        async with Program(tmp_path, **slack_settings(slack)) as program:
            await up(program, "slow")
            ts = await slack.say("U1", "C1", f"{AT} what is there?")
            await asyncio.wait_for(begun.wait(), HANG_S)
            file.unlink()
            await reload(program)
            released.set()
            await answered(slack, "C1", ts, "seen")


async def ask(slack: FakeSlack, words: str) -> None:
    ts = await slack.say("U1", "C1", f"{AT} {words}")
    await answered(slack, "C1", ts, words)


async def up(program: Program, name: str) -> None:
    """Wait until the server is reached."""
    async with asyncio.timeout(HANG_S):
        while f'parley_tool_server_up{{server="{name}"}} 1.0' not in await program.page("/metrics"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_hangup_of_its_terminal_ends_it(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("parley")),
        "run",
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PARLEY_HTTP_PORT": "0"},
        stdin=follower,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    os.close(follower)
    assert process.stdout is not None
    async with asyncio.timeout(2 * HANG_S):
        while b"health" not in await process.stdout.readline():
            pass
        process.send_signal(signal.SIGHUP)
        while b"settings_reloaded" not in await process.stdout.readline():
            pass
        os.close(leader)
        process.send_signal(signal.SIGHUP)
        assert await process.wait() == 0
