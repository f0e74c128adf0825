"""One Parley for two workspaces that installed it themselves. They have the same ids of channels, people and messages,
and neither ever gets anything of the other."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.conftest import model_settings
from tests.e2e.program import Program, free_port
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Raw, Words, echo
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.teams import FakeSlackApp
from tests.waiting import until

WORDS = {"T1": "copper", "T2": "zinc"}
"""A word that each workspace alone says."""


@pytest.fixture
async def app() -> AsyncIterator[FakeSlackApp]:
    async with FakeSlackApp() as app:
        app.add_team("T1", "Loom")
        app.add_team("T2", "Mill")
        yield app
        assert [error for team in app.teams.values() for error in team.client_errors] == []


def settings(app: FakeSlackApp, endpoint: FakeCompletions) -> dict[str, str]:
    port = free_port()
    app.send_to(f"http://127.0.0.1:{port}")
    return model_settings(endpoint) | {
        "SLACK_API_URL": app.api_url,
        "SLACK_CLIENT_ID": app.client_id,
        "SLACK_CLIENT_SECRET": app.client_secret,
        "SLACK_SIGNING_SECRET": app.signing_secret,
        "PARLEY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PARLEY_SECRET_KEY": "ab" * 32,
        "PARLEY_HTTP_PORT": str(port),
    }


async def install(program: Program, app: FakeSlackApp, team: str) -> None:
    """The browser of an admin of the workspace."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(f"{program.url}/slack/install", allow_redirects=False) as begun:
            assert begun.status == 302
        async with browser.get(app.approve(begun.headers["Location"], team)) as ended:
            assert ended.status == 200, await ended.text()


async def say_in_both(app: FakeSlackApp, text: str, thread: str | None = None) -> str:
    """The same person says it in the same channel of both at the same moment, each with its own word. The id of both
    messages."""
    at = time.time()
    said = [
        await slack.say("U1", "C1", text.format(word=WORDS[team]), thread, at=at)
        for team, slack in app.teams.items()
    ]
    assert said[0] == said[1]
    return said[0]


def shown(slack: FakeSlack) -> str:
    """All that the bot has sent to a workspace: messages, replies to one person, forms, the Home tab."""
    calls = [call.args for call in slack.calls if not call.method.startswith(("users.", "conversations."))]
    return repr(calls) + repr(slack.responses)


def told(slack: FakeSlack) -> int:
    """The number of replies to one person alone."""
    return len(slack.responses) + len(slack.called("chat.postEphemeral"))


async def reply_to(slack: FakeSlack, command: str) -> None:
    """Give a command, and wait for the reply."""
    before = told(slack)
    await slack.slash("U1", "C1", "/parley", command)
    await slack.wait_for(lambda: told(slack) > before)


async def test_nothing_of_one_workspace_is_in_the_other_in_the_log_or_in_the_metrics(
    tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    endpoint.default = echo
    async with Program(tmp_path, **settings(app, endpoint)) as program:
        for team in app.teams:
            await install(program, app, team)
        ts = await say_in_both(app, f"{AT} what is {{word}}?")
        for team, slack in app.teams.items():
            await answered(slack, "C1", ts, f"what is {WORDS[team]}?")
        await say_in_both(app, "and where is {word} found?", ts)
        for team, slack in app.teams.items():
            await answered(slack, "C1", ts, f"and where is {WORDS[team]} found?", count=2)
        for team, slack in app.teams.items():
            for command in (
                f"settings prompt Always praise {WORDS[team]}.",
                "settings",
                "usage",
                f"search {WORDS['T1']}",
                "export",
                "help",
            ):
                await reply_to(slack, command)
        again = await say_in_both(app, f"{AT} once more {{word}}")
        for team, slack in app.teams.items():
            await answered(slack, "C1", again, f"once more {WORDS[team]}")
        metrics = await program.page("/metrics")
    for team, other in (("T1", "T2"), ("T2", "T1")):
        sent = shown(app.teams[team])
        if team == "T2":
            sent = sent.replace(f"search {WORDS['T1']}", "").replace(f"“{WORDS['T1']}”", "")
        assert WORDS[other] not in sent, team
        assert f'"{other}"' not in sent
    for request in endpoint.requests:
        body = repr(request.body)
        assert not all(word in body for word in WORDS.values())
    for word in WORDS.values():
        assert word not in program.output
        assert word not in metrics
    assert "T1" not in metrics
    assert "T2" not in metrics
    for grant in app.grants:
        for token in grant.tokens:
            assert token not in program.output
            assert token.encode() not in b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())


async def test_removing_the_app_stops_an_answer_and_says_why_in_the_ledger(
    tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **settings(app, endpoint)) as program:
        for team in app.teams:
            await install(program, app, team)
        endpoint.default = Words("word " * 400, per_s=10)
        await app.teams["T1"].say("U1", "C1", f"{AT} a long one?")
        await until(lambda: endpoint.requests)
        app.uninstall("T1")
        await until(lambda: "team_ended" in program.output)
        endpoint.default = echo
        ts = await app.teams["T2"].say("U1", "C1", f"{AT} still there?")
        await answered(app.teams["T2"], "C1", ts, "still there?")
    with closing(sqlite3.connect(tmp_path / "data" / "parley.db")) as database:
        rows = database.execute("SELECT team, state, error FROM turns ORDER BY id").fetchall()
        details = database.execute("SELECT detail FROM failures").fetchall()
    assert rows == [("T1", "failed", "bad_token"), ("T2", "done", "")]
    assert details == [("the installation has ended: account_inactive",)]
    assert len(answers(app.teams["T2"], "C1", ts)) == 1


async def test_after_a_restart_both_are_served_and_what_was_said_meanwhile_is_answered(
    tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    endpoint.default = echo
    given = settings(app, endpoint)
    async with Program(tmp_path, **given) as program:
        for team in app.teams:
            await install(program, app, team)
        ts = await say_in_both(app, f"{AT} first {{word}}")
        for team, slack in app.teams.items():
            await answered(slack, "C1", ts, f"first {WORDS[team]}")
    for slack in app.teams.values():
        slack.space.lose_events = True
    await say_in_both(app, "missed {word}", ts)
    for slack in app.teams.values():
        slack.space.lose_events = False
    async with Program(tmp_path, **given) as program:
        assert "; 2 workspaces have installed it at " in program.output
        for team, slack in app.teams.items():
            await answered(slack, "C1", ts, f"missed {WORDS[team]}", count=2)


async def test_an_operator_lists_exports_and_removes_a_workspace(
    tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    endpoint.default = echo
    given = settings(app, endpoint)
    async with Program(tmp_path, **given) as program:
        for team in app.teams:
            await install(program, app, team)
        ts = await say_in_both(app, f"{AT} what is {{word}}?")
        for team, slack in app.teams.items():
            await answered(slack, "C1", ts, f"what is {WORDS[team]}?")
        listed = await ran(tmp_path, given, "workspaces", "list")
        assert [line.split("  ")[:2] for line in listed.splitlines()] == [
            ["slack:T1", "Loom"],
            ["slack:T2", "Mill"],
        ]
        exported = await ran(tmp_path, given, "export", "--team", "slack:T1")
        assert WORDS["T1"] in exported
        assert WORDS["T2"] not in exported
        assert '"T2"' not in exported
        assert "rows" in await ran(tmp_path, given, "workspaces", "remove", "slack:T1", "--yes")
        assert '"records":{}' in await ran(tmp_path, given, "export", "--team", "slack:T1")
        assert WORDS["T2"] in await ran(tmp_path, given, "export", "--team", "slack:T2")


async def test_a_workspace_with_a_model_account_of_its_own_is_answered_by_that_alone(
    tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    endpoint.default = Words("The operator's.")
    key = "sk-of-the-workspace-T1-4321"
    async with FakeCompletions(keys=(key,)) as own:
        own.default = Words("The workspace's.")
        given = settings(app, endpoint) | {"PARLEY_ACCOUNT_HOSTS": "127.0.0.1"}
        options = ("--base-url", own.base_url, "--model", "large")
        async with Program(tmp_path, **given) as program:
            for team in app.teams:
                await install(program, app, team)
            said = await fed(tmp_path, given, key, "workspaces", "account", "slack:T1", *options)
            assert f"stored  slack:T1  large at {own.base_url} (key …4321)" in said
            ts = await say_in_both(app, f"{AT} what is {{word}}?")
            await app.teams["T1"].wait_for(lambda: "The workspace's." in shown(app.teams["T1"]))
            await app.teams["T2"].wait_for(lambda: "The operator's." in shown(app.teams["T2"]))
            assert ts
            checked, asked = own.requests
            assert (checked.account, asked.account, asked.body["model"]) == (0, 0, "large")
            assert WORDS["T1"] not in repr([one.body for one in endpoint.requests])
            metrics = await program.page("/metrics")
            assert "large" not in metrics
            assert 'model="workspace"' in metrics
            exported = await ran(tmp_path, given, "export", "--team", "slack:T1")
            removed = await ran(tmp_path, given, "workspaces", "account", "slack:T1", "--remove")
            none = await ran(tmp_path, given, "workspaces", "account", "slack:T1")
        assert "removed  the model account of slack:T1, with its key" in removed
        assert "has no model account of its own" in none
        for text in (exported, removed, none, program.output, said):
            assert key not in text


async def test_what_the_account_of_a_workspace_reports_keeps_no_other_workspace_from_asking(
    tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    """An endpoint of a workspace may report any cost and any number of tokens."""
    endpoint.default = Words("The operator's.")
    key = "sk-of-the-workspace-T1-4321"
    usage = {"prompt_tokens": 90_000_000, "completion_tokens": 3, "total_tokens": 90_000_003, "cost": 999_999}
    chosen = {"index": 0, "delta": {"content": "The workspace's."}, "finish_reason": "stop"}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "large"}
    chunks = (chunk | {"choices": [chosen]}, chunk | {"choices": [], "usage": usage})
    given = settings(app, endpoint) | {
        "PARLEY_ACCOUNT_HOSTS": "127.0.0.1",
        "PARLEY_BUDGET": "20 a month, 5m tokens a month",
        "PARLEY_PRICE_INPUT": "1",
        "PARLEY_PRICE_OUTPUT": "1",
        "PARLEY_CURRENCY": "USD",
    }
    async with FakeCompletions(keys=(key,)) as own:
        own.default = Raw((*(f"data: {json.dumps(one)}\n\n".encode() for one in chunks), b"data: [DONE]\n\n"))
        options = ("--base-url", own.base_url, "--model", "large")
        async with Program(tmp_path, **given) as program:
            for team in app.teams:
                await install(program, app, team)
            await fed(tmp_path, given, key, "workspaces", "account", "slack:T1", *options)
            await app.teams["T1"].say("U1", "C1", f"{AT} what is {WORDS['T1']}?")
            await app.teams["T1"].wait_for(lambda: "The workspace's." in shown(app.teams["T1"]))
            await until(lambda: "answer_finished" in program.output)
            ts = await app.teams["T2"].say("U1", "C1", f"{AT} what is {WORDS['T2']}?")
            await answered(app.teams["T2"], "C1", ts, "The operator's.")


async def fed(folder: Path, given: dict[str, str], key: str, *arguments: str) -> str:
    """The output of a command that reads a key from its standard input."""
    command = Program(folder, **given)
    environment = {"PATH": os.environ["PATH"], **command.settings}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        str(command.executable),
        *arguments,
        cwd=folder,
        env=environment,
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(f"{key}\n".encode())
    assert process.returncode == 0, said
    return said.decode()


async def ran(folder: Path, given: dict[str, str], *arguments: str) -> str:
    """The output of a command beside the running program."""
    command = Program(folder, **given)
    await command.start(*arguments)
    assert await command.end() == 0, command.output
    return command.output
