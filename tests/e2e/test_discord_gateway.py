"""Discord refuses: the gateway, the log-in, or the acknowledgement whose answer is lost. The real program against the
wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.e2e.test_slack import AT as SLACK_AT
from tests.e2e.test_slack import answered as answered_in_slack
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA, BO, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack

CALLBACK = "/interactions/*/*/callback"
LOOK_S = 1.5
"""Seconds for which a program that is to stay away is watched: without its pauses it would be back within
one."""


@asynccontextmanager
async def beside_slack(
    folder: Path, discord: FakeDiscord, slack: FakeSlack, endpoint: FakeCompletions
) -> AsyncIterator[Program]:
    """The program, with Discord down and Slack answering to the end."""
    settings = discord_settings(discord) | slack_settings(slack) | model_settings(endpoint)
    program = Program(folder, **settings)
    await program.start()
    try:
        await program.until(lambda found: found.get("slack"))
        yield program
        ts = await slack.say("U1", "C1", f"{SLACK_AT} still there?")
        await answered_in_slack(slack, "C1", ts, "still there?")
    finally:
        assert await program.stop() == 0
    program.check_output()


async def test_a_close_code_that_refuses_every_start_is_named_and_met_by_few(
    tmp_path: Path, discord: FakeDiscord, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    discord.gateway.refuses = code = 4013
    async with beside_slack(tmp_path, discord, slack, endpoint) as program:
        found = await program.until(lambda found: "discord" in found.get("why", {}))
        assert str(code) in found["why"]["discord"]
        await asyncio.sleep(LOOK_S)
        assert f"close_code={code}" in program.output
        assert len(discord.gateway.starts) <= 2


@pytest.mark.parametrize(("code", "starts"), [(4011, 1), (4014, 2)])
async def test_alone_the_program_ends_so_that_nothing_starts_it_again(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, code: int, starts: int
) -> None:
    discord.gateway.refuses = code
    program = Program(tmp_path, **discord_settings(discord), **model_settings(endpoint))
    await program.start()
    assert await program.end() == 2
    assert f"(close code {code})" in program.output.splitlines()[-1]
    assert len(discord.gateway.starts) == starts, "4014 is tried once more, without the content of messages"
    program.check_output()


@pytest.mark.parametrize("left", [0, 1])
async def test_no_session_is_begun_that_discord_has_not_left(
    tmp_path: Path, discord: FakeDiscord, slack: FakeSlack, endpoint: FakeCompletions, left: int
) -> None:
    discord.gateway.starts_left = left
    async with beside_slack(tmp_path, discord, slack, endpoint) as program:
        if left:
            await program.until(lambda found: found["discord"])
            discord.gateway.lose_sessions()
            await discord.gateway.hang_up(4009)
        found = await program.until(lambda found: "discord" in found.get("why", {}))
        assert "allows no further start" in found["why"]["discord"]
        await asyncio.sleep(LOOK_S)
    assert len(discord.gateway.starts) == left
    assert not discord.gateway.token_lost


@pytest.mark.parametrize(("status", "as_date"), [(403, False), (429, True)])
async def test_a_ban_at_the_log_in_is_named_kept_and_met_by_one_call(
    tmp_path: Path,
    discord: FakeDiscord,
    slack: FakeSlack,
    endpoint: FakeCompletions,
    status: int,
    as_date: bool,
) -> None:
    discord.ban(3_600.0, status=status, as_date=as_date)
    async with beside_slack(tmp_path, discord, slack, endpoint) as program:
        found = await program.until(lambda found: "discord" in found.get("why", {}))
        assert "come back in 3" in found["why"]["discord"]
        await asyncio.sleep(LOOK_S)
        assert "Cloudflare refuses every call" in program.output
    assert len(discord.calls) == 1
    assert discord.gateway.starts == []


async def test_a_program_answers_in_the_servers_of_all_its_shards(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    discord.gateway.max_concurrency = 16
    servers = [await discord.add_guild(name) for name in ("Difference Club", "Royal Astronomers")]
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint), DISCORD_SHARDS="2"):
        for server in (GENERAL, *servers):
            question = await discord.say(BO, server, f"{AT} what is {server}?")
            await answered(discord, question, f"what is {server}?")
        asked = await discord.slash(ADA, servers[0], "ask", question="and by a command?")
        await answered(discord, servers[0], "and by a command?")
    assert discord.interaction(asked).deferred
    assert {session.shard for session in discord.gateway.sessions.values()} == {(0, 2), (1, 2)}


async def test_an_interaction_whose_acknowledgement_was_taken_without_an_answer_is_answered_once(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    def lose() -> None:
        discord.fail("POST", CALLBACK, drop="after")

    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        lose()
        asked = await discord.slash(ADA, GENERAL, "ask", question="what is a loom?")
        answer = await answered(discord, GENERAL, "what is a loom?")
        assert not answer.loading
        await discord.wait_for(lambda: any(button.label == "Regenerate" for button in answer.buttons))
        lose()
        [again] = [button for button in answer.buttons if button.label == "Regenerate"]
        await discord.press(ADA, GENERAL, answer.id, str(again.custom_id))
        await discord.wait_for(lambda: len(endpoint.requests) == 2)
        lose()
        told = await discord.slash(BO, GENERAL, "help")
        await discord.wait_for(lambda: "/ask" in _shown(discord, told))
        question = await discord.say(BO, GENERAL, f"{AT} and then?")
        await answered(discord, question, "and then?")
    assert discord.interaction(asked).deferred
    assert len(endpoint.requests) == 3


def _shown(discord: FakeDiscord, interaction: int) -> str:
    response = discord.interaction(interaction).response
    return response.text if response is not None else ""
