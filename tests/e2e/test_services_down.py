"""A service that is not there at the start, or leaves while the program runs: the others go on, and each is named."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.i18n import phrase
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_database import away, full, own_server, small_disk
from tests.e2e.test_discord import AT as DISCORD_AT
from tests.e2e.test_discord import answered as answered_in_discord
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack

__all__ = ["own_server", "small_disk"]  # fixtures


async def asked_on_slack(slack: FakeSlack, words: str) -> None:
    await answered(slack, "C1", await slack.say("U1", "C1", f"{AT} {words}"), words)


async def asked_on_discord(discord: FakeDiscord, words: str) -> None:
    await answered_in_discord(discord, await discord.say(ADA, GENERAL, f"{DISCORD_AT} {words}"), words)


@pytest.mark.parametrize("gone", ["slack", "discord"])
async def test_a_platform_that_is_not_there_at_the_start_holds_up_no_other_and_is_connected_later(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions, gone: str
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    service: Any = {"slack": slack, "discord": discord}[gone]
    ask = {
        "slack": lambda: asked_on_slack(slack, "there?"),
        "discord": lambda: asked_on_discord(discord, "there?"),
    }
    (other,) = ask.keys() - {gone}
    await service.stop()
    program = Program(tmp_path, **settings)
    await program.start()
    found = await program.until(lambda found: found[other] and gone in found.get("why", {}))
    assert (found["ready"], found[gone]) == (False, False)
    assert "can't be reached: the connection is refused" in found["why"][gone]
    await ask[other]()
    await service.start()
    await program.until(lambda found: found["ready"])
    await ask[gone]()
    assert await program.stop() == 0
    program.check_output()


@pytest.mark.parametrize("gone", ["slack", "discord"])
async def test_where_the_only_platform_is_not_there_at_the_start_the_program_waits_for_it(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions, gone: str
) -> None:
    service: Any = {"slack": slack, "discord": discord}[gone]
    settings = {"slack": slack_settings(slack), "discord": discord_settings(discord)}[gone]
    await service.stop()
    program = Program(tmp_path, **settings, **model_settings(endpoint))
    await program.start()
    await program.until(lambda found: gone in found.get("why", {}))
    await service.start()
    await program.until(lambda found: found["ready"])
    assert await program.stop() == 0
    program.check_output()


@pytest.mark.parametrize("variable", ["SLACK_API_URL", "DISCORD_API_URL"])
async def test_a_host_whose_name_is_unknown_is_named_by_readyz(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, variable: str
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | {variable: "http://nowhere.invalid/api/"}
    away = variable.split("_")[0].lower()
    program = Program(tmp_path, **settings)
    await program.start()
    found = await program.until(lambda found: away in found.get("why", {}))
    assert found["why"][away] == "nowhere.invalid can't be reached: its name can't be resolved"
    assert await program.stop() == 0
    program.check_output()


async def test_an_endpoint_whose_name_is_unknown_is_told_to_people_calmly_and_to_operators_exactly(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = (
        slack_settings(slack) | model_settings(endpoint) | {"OPENAI_BASE_URL": "http://nowhere.invalid/v1"}
    )
    async with Program(tmp_path, **settings, PARLEY_ALERT_CHANNEL="slack:C2") as program:
        ts = await slack.say("U1", "C1", f"{AT} anybody?")
        await answered(slack, "C1", ts, phrase("unreachable", "en").split(".")[0])
        await slack.wait_for(
            lambda: any("OPENAI_BASE_URL" in message.visible for message in slack.messages("C2"))
        )
        assert (await program.state())["ready"]


async def test_a_discord_token_that_is_reset_while_it_runs_leaves_slack_running_which_tells_the_operators(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings, PARLEY_ALERT_CHANNEL=f"slack:C2,discord:{GENERAL}") as program:
        discord.gateway.token_lost = True
        discord.fail("*", "/**", None, status=401)
        await discord.gateway.hang_up(4004)
        found = await program.until(lambda found: "discord" in found.get("why", {}))
        assert (found["slack"], found["discord"]) == (True, False)
        assert "DISCORD_BOT_TOKEN" in found["why"]["discord"]
        await slack.wait_for(lambda: any("platform discord" in one.visible for one in slack.messages("C2")))
        await asked_on_slack(slack, "still there?")


async def test_posts_that_discord_refuses_while_its_gateway_stays_open_are_told_on_slack(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings, PARLEY_ALERT_CHANNEL="slack:C2") as program:
        discord.fail("*", "/**", None, status=401)
        await discord.say(ADA, GENERAL, f"{DISCORD_AT} anybody?")
        await slack.wait_for(lambda: any("platform discord" in one.visible for one in slack.messages("C2")))
        found = await program.state()
        assert (found["ready"], found["slack"], found["discord"]) == (False, True, False)
        assert "posts are refused" in found["why"]["discord"]


async def test_a_start_before_postgresql_goes_on_once_it_is_there(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, own_server: str
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | {"DATABASE_URL": own_server}
    program = Program(tmp_path, **settings, PARLEY_START_WAIT_S="600")
    async with away(program, own_server):
        await program.start()
        found = await program.until(lambda found: "database" in found.get("why", {}))
        assert found["ready"] is False
    await program.until(lambda found: found["ready"])
    await asked_on_slack(slack, "now?")
    assert await program.stop() == 0
    program.check_output()


async def test_a_start_on_a_database_that_another_program_has_locked_goes_on_once_it_is_free(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        pass
    other = sqlite3.connect(tmp_path / "data" / "parley.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    program = Program(tmp_path, **settings, DATABASE_URL="sqlite:///data/parley.db?timeout=0.2")
    await program.start()
    found = await program.until(lambda found: "database" in found.get("why", {}))
    assert found["ready"] is False
    other.close()
    await program.until(lambda found: found["ready"])
    await asked_on_slack(slack, "now?")
    assert await program.stop() == 0
    program.check_output()


async def test_a_start_on_a_full_disk_is_one_line_that_names_it(tmp_path: Path, small_disk: str) -> None:
    program = Program(tmp_path, DATABASE_URL=small_disk, PARLEY_START_WAIT_S="0")
    async with full(program, small_disk):
        await program.start()
        assert await program.end() in (1, 2)
        (line,) = program.output.splitlines()
        assert line.startswith("parley: DATABASE_URL: ")
        assert "disk" in line
        program.check_output()


@pytest.mark.parametrize(
    ("headers", "allowed", "status"),
    [
        ({}, "", 200),  # nginx's own default: the address of proxy_pass
        ({"Host": "chat.example.com"}, "", 421),
        ({"Host": "chat.example.com"}, "chat.example.com", 200),
        ({"Host": "CHAT.example.com:443", "X-Forwarded-For": "10.0.0.7"}, "chat.example.com", 200),
        ({"Host": "chat.example.com."}, "*.example.com", 200),
        ({"Host": "other.example.com"}, "chat.example.com", 421),
        ({"X-Forwarded-Host": "evil.example"}, "chat.example.com", 200),
        ({"Host": "evil.example", "X-Forwarded-Host": "chat.example.com"}, "chat.example.com", 421),
    ],
)
async def test_a_proxy_may_pass_on_its_host_where_it_is_allowed(
    tmp_path: Path, headers: dict[str, str], allowed: str, status: int
) -> None:
    async with (
        Program(tmp_path, PARLEY_ALLOWED_HOSTS=allowed) as program,
        aiohttp.ClientSession() as session,
        session.get(program.url, headers=headers) as answer,
    ):
        assert answer.status == status
        if status == 421:
            assert "PARLEY_ALLOWED_HOSTS" in await answer.text()
