"""Commands and menus on Discord, in both languages. The real program on the wire-level fake."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from bots.discord import TRAITS
from core.commands import COMMANDS, MENUS
from core.i18n import phrase, variant
from core.settings.channel import SETTINGS, settings_on
from tests.e2e.conftest import discord_settings
from tests.e2e.discord_people import IN, OTHER, Discord, for_all, says, settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, GENERAL, RANDOM, FakeDiscord, Permission


@pytest.fixture
def people(discord: FakeDiscord) -> Discord:
    return Discord(discord)


async def test_every_command_answers_in_the_askers_language_and_only_to_them(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person, more = IN[language], {"PARLEY_PRICE_INPUT": "1000", "PARLEY_PRICE_OUTPUT": "1000"}
    async with Program(tmp_path, **settings(discord, endpoint, **more)):
        assert set(discord.registered_commands) == {*COMMANDS, *(phrase(key, "en") for key in MENUS)}
        for name, command in discord.registered_commands.items():
            key = f"command_{name}" if name in COMMANDS else next(k for k in MENUS if phrase(k, "en") == name)
            assert command["name_localizations"]["zh-CN"] == phrase(key, "zh")
        await people.fake.slash(person, GENERAL, "ask", question="hello")
        await answered(discord, GENERAL, "hello")
        help_ = await people.whispered(person, "help")
        assert all(f"`/{phrase(f'command_{name}', language)}" in help_ for name in COMMANDS)
        assert says("help_ask", language, help_)
        while not says("usage_questions", language, await people.whispered(person, "usage")):
            pass  # the answer's end is being stored
        (picture,) = (await people.slash(person, "usage")).attachments
        assert picture.data.startswith(b"\x89PNG")
        caption = phrase("chart_caption", language, currency="USD")
        assert caption in await people.whispered(person, "usage")
        for of in ("me", "channel"):
            for period in ("day", "week", "month"):
                usage = await people.whispered(person, "usage", of=of, period=period)
                title = {
                    "whose": phrase(f"usage_{of}", language),
                    "period": phrase(f"usage_{period}", language),
                }
                assert phrase("usage_title", language, **title) in usage
        assert says("usage_by_admin", language, await people.whispered(person, "usage", of="workspace"))
        assert says("usage_workspace", "en", await people.whispered(ADA, "usage", of="workspace"))
        budget = await people.whispered(person, "budget")
        assert says("budget_spent", language, budget)
        assert "US$" in budget
        assert says("budget_none", language, budget)
        model = await people.whispered(person, "model")
        assert says("model_now", language, model)
        assert says("origin_default", language, model)
        assert says("prompt_now", language, await people.whispered(person, "prompt"))
        overview = await people.slash(person, "settings")
        assert overview.ephemeral_to == person
        assert all(
            (phrase(f"setting_{name}", language) in overview.text) is (name in settings_on(TRAITS))
            for name in SETTINGS
        )
        assert overview.buttons == [], "nothing they may change"
        for name, what in (("reset", {}), ("forget", {"what": "thread"}), ("export", {"what": "thread"})):
            assert says("thread_only", language, (await people.slash(person, name, GENERAL, **what)).text)
        nothing = f"{AT} /{phrase('command_help', language)}"
        await discord.say(person, RANDOM, nothing)
        await answered(discord, RANDOM, "`/ask")
    assert len(for_all(discord, GENERAL)) == 1, "only the answer, and nothing of what was put off"


async def test_a_thread_is_summed_up_begun_afresh_exported_and_forgotten(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    endpoint.script(
        Words("Weaving." + " Looms weave." * 90),
        Words("They spoke of looms."),
        Words("One line."),
        Words("Two lines."),
        Words("Nothing before."),
    )
    person, other = IN[language], IN[OTHER[language]]
    async with Program(tmp_path, **settings(discord, endpoint)):
        thread = await discord.say(person, GENERAL, f"{AT} what is a loom for?")
        await answered(discord, thread, "Weaving." + " Looms weave." * 90)
        await discord.slash(other, thread, "summarize", of="thread")
        await answered(discord, thread, "They spoke of looms.", count=2)
        assert "what is a loom for?" in str(endpoint.requests[1].body)
        await discord.say(person, GENERAL, "A first line.")
        await discord.say(person, GENERAL, "A last line.")
        await discord.slash(person, GENERAL, "summarize", last=1)
        await answered(discord, GENERAL, "One line.")
        assert "A last line." in str(endpoint.requests[2].body)
        assert "A first line." not in str(endpoint.requests[2].body)
        await discord.slash(person, thread, "summarize", hours=1.5, of="channel")
        await answered(discord, thread, "Two lines.", count=3)
        assert "A first line." in str(endpoint.requests[3].body)

        exported = await people.slash(person, "export", thread, what="thread")
        assert exported.ephemeral_to == person
        assert says("export_thread", language, exported.text)
        (file,) = exported.attachments
        assert "what is a loom for?" in file.data.decode()
        mine = await people.slash(person, "export", thread, what="me")
        assert "what is a loom for?" in json.dumps(json.loads(mine.attachments[0].data))
        discord.world.file_limit_bytes = len(file.data) - 1  # as if it had grown to 10 MiB
        packed = await people.slash(person, "export", thread, what="thread")
        assert says("export_packed", language, packed.text)
        with zipfile.ZipFile(io.BytesIO(packed.attachments[0].data)) as unpacked:
            assert unpacked.read(file.filename).startswith(file.data)

        afresh = await people.slash(person, "reset", thread)
        assert (afresh.text, afresh.ephemeral_to) == (phrase("reset_done", language), None)
        await discord.say(other, thread, "and now?")
        await answered(discord, thread, "Nothing before.", count=5)
        assert "what is a loom for?" not in str(endpoint.requests[4].body)

        refused = await people.whispered(person, "forget", thread, what="thread")
        assert says("forget_by_manager", language, refused)
        asked = await people.slash(person, "forget", thread, what="me")
        assert says("forget_me_asks", language, asked.text)
        sure = await people.pressed(person, asked, phrase("forget_me_sure", language))
        assert says("forget_me_done", language, sure)
        await discord.grant(person, Permission.MANAGE_CHANNELS)
        forgotten = await people.whispered(person, "forget", thread, what="thread")
        assert says("forget_thread_done", language, forgotten)
        assert says("forget_kept", language, forgotten)
        nothing = await people.whispered(person, "export", thread, what="thread")
        assert nothing == phrase("export_nothing", language)


async def test_the_menus_of_a_message(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    endpoint.script(Words("It is the shuttle."), Words("The loom broke."))
    person, program = IN[language], settings(discord, endpoint)
    async with Program(tmp_path, **program):
        await discord.say(ADA, GENERAL, "Good morning.")
        discord.clock.advance(60)
        broken = await discord.say(ADA, GENERAL, "The loom is broken.")
        await discord.say(ADA, GENERAL, "Again?")
        opened = await discord.context_menu(person, GENERAL, broken, phrase("menu_ask", "en"))
        form = await people.modal(opened)
        assert form["title"] == phrase("menu_ask", language)
        assert form["components"][0]["label"] == phrase("menu_ask_question", language)
    async with Program(tmp_path, **program):
        await discord.submit_modal(opened, question="Where? 哪里？")
        await answered(discord, GENERAL, "It is the shuttle.")
        asked = str(said(endpoint.requests[0].body)[-1])
        assert "> The loom is broken." in asked
        assert "Where? 哪里？" in asked

        await discord.context_menu(person, GENERAL, broken, phrase("menu_summarize", "en"))
        await answered(discord, GENERAL, "The loom broke.", count=2)
        read = str(endpoint.requests[1].body)
        assert "The loom is broken." in read
        assert "Again?" in read
        assert "Good morning." not in read
        assert ("Simplified Chinese" in read) is (language == "zh")
        assert len(for_all(discord, GENERAL)) == 2

        await people.whispered(ADA, "settings", name="deny", value=f"<@{person}>")
        opened = await discord.context_menu(person, GENERAL, broken, phrase("menu_ask", "en"))
        await people.modal(opened)
        refused = await people.told(await discord.submit_modal(opened))
        assert (refused.text, refused.ephemeral_to) == (phrase("refused_denied", language), person)
        menu = await discord.context_menu(person, GENERAL, broken, phrase("menu_summarize", "en"))
        refused = await people.told(menu)
        assert (refused.text, refused.ephemeral_to) == (phrase("refused_denied", language), person)


async def test_commands_are_registered_once_and_models_are_suggested(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord
) -> None:
    (tmp_path / "parley.toml").write_text(
        'models = ["GPT-5.5", "GLM-5"]\n[endpoints.main]\n'
        f'base_url = "{endpoint.base_url}"\naccounts = [{{ name = "team", key = "sk-test" }}]\n'
        '[endpoints.main.models."GPT-5.5"]\n[endpoints.main.models."GLM-5"]\n'
    )
    program = discord_settings(discord)
    async with Program(tmp_path, **program):
        assert {"GPT-5.5", "GLM-5"} <= set(await people.choices(BO, "model", "name", name=""))
        assert list(await people.choices(BO, "model", "name", name="glm")) == ["GLM-5"]
        for language, person in IN.items():
            listen = await people.choices(person, "settings", "value", name="listen", value="")
            spoken = variant(language, "discord")
            offered = {str(value): phrase(f"choice_{value}", spoken) for value in SETTINGS["listen"].choices}
            assert offered.items() <= listen.items()
            refused = await people.whispered(person, "model", name="GLM-5")
            assert says("settings_by_manager", language, refused)
        assert "GLM-5" in await people.whispered(ADA, "model", name="GLM-5")
        assert says("model_unknown", "en", await people.whispered(ADA, "model", name="nothing-1"))
    async with Program(tmp_path, **program):
        await discord.slash(BO, GENERAL, "ask", question="who are you?")
        await answered(discord, GENERAL, "who are you?")
        assert "GPT-5.5" in await people.whispered(ADA, "model", name="default")
    assert endpoint.requests[0].body["model"] == "GLM-5"
    registrations = [call.method for call in discord.calls if call.path.endswith("/commands")]
    assert registrations == ["GET", "PUT", "GET"]


async def test_a_person_who_installed_it_has_it_between_people(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    chat = discord.private_chat(person)
    more = {"PARLEY_RATE": "2"}
    async with Program(tmp_path, **settings(discord, endpoint, **more)):
        message = await discord.say(ADA, chat, "Looms weave.")
        opened = await discord.context_menu(person, chat, message, phrase("menu_ask", "en"))
        await people.modal(opened)
        await discord.submit_modal(opened, question="Really? 真的吗？")
        await answered(discord, chat, "真的吗？")
        await discord.slash(person, chat, "ask", question="and wool?")
        answer = await answered(discord, chat, "and wool?", count=2)
        await discord.wait_for(lambda: len(answer.buttons) == 3)
        assert await people.pressed(ADA, answer, phrase("regenerate", language)) == phrase("not_asker", "en")
        assert await people.pressed(person, answer, "👍") == phrase("thanks", language)
        assert says("limited", language, await people.whispered(person, "ask", chat, question="more?"))
        assert says("help_title", language, await people.whispered(person, "help", chat))
        assert says("usage_me", language, await people.whispered(person, "usage", chat, of="me"))
        mine = await people.slash(person, "export", chat, what="me")
        assert "and wool?" in mine.attachments[0].data.decode()
        asked = await people.slash(person, "forget", chat, what="me")
        sure = await people.pressed(person, asked, phrase("forget_me_sure", language))
        assert says("forget_me_done", language, sure)
        for command in ("settings", "model", "reset", "summarize"):
            with pytest.raises(LookupError, match="not offered here"):
                await discord.slash(person, chat, command)


async def test_a_file_that_was_asked_for_in_a_thread_comes_directly(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **settings(discord, endpoint)):
        thread = await discord.say(BO, GENERAL, f"{AT} hello")
        await answered(discord, thread, "hello")
        await discord.say(BO, thread, f"{AT} /reset")
        await answered(discord, thread, phrase("reset_done", "en"), count=2)
        await discord.say(BO, thread, f"{AT} /export me")
        told = await answered(discord, discord.dm(BO), "", count=1)
        assert told.attachments
