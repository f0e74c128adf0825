"""The checks of the Discord application, by real calls of its REST API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import pytest_asyncio

from bots.discord import DiscordSettings
from bots.discord.checks import discord_checks, discord_hosts
from bots.discord.invite import invite_url
from core.clock import SystemClock
from core.values.checks import CheckStatus, Finding
from tests.fakes.discord import ADA, APPLICATION, GENERAL, FakeDiscord, Permission

FAILED, OK, WARNING = CheckStatus.FAILED, CheckStatus.OK, CheckStatus.WARNING
INVITE = invite_url(str(APPLICATION))


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake
        assert fake.spec_problems == []


def settings(server: FakeDiscord, **changes: Any) -> DiscordSettings:
    given = {
        "discord_bot_token": server.bot_token,
        "discord_api_url": server.api_url,
        "discord_gateway_url": server.gateway_url,
    }
    return DiscordSettings(_env_file=None, **(given | changes))


async def findings(
    server: FakeDiscord, channels: dict[str, str] | None = None, admins: Iterable[str] = (), **changes: Any
) -> dict[str, Finding]:
    checks = discord_checks(settings(server, **changes), SystemClock(), channels or {}, admins)
    found = [one for run in await asyncio.gather(*(check.run() for check in checks)) for one in run]
    assert not any(server.bot_token in f"{one.detail} {one.todo}" for one in found)
    return {one.check: one for one in found}


async def test_an_application_that_is_set_up_is_well(server: FakeDiscord) -> None:
    found = await findings(server)
    assert {name: one.status for name, one in found.items()} == {
        "discord token": OK,
        "discord intents": OK,
        "discord gateway": OK,
        "discord rights": OK,
    }
    assert found["discord rights"].detail == "all that Parley uses, in 1 server"


async def test_no_session_is_begun_so_that_a_running_parley_keeps_its_own(server: FakeDiscord) -> None:
    starts = server.gateway.starts_left
    await findings(server)
    assert server.gateway.starts_left == starts
    assert {call.method for call in server.calls} == {"GET"}


async def test_a_token_that_discord_does_not_accept_fails_with_the_place_of_a_new_one(
    server: FakeDiscord,
) -> None:
    found = await findings(server, discord_bot_token="MTAx.wrong.token")
    assert {one.status for one in found.values()} == {FAILED}
    assert "Reset Token" in found["discord token"].todo


async def test_a_missing_intent_fails_with_the_place_where_it_is_switched_on(server: FakeDiscord) -> None:
    server.world.message_content_allowed = False
    intent = (await findings(server))["discord intents"]
    assert intent.status is FAILED
    assert "follow-ups need a mention" in intent.detail
    assert "Privileged Gateway Intents: switch it on" in intent.todo


async def test_settings_of_the_portal_that_keep_commands_or_the_invite_away_fail(server: FakeDiscord) -> None:
    server.world.interactions_url = "https://old.example.com/interactions"
    server.world.code_grant = True
    found = await findings(server)
    assert (found["discord commands"].status, found["discord invite"].status) == (FAILED, FAILED)


async def test_rights_that_a_server_lacks_are_named_with_what_is_missing(server: FakeDiscord) -> None:
    for may in ("everyone_may", "bot_role_may"):
        setattr(server.world, may, getattr(server.world, may) & ~Permission.CREATE_PUBLIC_THREADS)
    found = await findings(server)
    lacking = found["discord rights in Analytical Society"]
    assert lacking.status is WARNING
    assert lacking.detail == "Create Public Threads missing. Answers are replies in the channel."
    assert INVITE in lacking.todo


async def test_a_bot_that_is_nowhere_is_told_its_invite(server: FakeDiscord) -> None:
    server.world.bot_in_guild = False
    rights = (await findings(server))["discord rights"]
    assert (rights.status, rights.todo) == (WARNING, f"invite it: {INVITE}")


@pytest.mark.parametrize(("shards", "status"), [(None, OK), (1, WARNING), (3, OK)])
async def test_fewer_shards_than_discord_recommends_are_told_where_their_number_is_set(
    server: FakeDiscord, shards: int | None, status: CheckStatus
) -> None:
    server.gateway.recommended_shards = 3
    gateway = (await findings(server, discord_shards=shards))["discord gateway"]
    assert gateway.status is status
    assert (status is OK) != ("set DISCORD_SHARDS to 3" in gateway.todo)


@pytest.mark.parametrize(("left", "status"), [(0, FAILED), (5, WARNING), (500, OK)])
async def test_starts_of_sessions_that_run_out_are_told(
    server: FakeDiscord, left: int, status: CheckStatus
) -> None:
    server.gateway.starts_left = left
    assert (await findings(server))["discord gateway"].status is status


async def test_a_ban_of_the_address_cannot_be_seen_through(server: FakeDiscord) -> None:
    server.ban(60)
    assert {one.status for one in (await findings(server)).values()} == {WARNING}


async def test_a_discord_that_cannot_be_reached_fails(server: FakeDiscord) -> None:
    given = settings(server)
    await server.stop()
    checks = discord_checks(given, SystemClock(), {})
    (finding,) = await checks[0].run()
    assert (finding.status, finding.detail) == (
        FAILED,
        "Discord can't be reached: the connection is refused",
    )
    assert finding.unreached == (server.api_url.split("/")[2],)


def test_discord_that_is_off_is_neither_checked_nor_reached() -> None:
    off = DiscordSettings(_env_file=None)
    assert (discord_checks(off, SystemClock(), {}), discord_hosts(off)) == ([], [])


def test_the_gateway_and_files_have_hosts_of_their_own() -> None:
    given: dict[str, Any] = {"discord_bot_token": "MTAx.some.token"}
    urls = [host.url for host in discord_hosts(DiscordSettings(_env_file=None, **given))]
    assert urls == ["https://discord.com/api/v10", "wss://gateway.discord.gg/", "https://cdn.discordapp.com/"]


async def test_channels_that_settings_name_are_looked_up(server: FakeDiscord) -> None:
    found = await findings(server, {str(GENERAL): "PARLEY_ALERT_CHANNEL", "404": "PARLEY_SUMMARY_CHANNELS"})
    there, gone = found[f"discord channel {GENERAL}"], found["discord channel 404"]
    assert (there.status, there.detail) == (OK, "the bot sees #general (for PARLEY_ALERT_CHANNEL)")
    assert (gone.status, "PARLEY_SUMMARY_CHANNELS" in gone.detail) == (FAILED, True)


async def test_admins_that_discord_does_not_know_are_warnings(server: FakeDiscord) -> None:
    found = await findings(server, admins=[str(ADA), "404", "@me", "ada"])
    there = found[f"discord admin {ADA}"]
    assert (there.status, there.detail.endswith(" (PARLEY_ADMINS)")) == (OK, True)
    for id_ in ("404", "@me", "ada"):
        one = found[f"discord admin {id_}"]
        assert (one.status, one.detail) == (WARNING, "Discord knows no such person (PARLEY_ADMINS)")
        assert "Copy User ID" in one.todo
