"""The platform on the real discord.py: what people do in a Discord on loopback, and what they see."""

from __future__ import annotations

from core.types import Edit, Page, Place, Post
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import ADA, BOT, GENERAL, GUILD


async def test_a_mention_opens_a_thread_and_is_answered_there(bot: Bot) -> None:
    question = await bot.fake.say(ADA, GENERAL, f"<@{BOT}> what is a **loom**?")
    ask = await bot.inbox.ask("what is a **loom**?")
    assert ask.place == Place("discord", str(GUILD), str(GENERAL), str(question))
    assert ask.addressed

    posted = await bot.platform.perform(Post(ask.place, Page("A"), "1/0", answers=ask.id))
    await bot.platform.perform(Edit(ask.place, posted, Page("A machine.")))

    thread = bot.fake.thread_of(question)
    assert thread is not None
    assert thread.name == "what is a loom ?"
    assert [m.content for m in bot.fake.from_bot(thread.id)] == ["A machine."]
    assert bot.fake.from_bot(GENERAL) == []


async def test_ask_is_deferred_and_its_reply_is_the_answer(bot: Bot) -> None:
    interaction = await bot.fake.slash(ADA, GENERAL, "ask", question="what is a loom?")
    ask = await bot.inbox.ask("what is a loom?")
    assert ask.id == str(interaction)
    assert bot.fake.interaction(interaction).deferred

    posted = await bot.platform.perform(Post(ask.place, Page("A"), "1/0", answers=ask.id, ticket=ask.ticket))
    await bot.platform.perform(Edit(ask.place, posted, Page("A machine."), ticket=ask.ticket))

    assert not bot.fake.interaction(interaction).deferred
    assert [m.content for m in bot.fake.from_bot(GENERAL)] == ["A machine."]
