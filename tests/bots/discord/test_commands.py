"""Commands, menus, buttons and forms on the real discord.py: what is registered, heard, and shown to whom."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import discord
import pytest

from bots.discord.commands import CHAT, MESSAGE, payloads
from bots.discord.forms import SettingsSheet, custom_id_to_sheet, sheet_to_custom_id
from bots.discord.replies import reply_to_contents
from core.commands import COMMANDS, MENUS, press_form
from core.errors import StoreError
from core.i18n import error_text, language_of, phrase
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Event, Outcome, Receipt
from core.values.outgoing import page_length
from core.values.ui import Attachment, Button, Choice, Field, Form, ImmediateReply
from tests.bots.discord.conftest import Bot, running
from tests.fakes.discord import (
    ADA,
    APPLICATION,
    BO,
    BOT,
    CHEN,
    GENERAL,
    GUILD,
    OTHER_BOT,
    RANDOM,
    FakeDiscord,
    Message,
    MessageFlag,
)
from tests.fakes.discord.guild import Interaction
from tests.waiting import until

NAME = re.compile(r"[-_'\w]{1,32}")
"""https://docs.discord.com/developers/interactions/application-commands#application-command-object-application-command-naming"""

FORM = Form(
    "settings",
    "Settings",
    "Save",
    (
        Field("set_model", "Model", value="m1", hint="m1 · default"),
        Field("set_prompt", "Instructions", "text"),
        Field(
            "set_language", "Language", "choice", "zh", choices=(Choice("en", "English"), Choice("zh", "中文"))
        ),
        Field("set_temperature", "Temperature"),
        Field("set_max_tokens", "Longest answer"),
        Field("set_tools", "Tools", "choice", "", choices=(Choice("on", "on"), Choice("off", "off"))),
        Field("set_deny", "Too long", value="x" * 4_001),
    ),
    {"scope": "channel"},
)


async def took(bot: Bot, name: str) -> Command:
    return await until(lambda: next((one for one in bot.inbox.of(Command) if one.name == name), None))


async def answer(bot: Bot, interaction: int) -> Message:
    """What filled the deferred reply."""
    happened = bot.fake.interaction(interaction)
    return await until(
        lambda: happened.response if happened.response and not happened.response.loading else None
    )


async def follow_up(bot: Bot, interaction: int) -> Message:
    return (await until(lambda: bot.fake.interaction(interaction).followups))[0]


async def left(bot: Bot, interaction: int) -> list[int]:
    """The bot's messages in the channel once the deferred reply is gone."""
    happened = bot.fake.interaction(interaction)
    await until(lambda: happened.response is not None and happened.response.deleted)
    return [message.id for message in bot.fake.from_bot(GENERAL)]


async def modal(bot: Bot, interaction: int) -> dict[str, Any]:
    return await until(lambda: bot.fake.interaction(interaction).modal)


# Registration.


def test_the_whole_table_and_both_menus_are_registered() -> None:
    registered = {(command["type"], command["name"]) for command in payloads()}
    assert registered == {(CHAT, name) for name in COMMANDS} | {(MESSAGE, phrase(key, "en")) for key in MENUS}


LOCALES = {str(locale) for locale in discord.Locale if language_of(str(locale), "en") != "en"}


def test_every_name_is_one_that_discord_takes_in_every_language() -> None:
    for command in payloads():
        named = command["options"] if command["type"] == CHAT else []
        for thing in [command, *named]:
            names = [thing["name"], *thing["name_localizations"].values()]
            assert set(thing["name_localizations"]) == LOCALES
            if command["type"] == CHAT:
                assert all(NAME.fullmatch(name) and name == name.lower() for name in names), names
                assert set(thing["description_localizations"]) == LOCALES
            assert all(1 <= len(name) <= 32 for name in names), names


def test_the_words_are_discords_own_and_complete_in_each_language() -> None:
    shown = json.dumps(payloads(), ensure_ascii=False)
    assert not [word for word in ("Workspace", " workspace", "工作区", "话题", "Guests") if word in shown]
    assert all(word in shown for word in ("the whole server", "服务器", "子区"))
    for command in payloads():
        for option in command.get("options", ()):
            choices = option.get("choices", ())
            for named in (option, *choices):
                assert set(named["name_localizations"]) == LOCALES, named
            assert set(option["description_localizations"]) == LOCALES
            assert len(choices) <= 25


def test_options_are_typed_bounded_and_those_that_are_needed_come_first() -> None:
    ask, summarize, settings, forget = (
        next(one for one in payloads() if one["name"] == name)
        for name in ("ask", "summarize", "settings", "forget")
    )
    assert [(one["name"], one["required"]) for one in ask["options"]] == [("question", True), ("file", False)]
    by_name = {one["name"]: one for one in summarize["options"]}
    assert (by_name["last"]["type"], by_name["last"]["min_value"], by_name["last"]["max_value"]) == (4, 1, 500)
    assert by_name["hours"]["type"] == 10
    assert "since" not in by_name
    assert next(one for one in settings["options"] if one["name"] == "value")["autocomplete"]
    me = forget["options"][0]["choices"][1]
    assert (me["value"], me["name"], me["name_localizations"]["zh-CN"]) == (
        "me",
        phrase("choice_me", "en"),
        phrase("choice_me", "zh"),
    )
    assert (ask["contexts"], ask["integration_types"]) == ([0, 1, 2], [0, 1])
    assert (settings["contexts"], settings["integration_types"]) == ([0, 1], [0])


async def test_commands_are_written_only_when_they_differ(fake: FakeDiscord) -> None:
    async def start() -> list[str]:
        seen = len(fake.calls)
        async with running(fake):
            pass
        return [call.method for call in fake.calls[seen:] if call.path.endswith("/commands")]

    assert await start() == ["GET", "PUT"]
    assert await start() == ["GET"]
    fake.registered_commands["summarize"]["options"][2]["choices"][0]["name"] = "something older"
    assert await start() == ["GET", "PUT"]
    fake.world.commands.append(fake.registered_commands["ask"] | {"name": "gone", "id": "1"})
    assert await start() == ["GET", "PUT"]
    assert len(fake.world.commands) == len(COMMANDS) + len(MENUS)


async def test_the_entry_point_of_an_app_with_an_activity_stays(fake: FakeDiscord) -> None:
    """https://docs.discord.com/developers/interactions/application-commands#entry-point-commands"""
    launch = {"id": "77", "application_id": str(APPLICATION), "version": "1", "type": 4, "name": "launch"}
    launch |= {
        "description": "",
        "handler": 2,
        "nsfw": False,
        "integration_types": [0, 1],
        "contexts": [0, 1, 2],
    }
    fake.world.commands.append(launch | {"default_member_permissions": None, "name_localizations": None})
    for methods in (["GET", "PUT"], ["GET"]):
        seen = len(fake.calls)
        async with running(fake):
            pass
        assert [call.method for call in fake.calls[seen:] if call.path.endswith("/commands")] == methods
    assert len(fake.world.commands) == len(COMMANDS) + len(MENUS) + 1
    assert fake.registered_commands["launch"]["id"] == "77"


# Commands.


async def test_an_answer_for_the_asker_alone_is_ephemeral_and_put_off_at_once(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("**Yours.**"), Outcome.TOLD
    interaction = await bot.fake.slash(CHEN, GENERAL, "usage", of="me", period="week")
    told = await answer(bot, interaction)
    assert (told.content, told.ephemeral_to) == ("**Yours.**", CHEN)
    assert bot.fake.interaction(interaction).deferred
    command = await took(bot, "usage")
    assert command.options == {"of": "me", "period": "week"}
    assert command.author.locale == "zh-CN"


async def test_an_answer_for_all_is_not_ephemeral(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Afresh.", whisper=False), Outcome.TOLD
    told = await answer(bot, await bot.fake.slash(ADA, GENERAL, "reset"))
    assert (told.content, told.ephemeral_to) == ("Afresh.", None)


@pytest.mark.parametrize(("name", "options"), [("ask", {"question": "may I?"}), ("summarize", {"last": 50})])
async def test_a_question_that_is_refused_is_never_shown_to_others(
    bot: Bot, name: str, options: dict[str, Any]
) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.REFUSED
    interaction = await bot.fake.slash(BO, GENERAL, name, **options)
    told = await answer(bot, interaction)
    assert (told.content, told.ephemeral_to) == ("Not here.", BO)
    assert [message.ephemeral_to for message in bot.fake.messages(GENERAL)] == [BO]
    assert bot.inbox.of(Command) == []


async def test_a_question_is_taken_where_it_can_not_be_checked_in_time(bot: Bot) -> None:
    class Slow(type(bot.inbox)):  # type: ignore[misc]
        async def refusal(self, command: Command) -> ImmediateReply | None:
            await asyncio.Event().wait()
            return None

    bot.inbox.__class__ = Slow
    await bot.fake.slash(BO, GENERAL, "ask", question="are you there?")
    assert (await took(bot, "ask")).options == {"question": "are you there?"}


async def test_a_command_that_is_refused_is_never_shown_to_others(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.TOLD
    told = await answer(bot, await bot.fake.slash(BO, GENERAL, "reset"))
    assert (told.content, told.ephemeral_to) == ("Not here.", BO)
    assert [message.ephemeral_to for message in bot.fake.messages(GENERAL)] == [BO]


async def test_a_command_that_takes_long_is_acknowledged_before_its_reply_is_known(bot: Bot) -> None:
    held = asyncio.Event()

    class Slow(type(bot.inbox)):  # type: ignore[misc]
        async def receive(self, event: Event) -> Receipt:
            await held.wait()
            receipt: Receipt = await super().receive(event)
            return receipt

    bot.inbox.__class__ = Slow
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.TOLD
    interaction = await bot.fake.slash(BO, GENERAL, "reset")
    await bot.fake.wait_for(lambda: bot.fake.interaction(interaction).deferred)
    held.set()
    told = await follow_up(bot, interaction)
    assert (told.content, told.ephemeral_to) == ("Not here.", BO)
    assert await left(bot, interaction) == [told.id]


@pytest.mark.parametrize("name", ["ask", "summarize"])
async def test_a_late_refusal_is_for_the_asker_alone_and_leaves_nothing_behind(bot: Bot, name: str) -> None:
    bot.inbox.told, bot.inbox.outcome, bot.inbox.foresees = ImmediateReply("Not here."), Outcome.REFUSED, False
    options = {"question": "may I?"} if name == "ask" else {}
    interaction = await bot.fake.slash(BO, GENERAL, name, **options)
    told = await follow_up(bot, interaction)
    assert (told.content, told.ephemeral_to) == ("Not here.", BO)
    assert await left(bot, interaction) == [told.id]


async def test_what_was_long_to_write_and_is_refused_is_given_back(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here.", refused=True), Outcome.REFUSED
    long = "Why does the loom stop after every third shuttle, and only on Mondays?"
    told = await answer(bot, await bot.fake.slash(BO, GENERAL, "ask", question=long))
    assert (told.content, told.ephemeral_to) == (f"Not here.\n\n> {long}", BO)
    told = await answer(bot, await bot.fake.slash(BO, GENERAL, "ask", question="Why?"))
    assert told.content == "Not here."
    said = await bot.fake.say(ADA, GENERAL, long)
    opened = await bot.fake.context_menu(BO, GENERAL, said, "Ask about this")
    await modal(bot, opened)
    told = await answer(bot, await bot.fake.submit_modal(opened, question=long.upper()))
    assert told.content == f"Not here.\n\n> {long.upper()}"


async def test_an_error_is_told_in_the_askers_language(bot: Bot) -> None:
    bot.inbox.error = StoreError("disk full")
    told = await answer(bot, await bot.fake.slash(CHEN, GENERAL, "settings"))
    assert (told.content, told.ephemeral_to) == (error_text(bot.inbox.error, "zh"), CHEN)


async def test_a_file_is_for_the_asker_alone(bot: Bot) -> None:
    bot.inbox.told = ImmediateReply("Here.", file=Attachment("thread.md", "text/markdown", "你好".encode()))
    bot.inbox.outcome = Outcome.TOLD
    told = await answer(bot, await bot.fake.slash(ADA, GENERAL, "export", what="thread"))
    assert told.ephemeral_to == ADA
    assert [(file.filename, file.data) for file in told.attachments] == [("thread.md", "你好".encode())]


async def test_what_is_too_long_for_a_message_is_told_in_several(bot: Bot) -> None:
    text = "\n".join(f"- line {number} of a long text" for number in range(150))
    bot.inbox.told, bot.inbox.outcome = ImmediateReply(text), Outcome.TOLD
    interaction = await bot.fake.slash(ADA, GENERAL, "help")
    contents = reply_to_contents(bot.inbox.told)
    await until(lambda: len(bot.fake.interaction(interaction).followups) == len(contents) - 1)
    seen = bot.fake.from_bot(GENERAL)
    assert [message.content for message in seen] == contents
    assert "\n".join(contents) == text
    assert {message.ephemeral_to for message in seen} == {ADA}


async def test_what_is_told_pings_nobody(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply(f"<@{BO}> @everyone", whisper=False), Outcome.TOLD
    await answer(bot, await bot.fake.slash(ADA, GENERAL, "reset"))
    bot.inbox.told = ImmediateReply(f"<@{BO}> @everyone")
    await answer(bot, await bot.fake.slash(ADA, GENERAL, "help"))
    assert bot.fake.pinged == []


# Suggestions.


async def test_what_is_typed_is_suggested_from(bot: Bot) -> None:
    bot.inbox.choices = [
        Choice("m1", "Model one"),
        Choice("x" * 101, "too long for Discord"),
        Choice("m2", "m2"),
    ]
    interaction = await bot.fake.autocomplete(CHEN, GENERAL, "settings", "value", name="model", value="m")
    choices = await until(lambda: bot.fake.interaction(interaction).choices)
    assert [(one["name"], one["value"]) for one in choices] == [("Model one", "m1"), ("m2", "m2")]
    command, option = bot.inbox.typed[0]
    assert (command.name, command.options, option) == ("settings", {"name": "model", "value": "m"}, "value")


async def test_where_nothing_can_be_suggested_an_empty_list_is(bot: Bot) -> None:
    bot.inbox.error = StoreError("disk full")
    interaction = await bot.fake.autocomplete(ADA, GENERAL, "model", "name", name="")
    assert await until(lambda: bot.fake.interaction(interaction).answered == 8)
    assert bot.fake.interaction(interaction).choices == []


# Menus.


async def test_ask_about_this_asks_for_the_question_and_takes_the_message_along(bot: Bot) -> None:
    said = await bot.fake.say(BO, GENERAL, f"The loom of <@{ADA}> is broken.")
    opened = await bot.fake.context_menu(CHEN, GENERAL, said, "Ask about this")
    form = await modal(bot, opened)
    assert form["title"] == phrase("menu_ask", "zh")
    assert [part["label"] for part in form["components"]] == [
        phrase("menu_ask_question", "zh"),
        phrase("menu_ask_about", "zh"),
    ]
    async with running(bot.fake) as later:  # a restart: whoever takes it has never seen the menu
        sent = await bot.fake.submit_modal(opened, question="怎么修？")
        await until(lambda: bot.inbox.of(Command) or later.inbox.of(Command))
        command = [*bot.inbox.of(Command), *later.inbox.of(Command)][0]
    assert command.options == {"question": "怎么修？", "about": "The loom of @Ada Byron is broken."}
    assert (command.name, command.id, command.opens) == ("ask", str(sent), f"ask-{sent}")
    response = bot.fake.interaction(sent).response
    assert response is not None
    assert response.loading


async def test_ask_about_this_works_between_people(bot: Bot) -> None:
    chat = bot.fake.private_chat(ADA)
    said = await bot.fake.say(BO, chat, "The loom is broken.")
    opened = await bot.fake.context_menu(ADA, chat, said, "Ask about this")
    await modal(bot, opened)
    await bot.fake.submit_modal(opened)
    assert (await took(bot, "ask")).options == {"question": "", "about": "The loom is broken."}


async def test_summarize_from_here_says_since_when(bot: Bot) -> None:
    said = await bot.fake.say(BO, GENERAL, "It began here.")
    interaction = await bot.fake.context_menu(ADA, GENERAL, said, "Summarize from here")
    command = await took(bot, "summarize")
    at = (await bot.inbox.ask("It began here.")).at
    assert command.options == {"since": at.isoformat()}
    assert (command.place.thread, command.opens) == ("", f"ask-{interaction}")


# Forms.


def test_a_sheet_comes_back_as_what_it_was_made_of() -> None:
    sheet = SettingsSheet("settings", {"scope": "channel", "name": "a&b=c 时"}, 2)
    assert custom_id_to_sheet(sheet_to_custom_id(sheet)) == sheet
    assert custom_id_to_sheet("parley:again:42") is None


async def test_a_form_is_opened_by_buttons_five_fields_at_a_time_and_sent_off_as_a_command(
    fake: FakeDiscord,
) -> None:
    async with running(fake) as bot:
        bot.inbox.told, bot.inbox.outcome = ImmediateReply("As it is.", form=FORM), Outcome.TOLD
        told = await answer(bot, await fake.slash(ADA, GENERAL, "settings"))
    first, second = told.buttons
    assert first.label == "Model · Instructions · Language · Temperature · Longest answer"
    assert (second.label, second.emoji) == ("Tools", "✏️")
    async with running(fake) as bot:
        bot.inbox.told, bot.inbox.outcome = ImmediateReply("As it is.", form=FORM), Outcome.TOLD
        opened = await fake.press(ADA, GENERAL, told.id, str(first.custom_id))
        form = await modal(bot, opened)
        assert form["title"] == "Settings"
        fields = {part["component"]["custom_id"]: part["component"] for part in form["components"]}
        assert fields["set_model"]["value"] == "m1"
        assert [one["value"] for one in fields["set_language"]["options"] if one.get("default")] == ["zh"]
        bot.inbox.events.clear()
        bot.inbox.told = ImmediateReply("Done.")
        sent = await fake.submit_modal(opened, set_model="m2", set_language="")
        assert (await answer(bot, sent)).content == "Done."
        assert (await took(bot, "settings")).options == {
            "scope": "channel",
            "set_model": "m2",
            "set_prompt": "",
            "set_language": "",
            "set_temperature": "",
            "set_max_tokens": "",
        }
        opened = await fake.press(ADA, GENERAL, told.id, str(second.custom_id))


async def test_a_form_that_is_not_to_be_had_any_more_says_why(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("As it is.", form=FORM), Outcome.TOLD
    told = await answer(bot, await bot.fake.slash(ADA, GENERAL, "settings"))
    bot.inbox.told = ImmediateReply("Only managers may.")
    pressed = await bot.fake.press(ADA, GENERAL, told.id, str(told.buttons[0].custom_id))
    assert (await follow_up(bot, pressed)).content == "Only managers may."
    assert bot.fake.interaction(pressed).modal is None


# Buttons.


async def test_a_button_that_tells_something_tells_it_to_whoever_pressed_it(bot: Bot) -> None:
    bot.inbox.told = ImmediateReply("Thanks.", buttons=(Button("reason", "Say why", 42),))
    bot.inbox.outcome = Outcome.NOTED
    told = await answer(bot, await bot.fake.slash(ADA, GENERAL, "help"))
    opened = await bot.fake.press(ADA, GENERAL, told.id, "parley:reason:42")
    form = await modal(bot, opened)
    expected = press_form("reason", "en")
    assert expected is not None
    assert form["title"] == expected.title
    assert bot.inbox.of(ButtonPress) == [], "the form comes first"
    bot.inbox.told = ImmediateReply("Noted.")
    sent = await bot.fake.submit_modal(opened, text="too short")
    noted = await follow_up(bot, sent)
    assert (noted.content, noted.ephemeral_to) == ("Noted.", ADA)
    (press,) = bot.inbox.of(ButtonPress)
    assert (press.action, press.turn_id, press.text) == ("reason", 42, "too short")


# Messages.


async def test_what_a_message_led_to_is_told_as_a_reply(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here."), Outcome.REFUSED
    said = await bot.fake.say(BO, GENERAL, f"<@{BOT}> may I?")
    told = await until(lambda: bot.fake.from_bot(GENERAL))
    assert told[0].content == "Not here."
    assert told[0].reference is not None
    assert told[0].reference["message_id"] == str(said)
    assert told[0].flags & MessageFlag.SUPPRESS_EMBEDS


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
