"""Deletions on Discord as events in the core."""

from __future__ import annotations

import pytest

from core.errors import Code, PlatformError
from core.platform_calls import PlatformCalls
from core.values.conversation import Ask
from core.values.events import Deleted, PlaceClosed
from core.values.outgoing import DeleteMessage, EditMessage, Page, PostMessage
from core.values.places import Place
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import ADA, BOT, GENERAL, GUILD
from tests.waiting import until


async def answered(bot: Bot) -> tuple[Ask, str]:
    await bot.fake.say(ADA, GENERAL, f"<@{BOT}> what is a loom?")
    ask = await bot.inbox.ask("what is a loom?")
    return ask, await bot.platform.installation.perform(
        PostMessage(ask.place, Page("A mach"), "1", answers=ask.id)
    )


async def test_a_thread_that_is_deleted_closes_its_place_and_is_gone(bot: Bot) -> None:
    ask, posted = await answered(bot)
    await bot.fake.delete_channel(int(ask.place.thread))
    closed = await until(lambda: bot.inbox.of(PlaceClosed))
    assert closed == [PlaceClosed(ask.place, gone=True)]
    with pytest.raises(PlatformError) as raised:
        await bot.platform.installation.perform(EditMessage(ask.place, posted, Page("A machine")))
    assert raised.value.code is Code.GONE


async def test_a_channel_that_is_deleted_closes_it_with_its_threads(bot: Bot) -> None:
    await answered(bot)
    await bot.fake.delete_channel(GENERAL)
    channel = Place("discord", str(GUILD), str(GENERAL))
    await until(lambda: PlaceClosed(channel, gone=True) in bot.inbox.events)


async def test_a_server_that_the_bot_is_removed_from_closes_its_channels(bot: Bot) -> None:
    await bot.fake.gateway.dispatch("GUILD_DELETE", {"id": str(GUILD)})
    await until(lambda: PlaceClosed(Place("discord", str(GUILD), str(GENERAL))) in bot.inbox.events)


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_message_of_ours_that_a_moderator_deletes_is_told(bot: Bot, bulk: bool) -> None:
    ask, posted = await answered(bot)
    if bulk:
        body = {"ids": [posted], "channel_id": ask.place.thread, "guild_id": str(GUILD)}
        await bot.fake.gateway.dispatch("MESSAGE_DELETE_BULK", body)
    else:
        await bot.fake.delete(int(posted))
    assert await until(lambda: bot.inbox.of(Deleted)) == [Deleted(ask.place, posted)]


async def test_the_deletion_of_a_page_that_we_remove_ourselves_is_told_apart_by_our_call(bot: Bot) -> None:
    ask, posted = await answered(bot)
    calls = PlatformCalls(bot.platform.installation)
    await calls.perform(DeleteMessage(ask.place, posted))
    await bot.fake.delete(int(ask.id))
    await until(lambda: len(bot.inbox.of(Deleted)) == 2)
    assert [calls.deletes(one.place, one.message_id) for one in bot.inbox.of(Deleted)] == [True, False]
