"""Everything that people do on Discord beside asking: commands, menus, buttons, settings and forms, in both languages,
granted and refused, also after a restart. The real program against the wire.

Bo reads English and Chen Chinese; neither may do anything special. Ada owns the server.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bots.discord import TRAITS
from core.commands import COMMANDS, MENUS
from core.i18n import SPOKEN, duration, phrase, variant
from core.settings.channel import SETTINGS, settings_on
from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered, answers
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions, Raw, Words
from tests.fakes.discord import ADA, BO, CHEN, FORUM, GENERAL, GUILD, RANDOM, FakeDiscord, Message, Permission

IN = {"en": BO, "zh": CHEN}
OTHER = {"en": "zh", "zh": "en"}

EMPTY = "\u200b"
"""A deferred reply that is about to go: what was told instead is for the asker alone."""


class Discord:
    """What people do, and what they are told for it."""

    def __init__(self, fake: FakeDiscord) -> None:
        self.fake = fake

    async def told(self, interaction: int) -> Message:
        """What an interaction is answered by, once it is there: the deferred reply, or what follows it."""

        def shown() -> Message | None:
            happened = self.fake.interaction(interaction)
            if happened.followups:
                return happened.followups[0]
            reply = happened.response
            if reply is None or reply.loading or reply is happened.source or reply.text == EMPTY:
                return None
            return reply

        return await self.fake.wait_for(shown)

    async def slash(self, by: int, command: str, channel: int = GENERAL, **options: Any) -> Message:
        return await self.told(await self.fake.slash(by, channel, command, **options))

    async def whispered(self, by: int, command: str, channel: int = GENERAL, **options: Any) -> str:
        """The text that `by`, and nobody else, is told."""
        told = await self.slash(by, command, channel, **options)
        assert told.ephemeral_to == by, told.text
        return told.text

    async def press(self, by: int, message: Message, label: str) -> int:
        button = next(button for button in message.buttons if label in str(button.label))
        return await self.fake.press(by, message.channel_id, message.id, str(button.custom_id))

    async def pressed(self, by: int, message: Message, label: str) -> str:
        """The text that `by`, and nobody else, is told for a press."""
        told = await self.told(await self.press(by, message, label))
        assert told.ephemeral_to == by, told.text
        return told.text

    async def modal(self, interaction: int) -> dict[str, Any]:
        return await self.fake.wait_for(lambda: self.fake.interaction(interaction).modal)

    async def choices(self, by: int, command: str, option: str, **options: Any) -> dict[str, str]:
        """What is suggested: value to label."""
        interaction = await self.fake.autocomplete(by, GENERAL, command, option, **options)
        await self.fake.wait_for(lambda: self.fake.interaction(interaction).answered)
        return {choice["value"]: choice["name"] for choice in self.fake.interaction(interaction).choices or ()}


@pytest.fixture
def people(discord: FakeDiscord) -> Discord:
    return Discord(discord)


def settings(discord: FakeDiscord, endpoint: FakeCompletions, **more: str) -> dict[str, str]:
    return discord_settings(discord) | model_settings(endpoint) | more


def says(key: str, language: str, text: str) -> bool:
    """Whether `text` has the phrase `key` in it, as it is said on Discord, whatever is filled in."""
    phrase = SPOKEN[variant(language, "discord")][key]
    forms = [phrase] if isinstance(phrase, str) else list(phrase.values())
    return any(re.search(re.sub(r"\\\{\w+\\\}", ".*", re.escape(form)), text, re.DOTALL) for form in forms)


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "data" / "parley.db") as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def for_all(discord: FakeDiscord, channel: int) -> list[Message]:
    """What the bot said there to everybody, without what is still put off."""
    said_to_all = [message for message in answers(discord, channel) if message.ephemeral_to is None]
    return [message for message in said_to_all if message.text not in ("", EMPTY)]


async def told_all(discord: FakeDiscord, channel: int, words: str, count: int) -> Message:
    """The `count`th message there for everybody, once it says `words`."""

    def shown() -> Message | None:
        found = for_all(discord, channel)
        return found[-1] if len(found) == count and words in found[-1].text else None

    return await discord.wait_for(shown)


# Commands.


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
        while not says("digest_questions", language, await people.whispered(person, "usage")):
            pass  # the answer's end is being stored
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


# Settings.

CHANGED = {
    "model": "GLM-5",
    "prompt": "Be brief.",
    "temperature": "0.5",
    "max_tokens": "77",
    "language": "",  # the person's own
    "listen": "all",
    "tools": "off",
    "builtin_tools": "on",
    "read_links": "on",
    "budget": "5",
    "rate": "30",
    "allow": f"{GUILD}",
    "deny": "999",
}
FOR_ADMINS, FOR_THE_SERVER = ("budget", "read_links"), ("rate",)


async def test_each_setting_is_changed_only_by_those_who_may_and_stays(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person, operator = IN[language], IN[OTHER[language]]
    program = settings(discord, endpoint, PARLEY_ADMINS=f"discord:{operator}")
    changed = CHANGED | {"language": language}
    assert set(changed) == settings_on(TRAITS).keys()

    async def change(name: str, **more: Any) -> str:
        return await people.whispered(person, "settings", name=name, value=changed[name], **more)

    async with Program(tmp_path, **program):
        for name in changed:
            why = "settings_by_admin" if name in FOR_ADMINS else "settings_by_manager"
            why = "settings_only_workspace" if name in FOR_THE_SERVER else why
            assert says(why, language, await change(name))
            assert says("settings_by_admin", language, await change(name, scope="workspace"))
        await discord.grant(person, Permission.MANAGE_CHANNELS)
        for name in changed:
            if name in FOR_ADMINS:
                assert says("settings_by_admin", language, await change(name))
            elif name not in FOR_THE_SERVER:
                assert says("settings_changed", language, await change(name)), name
        assert says("settings_same", language, await change("temperature"))
        wrong = await people.whispered(person, "settings", name="temperature", value="3")
        assert says("settings_bad", language, wrong)
        assert says("settings_by_admin", language, await change("rate", scope="workspace"))
        await discord.grant(person, Permission.MANAGE_GUILD, role="stewards")
        for name in FOR_ADMINS:
            assert says("settings_changed", language, await change(name))
        assert says("settings_changed", language, await change("rate", scope="workspace"))
        by_operator = await people.whispered(operator, "prompt", text="Be kind.", scope="workspace")
        assert "Be kind." in by_operator
        with pytest.raises(ValueError, match="strangers"):
            await people.whispered(person, "settings", name="strangers", value="on")
    async with Program(tmp_path, **program):
        overview = (await people.slash(person, "settings")).text
        assert overview.count(phrase("origin_channel", language)) == len(changed) - 1
        assert overview.count(phrase("origin_workspace", variant(language, "discord"))) == 1
        await discord.slash(person, RANDOM, "ask", question="in random?")
        await answered(discord, RANDOM, "in random?")
        await discord.slash(person, GENERAL, "ask", question="in general?")
        await answered(discord, GENERAL, "in general?")
        assert says("settings_changed", language, await people.whispered(person, "prompt", text="default"))
    elsewhere, here = (request.body for request in endpoint.requests)
    assert "Be kind." in str(said(elsewhere)[0])
    assert "temperature" not in elsewhere
    assert "Be brief." in str(said(here)[0])
    assert (here["model"], here["temperature"]) == ("GLM-5", 0.5)
    assert 77 in (here.get("max_tokens"), here.get("max_completion_tokens"))
    audit = rows(tmp_path, "SELECT name, channel, old, new, person, at_us > 0 FROM audit ORDER BY id")
    assert {row[0] for row in audit} == set(changed)
    assert ("temperature", str(GENERAL), None, "0.5", str(person), 1) in audit
    assert ("rate", "", None, "30", str(person), 1) in audit
    assert ("prompt", "", None, "Be kind.", str(operator), 1) in audit
    assert audit[-1] == ("prompt", str(GENERAL), "Be brief.", None, str(person), 1)


async def test_the_settings_form_opens_by_its_buttons_also_after_a_restart(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person, program = IN[language], settings(discord, endpoint)
    await discord.grant(person, Permission.MANAGE_GUILD)
    temperature = phrase("setting_temperature", language)
    async with Program(tmp_path, **program):
        overview = await people.slash(person, "settings", scope="channel")
    assert len(overview.buttons) >= 2, "five fields a form"
    async with Program(tmp_path, **program):
        opened = await people.press(person, overview, temperature)
        form = await people.modal(opened)
        labels = [part["label"] for part in form["components"]]
        assert labels[:2] == [phrase("setting_model", language), phrase("setting_prompt", language)]
        told = await people.told(
            await discord.submit_modal(opened, set_prompt="请用一句话回答。", set_temperature="0.2")
        )
        assert told.ephemeral_to == person
        assert says("settings_changed", language, told.text)
        assert f"{temperature}" in told.text
        opened = await people.press(person, overview, temperature)
        fields = {
            part["component"]["custom_id"]: part["component"]
            for part in (await people.modal(opened))["components"]
        }
        assert fields["set_temperature"]["value"] == "0.2"
        wrong = await people.told(await discord.submit_modal(opened, set_temperature="hot"))
        assert phrase("setting_temperature_about", language) in wrong.text
        taken = await people.told(await discord.submit_modal(opened, set_temperature=""))
        assert phrase("origin_default", language) in taken.text
        await discord.slash(ADA, GENERAL, "ask", question="hello?")
        await answered(discord, GENERAL, "hello?")
        discord.world.people[person].roles.clear()
        late = await people.told(await discord.submit_modal(opened, set_temperature="1"))
        assert says("settings_by_manager", language, late.text), "no longer a steward"
        closed = await people.press(person, overview, temperature)
        assert (await people.told(closed)).ephemeral_to == person
        assert discord.interaction(closed).modal is None
    assert "请用一句话回答。" in str(said(endpoint.requests[0].body)[0])
    assert "temperature" not in endpoint.requests[0].body


async def test_in_a_direct_conversation_everybody_sets_their_own(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    direct = discord.dm(person)
    async with Program(tmp_path, **settings(discord, endpoint)):
        overview = await people.slash(person, "settings", direct)
        assert overview.buttons
        assert says("settings_title", language, overview.text)
        changed = await people.whispered(person, "settings", direct, name="temperature", value="0.4")
        assert says("settings_changed", language, changed)
        for name, scope in (("budget", "channel"), ("rate", "workspace")):
            refused = await people.whispered(person, "settings", direct, name=name, value="5", scope=scope)
            assert says("settings_by_admin", language, refused)
        await discord.direct(person, "warm?")
        await answered(discord, direct, "warm?")
        spoken = OTHER[language]
        await people.whispered(person, "settings", direct, name="language", value=spoken)
        await discord.direct(person, "/usage")
        await answered(discord, direct, phrase("usage_me", spoken))
        await discord.direct(person, f"/{phrase('command_reset', language)}")
        await answered(discord, direct, phrase("reset_done", spoken))
        exported = await people.slash(person, "export", direct)
        assert "warm?" in exported.attachments[0].data.decode()
        await discord.say(person, GENERAL, f"{AT} cold?")
        await discord.wait_for(lambda: len(endpoint.requests) == 2)
    assert endpoint.requests[0].body["temperature"] == 0.4
    assert "temperature" not in endpoint.requests[1].body


# Buttons.


async def test_a_finished_answer_is_regenerated_and_judged_also_after_a_restart(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    long = "\n\n".join(f"Reason {number}: " + "because it is so. " * 12 for number in range(16))
    endpoint.script(Words(long, per_s=5_000), Words("Four, surely."))
    program, spoken = settings(discord, endpoint), OTHER[language]
    person, other = IN[language], IN[spoken]
    async with Program(tmp_path, **program):
        await discord.slash(person, GENERAL, "ask", question="two and two?")
        answer = await answered(discord, GENERAL, "Reason 15", count=2)
        await discord.wait_for(lambda: len(answer.buttons) == 3)
        assert [button.label for button in answer.buttons] == [phrase("regenerate", language), "👍", "👎"]
        *pages, last = answers(discord, GENERAL)
        assert last is answer
        assert [page.buttons for page in pages] == [[] for _ in pages], "they stand under the last page"
    async with Program(tmp_path, **program):
        refused = await people.pressed(other, answer, phrase("regenerate", language))
        assert refused == phrase("not_asker", spoken), "in the language of whoever pressed"
        assert await people.pressed(other, answer, "👍") == phrase("thanks", spoken)

        sorry = await people.told(await people.press(person, answer, "👎"))
        assert (sorry.text, sorry.ephemeral_to) == (phrase("thanks_down", language), person)
        opened = await people.press(person, sorry, phrase("reason", language))
        assert (await people.modal(opened))["title"] == phrase("reason_title", language)
        await people.whispered(ADA, "settings", name="language", value=spoken)
        anew = await people.press(person, sorry, phrase("reason", language))
        assert (await people.modal(anew))["title"] == phrase("reason_title", spoken), (
            "the channel's language wins"
        )
        await people.whispered(ADA, "settings", name="language", value="default")
        noted = await people.told(await discord.submit_modal(opened, text="too long 太长"))
        assert (noted.text, noted.ephemeral_to) == (phrase("thanks", language), person)
        await people.press(person, answer, phrase("regenerate", language))
        await told_all(discord, GENERAL, "Four, surely.", len(pages) + 2)
        late = await people.pressed(person, answer, phrase("regenerate", language))
        assert late == phrase("pressed_already", language)
    kept = rows(tmp_path, "SELECT person, value, reason FROM feedback ORDER BY value DESC")
    assert kept == [(str(other), 1, ""), (str(person), -1, "too long 太长")]


async def test_stop_try_again_and_continue_also_after_a_restart(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    broken = Words("These words came through before the end.").on_wire({"stream": True})
    endpoint.script(
        Words("word " * 400, per_s=20),
        Words("One, two,", finish="length"),
        Words(" three."),
        Raw(broken.steps[:4], end="cut"),
        Words("Now it is whole."),
    )
    program, person = settings(discord, endpoint), IN[language]
    async with Program(tmp_path, **program):
        await people.whispered(ADA, "settings", name="language", value=language)
        thread = await discord.say(person, GENERAL, f"{AT} at length")
        answer = await answered(discord, thread, "word word")
        assert [button.label for button in answer.buttons] == [phrase("stop", language)]
        await people.press(IN[OTHER[language]], answer, phrase("stop", language))
        stopped = await answered(discord, thread, phrase("stopped", language))
        assert [button.label for button in stopped.buttons] == [phrase("again", language)]
        await discord.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
    async with Program(tmp_path, **program):
        await people.press(person, stopped, phrase("again", language))
        cut = await answered(discord, thread, phrase("length", language), count=2)
        assert cut.buttons[0].label == phrase("continue", language)
        await people.press(person, cut, phrase("continue", language))
        await answered(discord, thread, "three.", count=3)
        await discord.say(person, thread, "and what is whole?")
        cut = await answered(discord, thread, phrase("cut", language), count=4)
        await people.whispered(ADA, "settings", name="deny", value=f"<@{person}>")
        assert await people.pressed(person, cut, phrase("again", language)) == phrase(
            "refused_denied", language
        )
        await people.whispered(ADA, "settings", name="deny", value="default")
        await people.press(person, cut, phrase("again", language))
        await answered(discord, thread, "Now it is whole.", count=6)
    assert len(endpoint.requests) == 5


# Where it listens, and to whom.


async def test_where_it_listens(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    program, person = settings(discord, endpoint), IN[language]
    other = IN[OTHER[language]]
    async with Program(tmp_path, **program):
        await people.whispered(ADA, "settings", name="language", value=language)
        await discord.open_thread(person, FORUM, None, "Not yet", "Nobody listens.")
        earlier = await discord.open_thread(person, FORUM, None, "Mentions", f"{AT} you do?")
        await answered(discord, earlier, "you do?")
        await people.whispered(ADA, "settings", earlier, name="listen", value="forum")
        await people.whispered(ADA, "settings", name="listen", value="all")
        post = await discord.open_thread(person, FORUM, None, "Why is the loom slow?", "It creaks.")
        assert "It creaks." in (await answered(discord, post, "creaks")).text
        assert "Why is the loom slow?" in str(endpoint.requests[-1].body)
        await discord.say(other, post, "Mine too.")
        await answered(discord, post, "Mine too.", count=2)
        await discord.say(other, post, f"<@{ADA}> and yours?")

        everything = await discord.say(person, GENERAL, "anybody there?")
        await answered(discord, everything, "anybody there?")
        await discord.say(person, GENERAL, f"<@{ADA}> you there?")

        await people.whispered(ADA, "settings", name="listen", value="off")
        assert await people.whispered(person, "ask", question="有人吗？") == phrase("refused_off", language)
        await discord.say(person, GENERAL, f"{AT} anybody?")
        told = await told_all(discord, GENERAL, phrase("refused_off", language), 1)
        assert told.reference is not None
        await people.whispered(ADA, "settings", RANDOM, name="listen", value="off")
        assert await people.whispered(person, "summarize", RANDOM) == phrase("refused_off", language)
        await people.whispered(ADA, "settings", RANDOM, name="listen", value="default")
        again = await discord.say(person, RANDOM, f"{AT} and now?")
        await answered(discord, again, "and now?")
        await discord.say(person, RANDOM, "not to you")
        await discord.say(person, again, "but here")
        await answered(discord, again, "but here", count=2)
    async with Program(tmp_path, **program):
        await discord.say(person, GENERAL, f"{AT} anybody now?")
        await discord.say(person, everything, "nor in its thread?")
        assert await people.whispered(person, "ask", question="有人吗？") == phrase("refused_off", language)
    assert [m.text for m in for_all(discord, GENERAL)] == [phrase("refused_off", language)], "said once"
    asked = [said(request.body)[-1][1].partition(": ")[2] for request in endpoint.requests]
    assert [text.splitlines()[-1] for text in asked] == [
        "you do?",
        "It creaks.",
        "Mine too.",
        "anybody there?",
        "and now?",
        "but here",
    ]


async def test_who_may_ask_is_said_by_server_channel_role_and_person(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    weavers = await discord.grant(person, role="weavers")
    ids = (f"{GUILD}", f"<#{GENERAL}>", f"<@&{weavers}>", f"<@{person}>")
    more = {"PARLEY_ALLOW": f"discord:{GUILD}", "PARLEY_DENY": "discord:77"}
    count = 0
    async with Program(tmp_path, **settings(discord, endpoint, **more)):
        for listed in ids:
            told = await people.whispered(ADA, "settings", name="deny", value=listed)
            assert listed in told
            assert f"`{listed}`" not in told or listed.isdecimal(), "shown as a name"
            assert await people.whispered(person, "ask", question="may I?") == phrase(
                "refused_denied", language
            )
            for command in ("summarize", "usage"):
                assert await people.whispered(person, command) == phrase("refused_denied", language)
            overview = await people.whispered(person, "settings")
            assert says("settings_title", language, overview), "to see why"
            await people.whispered(ADA, "settings", name="deny", value="default")

            await people.whispered(ADA, "settings", name="allow", value="999")
            assert await people.whispered(person, "ask", question="may I?") == phrase(
                "refused_not_listed", language
            )
            await people.whispered(ADA, "settings", name="allow", value=f"999, {listed}")
            count += 1
            await discord.slash(person, GENERAL, "ask", question=f"may I by {count}?")
            await answered(discord, GENERAL, f"may I by {count}?", count=count)
            await people.whispered(ADA, "settings", name="allow", value="default")
        assert len(endpoint.requests) == len(ids)
        await people.whispered(ADA, "settings", name="language", value=language)
        await people.whispered(ADA, "settings", name="deny", value=f"<@&{weavers}>")
        for _ in range(2):
            await discord.say(person, GENERAL, f"{AT} may I?")
        asked = await discord.say(ADA, GENERAL, f"{AT} may I?")
        await answered(discord, asked, "may I?")
    told_to_all = [m for m in for_all(discord, GENERAL) if m.text == phrase("refused_denied", language)]
    assert len(told_to_all) == 1, "said once"


async def test_in_a_server_that_is_not_allowed_it_says_why_once_and_is_silent(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    program = settings(discord, endpoint, PARLEY_ALLOW="discord:999", PARLEY_LANGUAGE=language)
    why = phrase("refused_not_listed", language)
    async with Program(tmp_path, **program):
        await discord.say(person, GENERAL, f"{AT} hello?")
        told = await answered(discord, GENERAL, why)
        assert told.reference is not None
        await discord.say(person, GENERAL, f"{AT} hello?")
        assert await people.whispered(person, "ask", question="may I?") == why
    async with Program(tmp_path, **program):
        await discord.say(person, GENERAL, f"{AT} hello again?")
        await discord.say(person, GENERAL, f"{AT} /usage")
        assert await people.whispered(person, "usage") == why
        assert says("help_title", language, await people.whispered(person, "help"))
    assert [message.text for message in for_all(discord, GENERAL)] == [why]
    assert discord.threads(GENERAL) == []
    assert endpoint.requests == []


async def test_too_many_questions_get_a_friendly_word(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    person = IN[language]
    async with Program(tmp_path, **settings(discord, endpoint, PARLEY_RATE="1")):
        await people.whispered(ADA, "settings", name="language", value=language)
        await discord.slash(person, GENERAL, "ask", question="one?")
        await answered(discord, GENERAL, "one?")
        limited = await people.whispered(person, "ask", question="two?")
        seconds = int(re.sub(r"\D", "", limited))
        assert 30 < seconds <= 60
        assert limited == phrase("limited", language, wait=duration(seconds, language))
        for _ in range(3):
            await discord.say(person, GENERAL, f"{AT} three?")
        word = phrase("limited", language, wait="60").partition("60")[0]
        await told_all(discord, GENERAL, word, 2)
        await discord.slash(ADA, GENERAL, "ask", question="the next one?")
        await told_all(discord, GENERAL, "the next one?", 3)
        assert says("usage_me", language, await people.whispered(person, "usage")), "commands are free"
    assert len(endpoint.requests) == 2
    assert [word in message.text for message in for_all(discord, GENERAL)] == [False, True, False]


# Between people, where only they have it.


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
