"""Discord's connection: start, loss, resumption and stop; its settings."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from bots.discord import DiscordSettings, create, why_not
from bots.discord.client import BEAT_S, SILENT_BEATS
from bots.discord.connector import DiscordConnector
from core.clock import SystemClock
from core.errors import Code, PlatformError, SettingsError
from core.values.conversation import Ask
from core.values.events import Deleted
from tests.bots.discord.calls import HastyClock, mention, post, shown
from tests.bots.discord.conftest import Bot, Recorder, running, settings
from tests.fakes.discord import (
    ADA,
    BO,
    BOT,
    GENERAL,
    GUILD,
    OTHER_BOT,
    FakeDiscord,
)
from tests.waiting import AT_ONCE_S, timer_waits, until

# The connection


async def test_a_bad_token_ends_with_the_name_of_the_setting(fake: FakeDiscord) -> None:
    platform = create(settings(fake, "wrong-test-token"), SystemClock())
    assert platform is not None
    with pytest.raises(PlatformError, match="DISCORD_BOT_TOKEN") as raised:
        await platform.run(Recorder())
    assert raised.value.code is Code.BAD_TOKEN


async def test_a_token_that_is_taken_back_ends_the_run(fake: FakeDiscord) -> None:
    platform = create(settings(fake), SystemClock())
    assert platform is not None
    run = asyncio.create_task(platform.run(Recorder()))
    await until(platform.ready)
    await fake.gateway.hang_up(4004)
    with pytest.raises(PlatformError) as raised:
        await run
    assert raised.value.code is Code.BAD_TOKEN


@pytest.mark.parametrize("code", [4004, 4013])
async def test_the_trouble_of_a_refused_connection_is_told_in_words_from_the_first_moment(
    fake: FakeDiscord, code: int
) -> None:
    platform = create(settings(fake), SystemClock())
    assert isinstance(platform, DiscordConnector)
    fake.gateway.refuses = code
    with pytest.raises(PlatformError) as raised:
        await platform.run(Recorder())
    assert platform.trouble == raised.value.detail


async def test_without_the_message_content_intent_mentions_still_work() -> None:
    async with FakeDiscord(message_content_allowed=False) as fake, running(fake) as bot:
        ask = await mention(bot)
        await bot.platform.installation.perform(post(ask))
        assert shown(bot, ask.id) == ["A machine."]


async def test_an_event_that_cannot_be_read_does_not_end_the_bot(bot: Bot) -> None:
    for event in ("MESSAGE_CREATE", "INTERACTION_CREATE", "MESSAGE_UPDATE", "THREAD_CREATE"):
        await bot.fake.gateway.dispatch(event, {"id": "1", "guild_id": str(GUILD)})
    await mention(bot)
    assert bot.platform.ready()
    assert bot.fake.gateway.identifies == 1


async def test_a_cut_connection_is_resumed_and_nothing_is_missed(bot: Bot) -> None:
    bot.fake.abort_gateway()
    await mention(bot, "while you were away")
    await until(bot.platform.ready)
    assert bot.fake.gateway.resumes == 1


async def test_a_half_open_connection_is_noticed_and_resumed(fake: FakeDiscord) -> None:
    assert SILENT_BEATS * BEAT_S <= 30
    async with running(fake, beat_s=0.4) as bot:
        fake.half_open()
        began = time.monotonic()
        await fake.say(ADA, GENERAL, f"<@{BOT}> anyone?")
        await bot.inbox.ask("anyone?")
        # Half a second to connect; 30 s, were the beats as far apart as in production.
        assert time.monotonic() - began < 0.5 + 30 * 0.4 / BEAT_S
        await until(bot.platform.ready)
    assert (fake.gateway.identifies, fake.gateway.resumes) == (1, 1)


async def test_a_connection_on_which_nobody_speaks_is_left_alone(fake: FakeDiscord) -> None:
    async with running(fake, beat_s=0.4) as bot:
        await until(lambda: fake.gateway.heartbeats >= 5)
        assert bot.platform.ready()
    assert (fake.gateway.identifies, fake.gateway.resumes) == (1, 0)


async def test_a_gateway_that_never_greets_is_not_waited_for(fake: FakeDiscord) -> None:
    async with running(fake, beat_s=0.1) as bot:
        fake.gateway.greets = False
        fake.abort_gateway()
        await until(lambda: not bot.platform.ready())
        await fake.wait_for(lambda: fake.gateway.ungreeted)
        fake.gateway.greets = True
        await until(bot.platform.ready)


async def test_a_start_without_network_goes_on_trying(fake: FakeDiscord) -> None:
    fake.fail("GET", "/users/@me", 3, status=503)
    platform = create(settings(fake), HastyClock())
    assert platform is not None
    run = asyncio.create_task(platform.run(Recorder()))
    try:
        await until(platform.ready)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
    assert not platform.ready()


async def test_a_gateway_that_stays_away_ends_in_a_new_session(fake: FakeDiscord) -> None:
    clock = HastyClock()
    platform = create(settings(fake), clock)
    assert platform is not None
    run = asyncio.create_task(platform.run(Recorder()))
    try:
        await until(platform.ready)
        fake.refuse_connections = True
        fake.abort_gateway()
        await until(lambda: not platform.ready())
        clock.ahead_s += 61
        await until(lambda: [call.path for call in fake.calls].count("/users/@me") == 2)
        fake.refuse_connections = False
        await until(platform.ready)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
    assert fake.gateway.identifies == 2


async def test_commands_that_cannot_be_registered_keep_it_from_being_ready(fake: FakeDiscord) -> None:
    refused = fake.fail("GET", "/applications/*/commands", None, status=403, code=50001)
    platform = create(settings(fake), HastyClock())
    assert platform is not None
    run = asyncio.create_task(platform.run(Recorder()))
    try:
        await until(lambda: fake.gateway.connected)
        assert not platform.ready()
        fake.rest.failures.remove(refused)
        await until(platform.ready)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def test_stopping_takes_no_time_even_on_a_dead_line(fake: FakeDiscord) -> None:
    async with running(fake):
        fake.half_open()
        waited_s = timer_waits()
    assert waited_s() < AT_ONCE_S


# Settings


def test_settings_name_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_GATEWAY_URL", "https://gateway.test")
    with pytest.raises(SettingsError, match="DISCORD_GATEWAY_URL"):
        DiscordSettings.load()


def test_without_a_token_there_is_no_platform_and_a_reason() -> None:
    nothing = DiscordSettings(discord_bot_token=None)
    assert create(nothing, SystemClock()) is None
    assert "DISCORD_BOT_TOKEN" in why_not(nothing)


async def test_an_event_waits_for_the_names_of_the_one_before_it(bot: Bot) -> None:
    bot.fake.fail("GET", f"/guilds/*/members/{BO}", status=0, delay_s=0.3)
    card = {"type": "rich", "description": f"<@{BO}> rolled back"}
    said = await bot.fake.say(OTHER_BOT, GENERAL, "", embeds=[card])
    await bot.fake.delete(said)
    await until(lambda: bot.inbox.of(Deleted))
    told, deleted = bot.inbox.events
    assert isinstance(told, Ask)
    assert told.text == "@Bo Larsen rolled back"
    assert isinstance(deleted, Deleted)
