"""Text of commands and replies to messages on Discord."""

from __future__ import annotations

import pytest

from core.i18n import phrase
from core.values.conversation import Ask
from core.values.events import Command, Outcome
from core.values.outgoing import page_length
from core.values.ui import Attachment, ImmediateReply
from tests.bots.discord.conftest import Bot
from tests.bots.discord.interactions import answer, modal, took
from tests.fakes.discord import (
    ADA,
    BO,
    BOT,
    CHEN,
    GENERAL,
    GUILD,
    OTHER_BOT,
    RANDOM,
    MessageFlag,
)
from tests.fakes.discord.guild import Interaction
from tests.waiting import until

# Messages.


async def test_what_a_message_led_to_is_told_as_a_reply(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.REFUSED
    said = await bot.fake.say(BO, GENERAL, f"<@{BOT}> may I?")
    told = await until(lambda: bot.fake.from_bot(GENERAL))
    assert told[0].content == "Not here."
    assert told[0].reference is not None
    assert told[0].reference["message_id"] == str(said)
    assert told[0].flags & MessageFlag.SUPPRESS_EMBEDS


@pytest.mark.parametrize("reads", [True, False])
async def test_a_private_refusal_is_read_by_all_only_where_no_direct_message_is_let_in(
    bot: Bot, reads: bool
) -> None:
    bot.fake.world.people[BO].dm_open = reads
    bot.inbox.told = ImmediateReply("Your budget is used up.", refused=True, private=True)
    bot.inbox.outcome = Outcome.BUDGET
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> may I?")
    (told,) = await until(lambda: bot.fake.from_bot(bot.fake.dm(BO) if reads else GENERAL))
    assert told.content == "Your budget is used up."
    assert bot.fake.from_bot(GENERAL) == ([] if reads else [told])


async def test_a_private_note_is_never_read_by_all(bot: Bot) -> None:
    bot.fake.world.people[BO].dm_open = False
    bot.inbox.told = ImmediateReply("80 % is spent.", private=True)
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> first?")
    await bot.inbox.ask("first?")
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.REFUSED
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> second?")
    assert [one.content for one in await until(lambda: bot.fake.from_bot(GENERAL))] == ["Not here."]


async def test_a_file_that_a_message_asked_for_comes_by_direct_message(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = (
        ImmediateReply("Here.", file=Attachment("a.md", "text/markdown", b"a")),
        Outcome.TOLD,
    )
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> /export me")
    (told,) = await until(lambda: bot.fake.from_bot(bot.fake.dm(BO)))
    assert [file.data for file in told.attachments] == [b"a"]
    assert bot.fake.from_bot(GENERAL) == []


async def test_where_no_direct_message_is_let_in_the_other_way_is_told(bot: Bot) -> None:
    bot.fake.world.people[BO].dm_open = False
    bot.inbox.told, bot.inbox.outcome = (
        ImmediateReply("Here.", file=Attachment("a.md", "text/markdown", b"a")),
        Outcome.TOLD,
    )
    await bot.fake.say(BO, GENERAL, f"<@{BOT}> /export me")
    (told,) = await until(lambda: bot.fake.from_bot(GENERAL))
    assert (told.content, told.attachments) == (phrase("export_no_direct", "en"), [])


def unanswered(bot: Bot) -> list[Interaction]:
    return [one for one in bot.fake.world.interactions.values() if one.answered is None]


async def test_an_interaction_of_nobody_we_know_does_no_harm(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Help."), Outcome.TOLD
    bot.fake.world.commands.append(bot.fake.registered_commands["help"] | {"name": "older", "id": "1"})
    assert (await answer(bot, await bot.fake.slash(ADA, GENERAL, "older"))).content == "Help."
    assert (await took(bot, "older")).name == "older"
    assert unanswered(bot) == []


# Words.


async def test_the_words_of_a_question_have_names_for_ids_as_those_of_a_message(bot: Bot) -> None:
    words = f"what did <@{BO}> and <@!{CHEN}> say in <#{RANDOM}> with <:pepe:99>, </ask:1> and <@&{GUILD}> at <t:0>?"
    await bot.fake.say(ADA, GENERAL, f"<@{BOT}> {words}")
    said = await until(lambda: next(iter(bot.inbox.of(Ask)), None))
    assert (
        said.text == "what did @Bo Larsen and @陈晨 say in #random with :pepe:, /ask and @@everyone at <t:0>?"
    )
    await bot.fake.slash(ADA, GENERAL, "ask", question=words)
    assert (await took(bot, "ask")).options == {"question": said.text}
    loom = await bot.fake.say(BO, GENERAL, f"<@{CHEN}> the loom")
    opened = await bot.fake.context_menu(ADA, GENERAL, loom, "Ask about this")
    assert (await modal(bot, opened))["components"][1]["component"]["value"] == "@陈晨 the loom"
    await bot.fake.submit_modal(opened, question=words)
    asked = await until(lambda: bot.inbox.of(Command)[1:])
    assert asked[0].options == {"question": said.text, "about": "@陈晨 the loom"}


async def test_ids_that_nobody_knows_stay_and_few_are_looked_up(bot: Bot) -> None:
    words = " ".join(f"<@{number}>" for number in range(7_000, 7_100))
    await bot.fake.slash(ADA, GENERAL, "ask", question=words)
    assert (await took(bot, "ask")).options == {"question": words}
    assert len([call for call in bot.fake.calls if "/members/" in call.path]) == 5


async def test_settings_keep_the_ids_that_they_are_given(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Done."), Outcome.TOLD
    await bot.fake.slash(ADA, GENERAL, "settings", name="deny", value=f"<@{BO}>")
    assert (await took(bot, "settings")).options["value"] == f"<@{BO}>"


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_message_that_is_too_long_for_the_form_is_marked_as_cut(bot: Bot, language: str) -> None:
    embeds = [{"type": "rich", "description": f"{number} " + "🧵" * 1_000} for number in range(6)]
    said = await bot.fake.say(OTHER_BOT, GENERAL, "", embeds=embeds)
    opened = await bot.fake.context_menu({"en": BO, "zh": CHEN}[language], GENERAL, said, "Ask about this")
    held = (await modal(bot, opened))["components"][1]["component"]["value"]
    assert held.endswith(phrase("text_cut", language, n=6_017))
    assert page_length(held, "utf16") in (3_999, 4_000)


@pytest.mark.parametrize("length", [1, 2_000, 4_000])
async def test_a_message_that_fits_into_the_form_is_whole(bot: Bot, length: int) -> None:
    said = await bot.fake.say(BO, GENERAL, "x" * length)
    opened = await bot.fake.context_menu(BO, GENERAL, said, "Ask about this")
    assert (await modal(bot, opened))["components"][1]["component"]["value"] == "x" * length


async def test_a_message_without_words_can_not_be_asked_about_and_that_is_said(bot: Bot) -> None:
    said = await bot.fake.say(BO, GENERAL, "\u200b")
    opened = await bot.fake.context_menu(CHEN, GENERAL, said, "Ask about this")
    told = await answer(bot, opened)
    assert (told.content, told.ephemeral_to) == (phrase("about_nothing", "zh"), CHEN)
