"""The command `/ask`, buttons, edits and deletions on Discord."""

from __future__ import annotations

from core.errors import Code, StoreError
from core.i18n import error_text
from core.values.conversation import Ask
from core.values.events import ButtonPress, Deleted, Edited, Outcome
from core.values.places import Place
from core.values.ui import Button
from tests.bots.discord.calls import edit, failure, mention, post, shown, slash
from tests.bots.discord.conftest import Bot, running
from tests.fakes.discord import (
    ADA,
    BO,
    BOT,
    CHEN,
    GENERAL,
    GUILD,
    FakeDiscord,
    MessageFlag,
)
from tests.waiting import until

# The slash command


async def test_ask_is_deferred_and_its_reply_is_the_answer(bot: Bot) -> None:
    ask = await slash(bot)
    response = bot.fake.interaction(int(ask.id)).response
    assert response is not None
    assert response.loading

    posted = await bot.platform.installation.perform(post(ask, "A"))
    await bot.platform.installation.perform(edit(ask, posted, "A machine"))
    await bot.platform.installation.perform(post(ask, "that weaves.", page=1))
    assert (posted, response.loading) == (str(response.id), False)
    assert shown(bot, GENERAL) == ["A machine", "that weaves."]
    assert all(message.flags & MessageFlag.SUPPRESS_EMBEDS for message in bot.fake.from_bot(GENERAL))


async def test_ask_is_answered_in_its_reply_after_a_restart(bot: Bot) -> None:
    ask = await slash(bot)
    async with running(bot.fake) as later:
        assert await later.platform.installation.find(post(ask)) is None
        posted = await later.platform.installation.perform(post(ask, "A machine"))
        await later.platform.installation.perform(post(ask, "that weaves.", page=1))
        assert await later.platform.installation.find(post(ask, "A machine")) == posted
    assert shown(bot, GENERAL) == ["A machine", "that weaves."]


async def test_an_answer_outlives_its_ticket_where_the_bot_is_in_the_channel(bot: Bot) -> None:
    ask = await slash(bot)
    posted = await bot.platform.installation.perform(post(ask, "A"))
    bot.fake.clock.advance(901)
    await bot.platform.installation.perform(edit(ask, posted, "A machine"))
    await bot.platform.installation.perform(edit(ask, posted, "A machine."))
    assert shown(bot, GENERAL) == ["A machine."]
    assert (await failure(bot, post(ask, "more", page=1))).code is Code.EXPIRED
    assert [b.scope for b in bot.platform.installation.rate_limits(edit(ask, posted, ""))] == [
        f"discord/{BOT}/edit/{GENERAL}",
        f"discord/{BOT}/bot",
    ]


async def test_ask_works_between_people_until_its_ticket_dies(bot: Bot) -> None:
    chat = bot.fake.private_chat(ADA)
    ask = await slash(bot, chat)
    assert ask.place == Place("discord", str(BOT), str(chat), f"ask-{ask.id}")
    posted = await bot.platform.installation.perform(post(ask))
    assert shown(bot, chat) == ["A machine."]
    bot.fake.clock.advance(901)
    assert (await failure(bot, edit(ask, posted, "more"))).code is Code.EXPIRED


async def test_a_store_that_fails_is_told_in_the_askers_language(bot: Bot) -> None:
    bot.inbox.error = StoreError("disk full")
    interaction = await bot.fake.slash(CHEN, GENERAL, "ask", question="织布机是什么？")
    told = await until(lambda: bot.fake.interaction(interaction).followups)
    why = error_text(bot.inbox.error, "zh")
    assert (told[0].content, told[0].ephemeral_to) == (f"{why}\n\n你写的是：\n> 织布机是什么？", CHEN)
    await until(lambda: shown(bot, GENERAL) == [told[0].content])

    question = await bot.fake.say(ADA, GENERAL, f"<@{BOT}> hello")
    reply = await until(lambda: next((m for m in bot.fake.from_bot(GENERAL) if m.reference), None))
    assert reply.content == error_text(bot.inbox.error, "en")
    assert bot.inbox.error.ref in dict(bot.inbox.failures), "the operator can look it up"
    assert reply.reference is not None
    assert reply.reference["message_id"] == str(question)


async def test_a_question_that_is_not_taken_does_not_think_for_ever(bot: Bot) -> None:
    bot.inbox.outcome = Outcome.DRAINING
    ask = await slash(bot)
    told = await until(lambda: bot.fake.interaction(int(ask.id)).followups)
    await until(lambda: [message.id for message in bot.fake.from_bot(GENERAL)] == [told[0].id])


# Buttons, edits, deletions


async def test_a_button_is_a_press_after_a_restart_too(fake: FakeDiscord) -> None:
    async with running(fake) as bot:
        ask = await mention(bot)
        posted = await bot.platform.installation.perform(post(ask, buttons=(Button("again", "Again", 42),)))
    async with running(fake) as bot:
        await fake.press(BO, int(ask.id), int(posted), "parley:again:42")
        press = await until(lambda: next(iter(bot.inbox.of(ButtonPress)), None))
        assert (press.action, press.turn_id, press.place, press.author.id) == ("again", 42, ask.place, str(BO))
        await bot.platform.installation.perform(edit(ask, posted, "A machine."))
    assert fake.message(int(posted)).buttons == []


async def test_an_interaction_that_another_process_took_is_left_to_it(bot: Bot) -> None:
    async with running(bot.fake) as twin:
        await bot.fake.slash(ADA, GENERAL, "ask", question="who takes it?")
        await until(lambda: sum(call.path.endswith("/callback") for call in bot.fake.calls) == 2)
        await until(lambda: bot.inbox.events or twin.inbox.events)
    assert len(bot.inbox.of(Ask)) + len(twin.inbox.of(Ask)) == 1


async def test_edits_and_deletions_are_heard(bot: Bot) -> None:
    ask = await mention(bot)
    await bot.platform.installation.perform(post(ask))
    said = [await bot.fake.say(BO, int(ask.id), text) for text in ("one", "two", "three")]
    await bot.fake.edit(said[0], "ONE")
    await bot.fake.delete(said[0])
    bulk = {"ids": [str(i) for i in said[1:]], "channel_id": ask.id, "guild_id": str(GUILD)}
    await bot.fake.gateway.dispatch("MESSAGE_DELETE_BULK", bulk)

    await until(lambda: len(bot.inbox.of(Deleted)) == 3)
    assert bot.inbox.of(Edited) == [Edited(ask.place, str(said[0]), "ONE")]
    assert bot.inbox.of(Deleted) == [Deleted(ask.place, str(i)) for i in said]
