"""Calls of Discord that fail, or whose outcome is unknown."""

from __future__ import annotations

import pytest

from bots.discord import create
from core.clock import SystemClock
from core.errors import Code, PlatformError
from core.values.outgoing import Page, PostMessage
from core.values.places import Place
from tests.bots.discord.calls import edit, failure, mention, post, shown, slash
from tests.bots.discord.conftest import Bot, running, settings
from tests.fakes.discord import (
    ADA,
    GENERAL,
    GUILD,
    FakeDiscord,
    Message,
    MessageFlag,
    Permission,
)
from tests.waiting import until

# Calls that fail


async def test_the_same_post_twice_is_one_message(bot: Bot) -> None:
    ask = await mention(bot)
    first = await bot.platform.installation.perform(post(ask))
    assert await bot.platform.installation.perform(post(ask)) == first
    assert shown(bot, ask.id) == ["A machine."]


async def test_a_post_whose_answer_was_lost_is_found(bot: Bot) -> None:
    ask = await mention(bot)
    assert await bot.platform.installation.find(post(ask)) is None
    bot.fake.fail("POST", "/channels/*/messages", drop="after")
    error = await failure(bot, post(ask))
    assert (error.code, error.certain) == (Code.UNCERTAIN, False)
    assert await bot.platform.installation.find(post(ask)) == str(bot.fake.from_bot(int(ask.id))[0].id)
    assert await bot.platform.installation.find(post(ask, "more", page=1)) is None


async def test_a_post_that_stands_already_with_other_words_gets_the_new_ones(bot: Bot) -> None:
    ask = await mention(bot)
    first = await bot.platform.installation.perform(post(ask, "A mach"))
    async with running(bot.fake) as later:
        assert await later.platform.installation.perform(post(ask, "An engine")) == first
    assert shown(bot, ask.id) == ["An engine"]


async def test_a_reply_in_the_channel_whose_answer_was_lost_is_found_and_not_taken_for_another(
    bot: Bot,
) -> None:
    await bot.fake.deny(GENERAL, Permission.CREATE_PUBLIC_THREADS)
    one, two = await mention(bot, "one?"), await mention(bot, "two?")
    bot.fake.fail("POST", f"/channels/{GENERAL}/messages", drop="after")
    assert (await failure(bot, post(two, "…"))).code is Code.UNCERTAIN
    async with running(bot.fake) as later:
        assert await later.platform.installation.find(post(one, "…")) is None
        assert await later.platform.installation.find(post(two, "…")) == str(bot.fake.from_bot(GENERAL)[0].id)


async def test_a_question_whose_ticket_died_is_answered_without_it(bot: Bot) -> None:
    ask = await slash(bot)
    bot.fake.clock.advance(901)
    assert (await failure(bot, post(ask))).code is Code.EXPIRED
    await bot.platform.installation.perform(post(ask, interaction_token=""))
    assert shown(bot, GENERAL)[-1] == "A machine."


async def test_a_follow_up_whose_answer_was_lost_is_found(bot: Bot) -> None:
    ask = await slash(bot)
    await bot.platform.installation.perform(post(ask, "A machine"))
    bot.fake.fail("POST", "/webhooks/*/*", drop="after")
    assert (await failure(bot, post(ask, "that weaves.", page=1))).code is Code.UNCERTAIN
    assert await bot.platform.installation.find(post(ask, "that weaves.", page=1)) == str(
        bot.fake.from_bot(GENERAL)[-1].id
    )
    assert await bot.platform.installation.find(post(ask, "and more.", page=2)) is None


async def test_a_message_or_thread_that_was_deleted_is_gone(bot: Bot) -> None:
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask))
    await bot.fake.delete(int(posted))
    assert (await failure(bot, edit(ask, posted, "more"))).code is Code.GONE
    bot.fake.fail("*", f"/channels/{ask.id}/**", None, status=404, code=10003)
    assert (await failure(bot, post(ask, "more", page=1))).code is Code.GONE


async def test_each_refusal_has_its_code(bot: Bot) -> None:
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask))
    assert (await failure(bot, post(ask, "x" * 2_001, page=1))).code is Code.REJECTED
    bot.fake.fail("PATCH", "/channels/*/messages/*", status=503)
    assert (await failure(bot, edit(ask, posted, "more"))).code is Code.UNAVAILABLE
    bot.fake.fail("POST", "/channels/*/messages", status=503)
    assert (await failure(bot, post(ask, page=2))).code is Code.UNCERTAIN
    bot.fake.fail("PATCH", "/channels/*/messages/*", retry_after=40.0)
    slow = await failure(bot, edit(ask, posted, "more"))
    assert (slow.code, slow.retry_after_s) == (Code.SLOW_DOWN, 40.0)
    await bot.fake.deny(GENERAL, Permission.SEND_MESSAGES_IN_THREADS)
    assert (await failure(bot, post(ask, page=3))).code is Code.NOT_ALLOWED


async def test_the_asker_is_told_directly_where_the_answer_may_not_be_posted(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.fake.deny(GENERAL, Permission.SEND_MESSAGES_IN_THREADS)
    assert (await failure(bot, post(ask))).code is Code.NOT_ALLOWED
    direct = bot.fake.dm(ADA)
    await until(lambda: bot.fake.from_bot(direct))
    assert "I'm not allowed to write in" in bot.fake.from_bot(direct)[0].text
    assert (await failure(bot, post(ask, page=1))).code is Code.NOT_ALLOWED
    assert len(bot.fake.from_bot(direct)) == 1, "once for each question"


async def test_nothing_is_done_before_there_is_a_connection(fake: FakeDiscord) -> None:
    platform = create(settings(fake), SystemClock())
    assert platform is not None
    here = Place("discord", str(GUILD), str(GENERAL))
    with pytest.raises(PlatformError) as raised:
        await platform.installation.perform(PostMessage(here, Page("hello"), "1/0"))
    assert raised.value.code is Code.UNAVAILABLE
    await platform.installation.typing(here)
    assert fake.calls == []


async def test_nobody_is_pinged_and_no_link_unfurls(bot: Bot) -> None:
    words = f"@everyone @here <@{ADA}> <@&{GUILD}> http://x.test"
    for ask in (await mention(bot), await slash(bot, text="and now?")):
        posted = await bot.platform.installation.perform(post(ask, words))
        await bot.platform.installation.perform(edit(ask, posted, words + "!"))
        message: Message = bot.fake.message(int(posted))
        assert message.content == words + "!"
        assert message.flags & MessageFlag.SUPPRESS_EMBEDS
    assert bot.fake.pinged == []
