"""Threads and other places in which a question is answered on Discord."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Code
from core.values.events import Outcome
from core.values.outgoing import Page, PostMessage
from core.values.places import Place
from core.values.ui import ImmediateReply
from tests.bots.discord.calls import edit, failure, mention, post, shown, slash
from tests.bots.discord.conftest import Bot, running
from tests.fakes.discord import (
    ADA,
    BO,
    BOT,
    FORUM,
    GENERAL,
    GUILD,
    OTHER_BOT,
    ChannelType,
    Permission,
)
from tests.fakes.discord.guild import INVITED

# Threads


async def test_a_mention_opens_a_thread_and_is_answered_there(bot: Bot) -> None:
    ask = await mention(bot, "what is a **loom**?")
    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.platform.installation.perform(post(ask, "that weaves.", page=1))
    await bot.platform.installation.perform(edit(ask, posted, "A machine"))

    thread = bot.fake.thread_of(int(ask.id))
    assert thread is not None
    assert (thread.name, thread.auto_archive_minutes) == ("what is a loom?", 1440)
    assert shown(bot, thread.id) == ["A machine", "that weaves."]
    assert shown(bot, GENERAL) == []


async def test_a_follow_up_in_the_thread_needs_no_mention(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    await bot.fake.say(BO, int(ask.place.thread), "who made it?")
    follow_up = await bot.inbox.ask("who made it?")
    assert follow_up.place == ask.place
    assert (follow_up.addressed, follow_up.author.name) == (False, "Bo Larsen")

    await bot.platform.installation.perform(post(follow_up, "Jacquard."))
    assert shown(bot, ask.place.thread) == ["A machine.", "Jacquard."]


async def test_a_thread_that_somebody_opened_first_is_used(bot: Bot) -> None:
    ask = await mention(bot)
    async with running(bot.fake) as later:
        await bot.fake.open_thread(BO, GENERAL, int(ask.id), "looms")
        await later.platform.installation.perform(post(ask))
    assert shown(bot, ask.id) == ["A machine."]


@pytest.mark.parametrize("reason", ["forbidden", "refused for minutes", "broken"])
async def test_where_no_thread_can_be_opened_the_answer_is_a_reply_in_the_channel(
    bot: Bot, reason: str
) -> None:
    path = "/channels/*/messages/*/threads"
    if reason == "forbidden":
        await bot.fake.deny(GENERAL, Permission.CREATE_PUBLIC_THREADS)
    elif reason == "broken":
        bot.fake.fail("POST", path, status=503)
    else:
        bot.fake.fail("POST", path, retry_after=219.0, scope="shared")
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.platform.installation.perform(edit(ask, posted, "A machine"))
    await bot.platform.installation.perform(post(ask, "that weaves.", page=1))

    assert shown(bot, GENERAL) == ["A machine", "that weaves."]
    for message in bot.fake.from_bot(GENERAL):
        assert message.reference is not None
        assert message.reference["message_id"] == ask.id
    assert bot.fake.thread_of(int(ask.id)) is None


@pytest.mark.parametrize("kind", [ChannelType.VOICE, ChannelType.STAGE])
async def test_in_the_chat_of_a_voice_channel_which_has_no_threads_the_answer_is_a_reply(
    bot: Bot, kind: ChannelType
) -> None:
    """https://docs.discord.com/developers/resources/channel#start-thread-from-message"""
    lounge = await bot.fake.add_channel("lounge", kind=kind)
    ask = await mention(bot, channel=lounge)
    await bot.platform.installation.perform(post(ask))
    assert shown(bot, lounge) == ["A machine."]
    follow_up = await bot.fake.say(BO, lounge, "who made it?", bot.fake.from_bot(lounge)[0].id)
    assert (await bot.inbox.ask("who made it?")).place.thread == f"ask-{bot.fake.from_bot(lounge)[0].id}"
    assert follow_up


async def test_a_mention_in_an_announcement_channel_opens_a_thread_there(bot: Bot) -> None:
    news = await bot.fake.add_channel("news", kind=ChannelType.ANNOUNCEMENT)
    ask = await mention(bot, channel=news)
    await bot.platform.installation.perform(post(ask))
    thread = bot.fake.thread_of(int(ask.id))
    assert thread is not None
    assert shown(bot, thread.id) == ["A machine."]
    await bot.fake.say(BO, thread.id, "who made it?")
    assert (await bot.inbox.ask("who made it?")).place == ask.place


async def test_where_it_may_open_threads_but_not_speak_in_them_it_answers_in_the_channel(bot: Bot) -> None:
    """An empty thread would be all that is seen of an answer."""
    await bot.fake.deny(GENERAL, Permission.SEND_MESSAGES_IN_THREADS)
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    assert shown(bot, GENERAL) == ["A machine."]
    assert bot.fake.thread_of(int(ask.id)) is None


async def test_where_it_may_not_read_on_it_answers_without_a_reference(bot: Bot) -> None:
    """A reply takes the right to read the history, a message does not."""
    denied = (Permission.READ_MESSAGE_HISTORY, Permission.CREATE_PUBLIC_THREADS)
    await bot.fake.deny(GENERAL, *denied)
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    assert shown(bot, GENERAL) == ["A machine."]


async def test_where_it_may_not_read_on_people_are_told_things_all_the_same(bot: Bot) -> None:
    await bot.fake.deny(GENERAL, Permission.READ_MESSAGE_HISTORY)
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.TOLD
    await mention(bot)
    await bot.fake.wait_for(lambda: shown(bot, GENERAL) == ["Not here."])


async def test_an_answer_in_the_channel_goes_on_there_after_a_restart(bot: Bot) -> None:
    await bot.fake.deny(GENERAL, Permission.CREATE_PUBLIC_THREADS)
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask, "A"))
    async with running(bot.fake) as later:
        await later.platform.installation.perform(edit(ask, posted, "A machine."))
        await bot.fake.say(BO, GENERAL, "and then?", reply_to=int(posted))
        reply = await later.inbox.ask("and then?")
        follow_up = PostMessage(ask.place, Page("Then Jacquard."), "2/0", answers=reply.id)
        await later.platform.installation.perform(follow_up)
    assert shown(bot, GENERAL) == ["A machine.", "Then Jacquard."]


async def test_a_thread_goes_on_after_a_restart_though_it_is_archived(bot: Bot) -> None:
    ask = await mention(bot)
    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.fake.archive(int(ask.id))
    async with running(bot.fake) as later:
        await later.platform.installation.perform(edit(ask, posted, "A machine."))
        await later.platform.installation.perform(post(ask, "It weaves.", page=1))
    assert shown(bot, ask.id) == ["A machine.", "It weaves."]


async def test_a_forum_post_is_a_thread_whose_first_message_has_its_id(bot: Bot) -> None:
    thread = await bot.fake.open_thread(ADA, FORUM, None, "Looms", f"<@{BOT}> what is a loom?")
    ask = await bot.inbox.ask("Looms\n\nwhat is a loom?")
    assert ask.place == Place("discord", str(GUILD), str(FORUM), str(thread))
    await bot.platform.installation.perform(post(ask, "A machine."))
    await bot.fake.archive(thread)
    async with running(bot.fake) as later:
        await later.platform.installation.perform(post(ask, "It weaves.", page=1))
    assert shown(bot, thread) == ["A machine.", "It weaves."]


async def test_a_locked_thread_says_no(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    await bot.fake.archive(int(ask.id), locked=True)
    assert (await failure(bot, post(ask, "more", page=1))).code is Code.NOT_ALLOWED


def test_the_link_by_which_it_is_invited_asks_for_what_it_has_here() -> None:
    """So that every test of this room shows that it needs no other rights."""
    told = (Path(__file__).parents[3] / "deploy" / "README.md").read_text()
    assert f"scope=bot+applications.commands&permissions={int(INVITED)}\n" in told


# Other places


async def test_a_direct_message_is_answered_without_a_thread(bot: Bot) -> None:
    await bot.fake.direct(ADA, "what is a loom?")
    ask = await bot.inbox.ask("what is a loom?")
    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.platform.installation.perform(edit(ask, posted, "A machine."))
    assert shown(bot, bot.fake.dm(ADA)) == ["A machine."]
    assert bot.fake.from_bot(bot.fake.dm(ADA))[0].reference is None


async def test_a_reply_to_the_bot_in_a_channel_is_answered_by_a_reply(bot: Bot) -> None:
    first = await slash(bot)
    posted = await bot.platform.installation.perform(post(first))
    await bot.fake.say(BO, GENERAL, "who made it?", reply_to=int(posted), ping=False)
    ask = await bot.inbox.ask("who made it?")
    assert (ask.addressed, ask.replies_to, ask.place.thread) == (True, posted, f"ask-{posted}")

    await bot.platform.installation.perform(post(ask, "Jacquard."))
    reply = bot.fake.from_bot(GENERAL)[-1]
    assert reply.content == "Jacquard."
    assert reply.reference is not None
    assert reply.reference["message_id"] == ask.id


async def test_what_is_said_to_nobody_is_heard_but_not_addressed(bot: Bot) -> None:
    await bot.fake.say(ADA, GENERAL, "lunch?")
    assert not (await bot.inbox.ask("lunch?")).addressed
    await bot.fake.bot_says(GENERAL, "beep")
    assert (await bot.inbox.ask("beep")).author.id == str(OTHER_BOT)
