"""Suggestions, menus, forms and buttons on Discord."""

from __future__ import annotations

from bots.discord.forms import SettingsSheet, custom_id_to_sheet, sheet_to_custom_id
from core.commands import press_form
from core.errors import StoreError
from core.i18n import phrase
from core.values.events import ButtonPress, Command, Outcome
from core.values.ui import Button, Choice, ImmediateReply
from tests.bots.discord.conftest import Bot, running
from tests.bots.discord.interactions import FORM, answer, follow_up, modal, took
from tests.fakes.discord import (
    ADA,
    BO,
    CHEN,
    GENERAL,
    FakeDiscord,
)
from tests.waiting import until

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
