"""An unreadable message costs itself alone: live, in a history, after downtime, and in a message's menu."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bots.discord.lenient import read_message
from core.i18n import phrase
from core.values.conversation import Ask
from tests.bots.discord.conftest import Bot
from tests.bots.discord.interactions import modal, took
from tests.bots.discord.reader import MESSAGE, Reader
from tests.fakes.discord import ADA, BO, BOT, GENERAL, GUILD
from tests.waiting import until

Json = dict[str, Any]

ODD: list[Json] = [
    {"embeds": [{"title": "kept"}, {"timestamp": 5}]},
    {"embeds": None},
    {"attachments": [{"id": "x"}]},
    {"components": [{"type": 1, "components": 3}]},
    {"components": None},
    {"sticker_items": [{"name": "no id"}]},
    {"poll": {"question": None}},
    {"message_snapshots": [{}]},
    {"mentions": [{"username": "nobody"}]},
    {"mentions": None},
    {"reactions": [{"emoji": None}]},
    {"interaction_metadata": {}},
    {"message_reference": {"type": 0}, "referenced_message": {"id": "x"}, "type": 19},
    {"edited_timestamp": "yesterday"},
    {"flags": "many"},
    {"thread": {}},
    {"call": {}},
    {"webhook_id": "x"},
]
LOST: list[Json] = [{"author": None}, {"author": {}}, {"type": 4_000}, {"type": None, "author": None}]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_the_words_of_a_message_are_read_whatever_else_it_has(odd: Json) -> None:
    reader = Reader()
    data = reader.payload("what is 2+2?") | odd
    message = read_message(reader.state, reader.client.get_channel(GENERAL), data)
    assert (message.id, message.content, message.author.id) == (MESSAGE, "what is 2+2?", ADA)
    assert [embed.title for embed in message.embeds] == (["kept"] if odd.get("embeds") else [])


@pytest.mark.parametrize("odd", [{"author": None}, {"author": {}}, {"id": "x"}, {"id": None}], ids=str)
def test_a_message_without_id_or_author_is_one_that_nobody_said(odd: Json) -> None:
    reader = Reader()
    data = reader.payload(f"<@{BOT}> what is 2+2?") | odd
    message = read_message(reader.state, reader.client.get_channel(GENERAL), data)
    assert message.author.id == 0
    assert message.type.value == -1
    read_message(reader.state, reader.client.get_channel(GENERAL), "nothing")


async def test_an_odd_message_is_heard_and_what_follows_too(bot: Bot) -> None:
    for number, odd in enumerate(ODD):
        await bot.fake.say(ADA, GENERAL, f"<@{BOT}> question {number}", **odd)
        if "mentions" not in odd:  # nobody is mentioned any more
            await bot.inbox.ask(f"question {number}")
    for odd in LOST:
        await bot.fake.say(ADA, GENERAL, f"<@{BOT}> from nobody", **odd)
    await bot.fake.gateway.dispatch("MESSAGE_CREATE", {"guild_id": str(GUILD)})
    await bot.fake.gateway.dispatch("MESSAGE_UPDATE", {"id": "7", "channel_id": str(GENERAL)})
    await bot.fake.say(ADA, GENERAL, f"<@{BOT}> and now?")
    await bot.inbox.ask("and now?")
    assert "from nobody" not in [ask.text for ask in bot.inbox.of(Ask)]


async def test_an_odd_message_does_not_cost_the_history_around_it(bot: Bot) -> None:
    since = datetime.fromtimestamp(bot.fake.clock.now(), UTC) - timedelta(minutes=1)
    root = await bot.fake.say(ADA, GENERAL, "root")
    thread = await bot.fake.open_thread(ADA, GENERAL, root, "A thread")
    for number, odd in enumerate([*ODD, *LOST]):
        await bot.fake.say(BO, thread, f"line {number}", **odd)
    asked = await bot.fake.say(ADA, thread, f"<@{BOT}> why?")
    ask = await bot.inbox.ask("why?")
    assert ask.id == str(asked)
    heard = ["root", *(f"line {number}" for number in range(len(ODD)))]
    history = await bot.platform.installation.history(ask.place, ask)
    assert [entry.text for entry in history.entries] == heard
    assert history.complete
    recent = await bot.platform.installation.recent(ask.place, 100)
    assert [entry.text for entry in recent.entries] == [*heard, "why?"]
    missed = await bot.platform.installation.missed(ask.place, since)
    assert [one.text for one in missed] == [*heard[1:], "why?"]
    bot.fake.spec_problems.clear()  # of the fake's own answers, which are odd on purpose


@pytest.mark.parametrize("odd", [*ODD, *LOST], ids=str)
async def test_the_menu_of_an_odd_message_opens(bot: Bot, odd: Json) -> None:
    said = await bot.fake.say(ADA, GENERAL, "the loom is broken", **odd)
    opened = await bot.fake.context_menu(BO, GENERAL, said, phrase("menu_ask", "en"))
    lost = "author" in odd
    if lost:
        told = await until(lambda: bot.fake.interaction(opened).response)
        await until(lambda: told.content == phrase("about_nothing", "en"))
        assert told.ephemeral_to == BO
    else:
        assert "the loom is broken" in str(await modal(bot, opened))
    await bot.fake.context_menu(BO, GENERAL, said, phrase("menu_summarize", "en"))
    since = (await took(bot, "summarize")).options["since"]
    assert datetime.fromisoformat(since).timestamp() == pytest.approx(
        bot.fake.message(said).created_at, abs=0.01
    )
