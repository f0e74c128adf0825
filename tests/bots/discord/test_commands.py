"""Discord's commands: their registration, and what they answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import discord
import pytest

from bots.discord import TRAITS
from bots.discord.commands import CHAT, MESSAGE, option_to_payload, payloads
from bots.discord.replies import reply_to_contents
from core.commands import ACCOUNT, COMMANDS, HISTORY, MENUS, Kind, Option
from core.errors import StoreError
from core.i18n import error_text, language_of, phrase
from core.settings.channel import SETTINGS, settings_on
from core.values.events import Command, Event, Outcome, Receipt
from core.values.ui import Attachment, ImmediateReply
from tests.bots.discord.conftest import Bot, running
from tests.bots.discord.interactions import NAME, answer, follow_up, left, modal, took
from tests.fakes.discord import (
    ADA,
    APPLICATION,
    BO,
    CHEN,
    GENERAL,
    FakeDiscord,
)
from tests.waiting import until

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


def test_an_option_with_more_choices_than_are_shown_suggests_those_that_fit_what_is_typed() -> None:
    spec, more = COMMANDS["settings"], ("day", "week", "month", "thread", "me")
    for count, suggests in ((25, False), (26, True)):
        option = Option("name", Kind.CHOICE, choices=(*SETTINGS, HISTORY, *more)[:count])
        payload = option_to_payload(spec, option)
        assert payload.get("autocomplete", False) is suggests
        assert len(payload.get("choices", ())) == (0 if suggests else count)


def test_no_setting_is_missing_from_the_choices_of_the_command() -> None:
    [command] = [one for one in payloads() if one["name"] == "settings"]
    [name] = [one for one in command["options"] if one["name"] == "name"]
    chosen = {choice["value"] for choice in name.get("choices", ())}
    assert name.get("autocomplete") or chosen == {*settings_on(TRAITS), HISTORY, ACCOUNT}


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
        async def refusal(self, event: object) -> ImmediateReply | None:
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


async def test_the_words_of_a_refused_command_or_form_are_given_back(bot: Bot) -> None:
    bot.inbox.told, bot.inbox.outcome = ImmediateReply("Not here.", refused=True), Outcome.REFUSED
    told = await answer(bot, await bot.fake.slash(BO, GENERAL, "ask", question="Why *?"))
    assert (told.content, told.ephemeral_to) == ("Not here.\n\nYou wrote:\n> Why \\*?", BO)
    told = await answer(bot, await bot.fake.slash(BO, GENERAL, "model", name="short"))
    assert told.content == "Not here."
    long = "Why does the loom stop after every third shuttle, and only on Mondays?"
    told = await answer(bot, await bot.fake.slash(CHEN, GENERAL, "prompt", text=long))
    assert told.content == f"Not here.\n\n你写的是：\n> {long}"
    said = await bot.fake.say(ADA, GENERAL, "the message")
    opened = await bot.fake.context_menu(BO, GENERAL, said, "Ask about this")
    await modal(bot, opened)
    told = await answer(bot, await bot.fake.submit_modal(opened, question="Why?"))
    assert told.content == "Not here.\n\nYou wrote:\n> Why?"


async def test_the_words_of_a_question_that_can_not_be_stored_are_given_back(bot: Bot) -> None:
    bot.inbox.error = StoreError("disk full")
    told = await follow_up(bot, await bot.fake.slash(CHEN, GENERAL, "ask", question="Why?"))
    assert told.ephemeral_to == CHEN
    assert told.content == f"{error_text(bot.inbox.error, 'zh')}\n\n你写的是：\n> Why?"


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
