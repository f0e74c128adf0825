"""History, missed messages and limits of Discord."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import Code, PlatformError
from core.values.conversation import Ask
from core.values.outgoing import EditMessage, Page, PostMessage
from core.values.places import Place
from tests.bots.discord.calls import mention, post, slash
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import (
    ADA,
    BO,
    BOT,
    CHEN,
    FORUM,
    GENERAL,
    GUILD,
    Permission,
)
from tests.waiting import until

# Reading


async def test_history_of_a_thread_begins_with_what_it_was_opened_on(bot: Bot) -> None:
    root = await bot.fake.say(ADA, GENERAL, "the loom is broken")
    starter = await bot.fake.say(BO, GENERAL, "which one?", reply_to=root)
    thread = await bot.fake.open_thread(CHEN, GENERAL, starter, "looms")
    await bot.fake.say(CHEN, thread, "the left one")
    await bot.fake.say(ADA, thread, f"<@{BOT}> what now?")
    ask = await bot.inbox.ask("what now?")
    await bot.fake.say(BO, thread, "later")

    history = await bot.platform.installation.history(ask.place, ask)
    assert [(e.author.name, e.text) for e in history.entries] == [
        ("Ada Byron", "the loom is broken"),
        ("Bo Larsen", "which one?"),
        ("陈晨", "the left one"),
    ]
    assert history.complete


async def test_a_long_thread_is_cut_but_keeps_its_starter(bot: Bot) -> None:
    starter = await bot.fake.say(ADA, GENERAL, "the start")
    thread = await bot.fake.open_thread(ADA, GENERAL, starter, "long")
    for n in range(105):
        await bot.fake.say(BO, thread, f"line {n}")
    await bot.fake.say(ADA, thread, f"<@{BOT}> sum up")
    ask = await bot.inbox.ask("sum up")
    history = await bot.platform.installation.history(ask.place, ask)
    assert not history.complete
    assert [history.entries[0].text, history.entries[1].text, history.entries[-1].text] == [
        "the start",
        "line 5",
        "line 104",
    ]


async def test_a_place_that_was_just_opened_has_no_history_and_needs_no_call(bot: Bot) -> None:
    for ask in (await mention(bot), await slash(bot, text="and now?")):
        before = len(bot.fake.calls)
        history = await bot.platform.installation.history(ask.place, ask)
        assert (history.entries, history.complete) == ((), True)
        assert len(bot.fake.calls) == before


async def test_a_mention_in_a_reply_knows_what_it_replies_to(bot: Bot) -> None:
    said = await bot.fake.say(BO, GENERAL, "looms think")
    await bot.fake.say(ADA, GENERAL, f"<@{BOT}> is that so?", reply_to=said)
    ask = await bot.inbox.ask("is that so?")
    history = await bot.platform.installation.history(ask.place, ask)
    assert [entry.text for entry in history.entries] == ["looms think"]


async def test_history_of_a_chain_of_replies(bot: Bot) -> None:
    first = await slash(bot)
    answer = await bot.platform.installation.perform(post(first, "A machine.", notice="Cut."))
    last = int(answer)
    for n in range(12):
        last = await bot.fake.say(BO, GENERAL, f"reply {n}", reply_to=last)
    await bot.fake.say(ADA, GENERAL, "so?", reply_to=int(answer))
    ask = await bot.inbox.ask("so?")
    (entry,) = (await bot.platform.installation.history(ask.place, ask)).entries
    assert (entry.text, entry.mine) == ("A machine.", True)

    long = Ask("9" * 19, ask.place, ask.author, "?", ask.at, replies_to=str(last))
    entries = (await bot.platform.installation.history(ask.place, long)).entries
    assert [entry.text for entry in entries] == [f"reply {n}" for n in range(2, 12)]


async def test_history_of_a_direct_message_is_its_recent_window(bot: Bot) -> None:
    for n in range(35):
        await bot.fake.direct(ADA, f"line {n}")
    ask = await bot.inbox.ask("line 34")
    history = await bot.platform.installation.history(ask.place, ask)
    assert [entry.text for entry in history.entries] == [f"line {n}" for n in range(4, 34)]


async def test_history_that_is_refused_says_so(bot: Bot) -> None:
    thread = await bot.fake.open_thread(ADA, GENERAL, None, "looms")
    await bot.fake.say(ADA, thread, f"<@{BOT}> what now?")
    ask = await bot.inbox.ask("what now?")
    bot.fake.fail("GET", "/channels/*/messages", retry_after=60.0)
    with pytest.raises(PlatformError) as slow:
        await bot.platform.installation.history(ask.place, ask)
    assert slow.value.code is Code.SLOW_DOWN


async def test_what_was_missed_says_who_may_what(bot: Bot) -> None:
    weavers = await bot.fake.grant(BO, Permission.MANAGE_CHANNELS, role="weavers")
    here = Place("discord", str(GUILD), str(GENERAL))
    after = datetime.now(UTC) - timedelta(minutes=1)
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> may I?")
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> and now?")
    calls = len(bot.fake.calls)
    asks = await bot.platform.installation.missed(here, after)
    assert [(ask.author.roles, ask.author.manager, ask.author.admin) for ask in asks] == [
        ((str(weavers),), True, False)
    ] * 2
    assert len(bot.fake.calls) - calls == 2, "one read, and one look-up for each person"


async def test_nobody_is_looked_up_for_what_nothing_comes_of(bot: Bot) -> None:
    bot.inbox.concerned = False
    after = datetime.now(UTC) - timedelta(minutes=1)
    await bot.fake.say(BO, GENERAL, "news")
    calls = len(bot.fake.calls)
    (ask,) = await bot.platform.installation.missed(Place("discord", str(GUILD), str(GENERAL)), after)
    assert (ask.text, ask.author.may_read) == ("news", False)
    assert len(bot.fake.calls) - calls == 1


async def test_threads_are_looked_into_too_and_what_may_not_be_read_is_not(bot: Bot) -> None:
    chat = await bot.fake.open_thread(BO, GENERAL, None, "a chat")
    secret = await bot.fake.add_channel("secret")
    await bot.fake.deny(secret, Permission.VIEW_CHANNEL)
    await until(lambda: str(chat) in {place.thread for place in bot.platform.installation.channels()})
    shown = {place.thread or place.channel for place in bot.platform.installation.channels()}
    assert shown >= {str(GENERAL), str(FORUM), str(chat)}
    await until(lambda: str(secret) not in {place.channel for place in bot.platform.installation.channels()})


async def test_posts_of_a_forum_that_were_archived_meanwhile_are_missed_with_their_title(bot: Bot) -> None:
    here = Place("discord", str(GUILD), str(FORUM))
    earlier = await bot.fake.open_thread(BO, FORUM, None, "Long ago", "Known.")
    await bot.fake.archive(earlier)
    await asyncio.sleep(0.01)  # ids know milliseconds
    after = datetime.now(UTC)
    await asyncio.sleep(0.01)
    calls = len(bot.fake.calls)
    assert await bot.platform.installation.missed(here, after) == []
    assert len(bot.fake.calls) == calls, "no post is that new"
    post = await bot.fake.open_thread(BO, FORUM, None, "Why is it slow?", "It creaks.")
    await bot.fake.archive(post)
    shown = await bot.fake.open_thread(BO, FORUM, None, "And dusty?", "Very.")
    await until(lambda: str(shown) in {place.thread for place in bot.platform.installation.channels()})
    asks = await bot.platform.installation.missed(here, after)
    assert [(ask.text, ask.id, ask.place.thread) for ask in asks] == [
        ("Why is it slow?\n\nIt creaks.", str(post), str(post))
    ]


async def test_the_title_of_a_forums_post_is_read_with_it(bot: Bot) -> None:
    thread = await bot.fake.open_thread(BO, FORUM, None, "Why is it slow?", "It creaks.")
    await bot.fake.say(ADA, thread, f"<@{BOT}> do you know?")
    ask = await bot.inbox.ask("do you know?")
    history = await bot.platform.installation.history(ask.place, ask)
    assert [entry.text for entry in history.entries] == ["Why is it slow?\n\nIt creaks."]


async def test_typing_shows_where_the_answer_will_be_or_else_in_the_channel(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.platform.installation.typing(ask.place)
    await bot.platform.installation.perform(post(ask))
    await bot.platform.installation.typing(ask.place)
    bot.fake.fail("POST", "/channels/*/typing", status=403, code=50001)
    await bot.platform.installation.typing(ask.place)
    assert [channel for channel, _ in bot.fake.typing] == [GENERAL, int(ask.id)]


async def test_a_channel_is_found_by_its_id(bot: Bot) -> None:
    assert await bot.platform.installation.channel(str(GENERAL)) == Place("discord", str(GUILD), str(GENERAL))
    for unknown in ("999", "general"):
        with pytest.raises(PlatformError) as raised:
            await bot.platform.installation.channel(unknown)
        assert raised.value.code is Code.GONE


async def test_a_post_to_a_channel_itself_is_a_plain_message(bot: Bot) -> None:
    here = await bot.platform.installation.channel(str(GENERAL))
    await bot.platform.installation.perform(PostMessage(here, Page("Usage"), "digest/1"))
    assert [(m.content, m.reference) for m in bot.fake.from_bot(GENERAL)] == [("Usage", None)]


async def test_budgets_are_per_channel_and_kind_and_tickets_have_their_own(bot: Bot) -> None:
    thread = Place("discord", "1", "2", "3")
    scopes = [
        [b.scope for b in bot.platform.installation.rate_limits(s)]
        for s in (PostMessage(thread, Page(""), "k"), EditMessage(thread, "4", Page("")))
    ]
    assert scopes == [
        [f"discord/{BOT}/post/3", f"discord/{BOT}/bot"],
        [f"discord/{BOT}/edit/3", f"discord/{BOT}/bot"],
    ]
    (interaction_token,) = bot.platform.installation.rate_limits(
        EditMessage(thread, "4", Page(""), interaction_token="secret")
    )
    assert "secret" not in interaction_token.scope
