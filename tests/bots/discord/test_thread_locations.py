"""The place of an answer: the thread in which the question was asked, also where opening one failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.values.conversation import Ask
from core.values.outgoing import EditMessage, Page, PostMessage
from core.values.places import Place
from tests.bots.discord.conftest import Bot, running
from tests.fakes.discord import ADA, BO, BOT, GENERAL, GUILD, Permission
from tests.fakes.discord.guild import ChannelType
from tests.waiting import until

THREADS = "/channels/*/messages/*/threads"


async def ask(bot: Bot, text: str, channel: int = GENERAL, reply_to: int | None = None) -> Ask:
    await bot.fake.say(ADA, channel, f"<@{BOT}> {text}", reply_to=reply_to)
    return await bot.inbox.ask(text)


async def answer(bot: Bot, asked: Ask, words: str, page: int = 0) -> str:
    post = PostMessage(asked.place, Page(words), f"{asked.key}#{page}", answers=asked.id)
    return await bot.platform.installation.perform(post)


def shown(bot: Bot, channel: int | str) -> list[str]:
    return [message.content for message in bot.fake.from_bot(int(channel))]


async def test_a_question_inside_a_thread_is_answered_there_though_the_first_answer_is_in_the_channel(
    bot: Bot,
) -> None:
    bot.fake.fail("POST", THREADS, status=400, code=160006)
    first = await ask(bot, "what is a loom?")
    posted = await answer(bot, first, "A mach")
    thread = await bot.fake.open_thread(BO, GENERAL, int(first.id), "looms")
    second = await ask(bot, "and then?", thread)
    assert second.place == first.place
    await answer(bot, second, "Jacquard.")
    # The first answer goes on where it is.
    await bot.platform.installation.perform(EditMessage(first.place, posted, Page("A machine")))
    await answer(bot, first, "that weaves.", page=1)
    assert (shown(bot, GENERAL), shown(bot, thread)) == (["A machine", "that weaves."], ["Jacquard."])


async def test_after_a_restart_each_answer_is_edited_where_it_is(bot: Bot) -> None:
    bot.fake.fail("POST", THREADS, status=400, code=160006)
    first = await ask(bot, "what is a loom?")
    posted = await answer(bot, first, "A machine")
    thread = await bot.fake.open_thread(BO, GENERAL, int(first.id), "looms")
    second = await ask(bot, "and then?", thread)
    later = await answer(bot, second, "Jacq")
    async with running(bot.fake) as again:
        await again.platform.installation.perform(EditMessage(first.place, posted, Page("A machine.")))
        await again.platform.installation.perform(EditMessage(second.place, later, Page("Jacquard.")))
        third = await ask(again, "when?", thread)
        await answer(again, third, "In 1804.")
    assert (shown(bot, GENERAL), shown(bot, thread)) == (["A machine."], ["Jacquard.", "In 1804."])


async def test_a_reply_in_the_channel_is_answered_in_the_channel_though_there_is_a_thread_by_now(
    bot: Bot,
) -> None:
    bot.fake.fail("POST", THREADS, status=400, code=160006)
    first = await ask(bot, "what is a loom?")
    posted = await answer(bot, first, "A machine.")
    await bot.fake.open_thread(BO, GENERAL, int(first.id), "looms")
    await bot.fake.say(ADA, GENERAL, "who made it?", reply_to=int(posted))
    reply = await bot.inbox.ask("who made it?")
    # The core knows to which conversation the message belongs that was replied to.
    followed = Ask(reply.id, first.place, reply.author, reply.text, reply.at)
    await answer(bot, followed, "Jacquard.")
    assert shown(bot, GENERAL) == ["A machine.", "Jacquard."]


@pytest.mark.parametrize("lost", ["late", "cut", "502"])
async def test_a_thread_that_was_made_though_its_answer_was_lost_is_used(
    bot: Bot, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.discord.thread_locations._OPEN_WITHIN_S", 0.3)
    match lost:
        case "late":
            bot.fake.fail("POST", THREADS, status=0, delay_s=2.0)
        case "cut":
            bot.fake.fail("POST", THREADS, drop="after")
        case "502":
            bot.fake.fail("POST", THREADS, status=502, taken=True)
    first = await ask(bot, "what is a loom?")
    await answer(bot, first, "A machine.")
    await bot.fake.say(BO, int(first.id), "and then?")
    second = await bot.inbox.ask("and then?")
    await answer(bot, second, "Jacquard.")
    assert (shown(bot, GENERAL), shown(bot, first.id)) == ([], ["A machine.", "Jacquard."])


async def test_a_thread_that_is_made_after_its_answer_went_into_the_channel_holds_what_is_asked_in_it(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.discord.thread_locations._OPEN_WITHIN_S", 0.1)
    bot.fake.fail("POST", THREADS, status=503, delay_s=1.0)
    first = await ask(bot, "what is a loom?")
    await answer(bot, first, "A machine.")
    assert shown(bot, GENERAL) == ["A machine."]
    thread = await bot.fake.open_thread(BOT, GENERAL, int(first.id), "late")
    await bot.fake.say(BO, thread, "and then?")
    second = await bot.inbox.ask("and then?")
    await answer(bot, second, "Jacquard.")
    assert shown(bot, thread) == ["Jacquard."]


async def test_what_was_asked_in_the_thread_while_nobody_listened_is_found_there(bot: Bot) -> None:
    bot.fake.fail("POST", THREADS, status=400, code=160006)
    first = await ask(bot, "what is a loom?")
    await answer(bot, first, "A machine.")
    after = datetime.now(UTC) - timedelta(minutes=1)
    thread = await bot.fake.open_thread(BO, GENERAL, int(first.id), "looms")
    await until(lambda: bot.platform._locations.of(first.place) == str(thread))
    bot.fake.gateway.lose_sessions()
    await bot.fake.say(ADA, thread, f"<@{BOT}> and then?")
    (missed,) = await bot.platform.installation.missed(first.place, after)
    assert missed.place == first.place == Place("discord", str(GUILD), str(GENERAL), str(thread))
    await answer(bot, missed, "Jacquard.")
    assert shown(bot, thread) == ["Jacquard."]


async def test_where_no_thread_may_be_opened_every_answer_stays_a_reply_in_the_channel(bot: Bot) -> None:
    await bot.fake.deny(GENERAL, Permission.CREATE_PUBLIC_THREADS)
    first = await ask(bot, "what is a loom?")
    posted = await answer(bot, first, "A machine.")
    await bot.fake.say(BO, GENERAL, "who made it?", reply_to=int(posted))
    reply = await bot.inbox.ask("who made it?")
    await answer(bot, Ask(reply.id, first.place, reply.author, reply.text, reply.at), "Jacquard.")
    assert shown(bot, GENERAL) == ["A machine.", "Jacquard."]
    assert all(m.reference is not None for m in bot.fake.from_bot(GENERAL))


async def test_a_thread_is_open_unless_it_is_private_or_not_known(bot: Bot) -> None:
    installation = bot.platform.installation
    here = (await ask(bot, "what is a loom?")).place
    world = bot.fake.world
    for kind, archived, open_ in (
        (ChannelType.PUBLIC_THREAD, False, True),
        (ChannelType.PUBLIC_THREAD, True, True),
        (ChannelType.PRIVATE_THREAD, False, False),
        (ChannelType.PRIVATE_THREAD, True, False),
    ):
        thread = await bot.fake.actions.open_thread(world.channels[GENERAL], BO, "plans", kind=kind)
        if archived:
            await bot.fake.actions.change(thread, archived=True)
        assert await installation.is_open(replace(here, thread=str(thread.id))) is open_, (kind, archived)
    assert await installation.is_open(here), "its messages are in the channel"
    assert await installation.is_open(replace(here, thread=""))
    assert not await installation.is_open(replace(here, thread="999"))


async def test_a_message_has_a_link(bot: Bot) -> None:
    here = (await ask(bot, "what is a loom?")).place
    link = bot.platform.installation.message_link(replace(here, thread="7"), "8")
    assert link == f"https://discord.com/channels/{GUILD}/7/8"
    assert bot.platform.installation.message_link(here, "ask-1") == ""
