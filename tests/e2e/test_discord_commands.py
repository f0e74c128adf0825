"""Everything that people do on Discord beside asking: commands, menus, buttons and forms, in both languages,
granted and refused. The real program against the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.commands import COMMANDS, MENUS
from core.phrases import say
from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered, answers
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, CHEN, FORUM, GENERAL, GUILD, RANDOM, FakeDiscord, Message, Permission

IN = {"en": BO, "zh": CHEN}
"""Somebody who may nothing special, in each language."""

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

        return await self.fake.wait_for(shown, 10.0)

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

    async def modal(self, interaction: int) -> dict[str, Any]:
        return await self.fake.wait_for(lambda: self.fake.interaction(interaction).modal)

    async def choices(self, by: int, command: str, option: str, **options: Any) -> list[str]:
        interaction = await self.fake.autocomplete(by, GENERAL, command, option, **options)
        found = await self.fake.wait_for(lambda: self.fake.interaction(interaction).choices)
        return [choice["value"] for choice in found]


def settings(discord: FakeDiscord, endpoint: FakeCompletions, **more: str) -> dict[str, str]:
    return discord_settings(discord) | model_settings(endpoint) | more


async def test_every_command_answers_in_the_askers_language_and_only_to_them(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    people = Discord(discord)
    async with Program(tmp_path, **settings(discord, endpoint)):
        registered = discord.registered_commands
        assert set(registered) == {*COMMANDS, *(say(key, "en") for key in MENUS)}
        assert registered["summarize"]["name_localizations"]["zh-CN"] == say("command_summarize", "zh")
        for language, person in IN.items():
            await people.fake.slash(person, GENERAL, "ask", question=f"hello in {language}")
            await answered(discord, GENERAL, f"hello in {language}")
            help_ = await people.whispered(person, "help")
            assert all(f"`/{name}`" in help_ for name in COMMANDS)
            assert say("command_usage_about", language) in help_
            while say("digest_questions", language, n=1) not in (
                usage := await people.whispered(person, "usage", of="me", period="day")
            ):
                assert say("digest_quiet", language) in usage, "the answer's end is being stored"
            assert say("usage_me", language) in usage
            assert say("budget_none", language) in await people.whispered(person, "budget")
            assert say("origin_default", language) in await people.whispered(person, "model")
            assert say(
                "prompt_now", language, origin=say("origin_default", language)
            ) in await people.whispered(person, "prompt")
            overview = await people.slash(person, "settings")
            assert overview.ephemeral_to == person
            assert say("settings_title", language) in overview.text
            assert overview.buttons == [], "nothing they may change"
            assert await people.whispered(person, "reset") == say("thread_only", language)
            assert await people.whispered(person, "forget", what="thread") == say("thread_only", language)
            assert await people.whispered(person, "export", what="thread") == say("thread_only", language)
    everybody = [message for message in answers(discord, GENERAL) if message.ephemeral_to is None]
    assert len(everybody) == len(IN), "only the answers, and nothing of what was put off"


async def test_settings_are_changed_only_by_those_who_may(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    people = Discord(discord)
    async with Program(tmp_path, **settings(discord, endpoint, PARLEY_ADMINS=f"discord:{CHEN}")):
        refused = await people.whispered(BO, "settings", name="temperature", value="0.5")
        assert refused == say("settings_by_manager", "en")
        await discord.grant(BO, Permission.MANAGE_CHANNELS)
        assert "0.5" in await people.whispered(BO, "settings", name="temperature", value="0.5")
        assert await people.whispered(BO, "settings", name="budget", value="5") == say(
            "settings_by_admin", "en"
        )
        refused = await people.whispered(BO, "prompt", text="Be brief.", scope="workspace")
        assert refused == say("settings_by_admin", "en")
        assert "Be brief." in await people.whispered(CHEN, "prompt", text="Be brief.", scope="workspace")
        assert "3" in await people.whispered(ADA, "settings", name="temperature", value="3"), (
            "it says what fits"
        )

        await discord.slash(BO, RANDOM, "ask", question="hello?")
        await answered(discord, RANDOM, "hello?")
        await discord.slash(BO, GENERAL, "ask", question="and here?")
        await answered(discord, GENERAL, "and here?")
    first, second = (request.body for request in endpoint.requests)
    assert "Be brief." in str(said(first)[0])
    assert ("temperature" in first, second["temperature"]) == (False, 0.5)


async def test_the_settings_form_opens_by_its_buttons_also_after_a_restart(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    people, program = Discord(discord), settings(discord, endpoint)
    await discord.grant(CHEN, Permission.MANAGE_GUILD)
    async with Program(tmp_path, **program):
        overview = await people.slash(CHEN, "settings", scope="channel")
    assert len(overview.buttons) >= 2, "five fields a form"
    async with Program(tmp_path, **program):
        opened = await people.press(CHEN, overview, say("setting_temperature", "zh"))
        form = await people.modal(opened)
        labels = [part["label"] for part in form["components"]]
        assert labels[:2] == [say("setting_model", "zh"), say("setting_prompt", "zh")]
        told = await people.told(
            await discord.submit_modal(opened, set_prompt="请用一句话回答。", set_temperature="0.2")
        )
        assert told.ephemeral_to == CHEN
        assert say("setting_temperature", "zh") in told.text
        opened = await people.press(CHEN, overview, say("setting_temperature", "zh"))
        fields = {
            part["component"]["custom_id"]: part["component"]
            for part in (await people.modal(opened))["components"]
        }
        assert fields["set_temperature"]["value"] == "0.2"
        wrong = await people.told(await discord.submit_modal(opened, set_temperature="hot"))
        assert say("setting_temperature_about", "zh") in wrong.text
        taken = await people.told(await discord.submit_modal(opened, set_temperature=""))
        assert say("origin_default", "zh") in taken.text
        await discord.slash(BO, GENERAL, "ask", question="hello?")
        await answered(discord, GENERAL, "hello?")
    assert "请用一句话回答。" in str(said(endpoint.requests[0].body)[0])
    assert "temperature" not in endpoint.requests[0].body


async def test_models_are_suggested_and_one_that_is_chosen_answers(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    (tmp_path / "parley.toml").write_text(
        'models = ["GPT-5.5", "GLM-5"]\n[endpoints.main]\n'
        f'base_url = "{endpoint.base_url}"\naccounts = [{{ name = "team", key = "sk-test" }}]\n'
        '[endpoints.main.models."GPT-5.5"]\n[endpoints.main.models."GLM-5"]\n'
    )
    people = Discord(discord)
    async with Program(tmp_path, **discord_settings(discord)):
        assert {"GPT-5.5", "GLM-5"} <= set(await people.choices(BO, "model", "name", name=""))
        assert await people.choices(BO, "model", "name", name="glm") == ["GLM-5"]
        listen = await people.choices(CHEN, "settings", "value", name="listen", value="")
        assert {"mentions", "all", "forum", "off"} <= set(listen)
        assert await people.whispered(BO, "model", name="GLM-5") == say("settings_by_manager", "en")
        assert "GLM-5" in await people.whispered(ADA, "model", name="GLM-5")
        unknown = await people.whispered(ADA, "model", name="nothing-1")
        assert "nothing-1" in unknown
        await discord.slash(BO, GENERAL, "ask", question="who are you?")
        await answered(discord, GENERAL, "who are you?")
    assert endpoint.requests[0].body["model"] == "GLM-5"


async def test_a_thread_is_summed_up_begun_afresh_exported_and_forgotten(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("Weaving."), Words("They spoke of looms."), Words("Nothing before."))
    people = Discord(discord)
    async with Program(tmp_path, **settings(discord, endpoint)):
        thread = await discord.say(BO, GENERAL, f"{AT} what is a loom for?")
        await answered(discord, thread, "Weaving.")
        await discord.slash(CHEN, thread, "summarize", of="thread")
        await answered(discord, thread, "They spoke of looms.", count=2)
        assert "what is a loom for?" in str(endpoint.requests[1].body)

        exported = await people.slash(BO, "export", thread, what="thread")
        assert exported.ephemeral_to == BO
        (file,) = exported.attachments
        assert "what is a loom for?" in file.data.decode()
        mine = await people.slash(BO, "export", thread, what="me")
        assert "what is a loom for?" in json.dumps(json.loads(mine.attachments[0].data))

        afresh = await people.slash(CHEN, "reset", thread)
        assert (afresh.text, afresh.ephemeral_to) == (say("reset_done", "zh"), None)
        await discord.say(CHEN, thread, "and now?")
        await answered(discord, thread, "Nothing before.", count=4)
        assert "what is a loom for?" not in str(endpoint.requests[2].body)

        assert await people.whispered(BO, "forget", thread, what="thread") == say(
            "forget_by_manager", "en", prefix="/"
        )
        assert say("forget_kept", "zh") in await people.whispered(CHEN, "forget", thread, what="me")
        assert say("forget_kept", "en") in await people.whispered(ADA, "forget", thread, what="thread")
        assert await people.whispered(CHEN, "export", thread, what="thread") == say("export_nothing", "zh")


async def test_the_menus_of_a_message(tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions) -> None:
    endpoint.script(Words("It is the shuttle."), Words("The loom broke."), Words("Both sides."))
    people = Discord(discord)
    async with Program(tmp_path, **settings(discord, endpoint)):
        await discord.say(ADA, GENERAL, "Good morning.")
        discord.clock.advance(60)
        broken = await discord.say(BO, GENERAL, "The loom is broken.")
        await discord.say(ADA, GENERAL, "Again?")

        opened = await discord.context_menu(CHEN, GENERAL, broken, say("menu_ask", "en"))
        form = await people.modal(opened)
        assert form["title"] == say("menu_ask", "zh")
        await discord.submit_modal(opened, question="哪里坏了？")
        await answered(discord, GENERAL, "It is the shuttle.")
        asked = str(said(endpoint.requests[0].body)[-1])
        assert "> The loom is broken." in asked
        assert "哪里坏了？" in asked

        await discord.context_menu(ADA, GENERAL, broken, say("menu_summarize", "en"))
        await answered(discord, GENERAL, "The loom broke.", count=2)
        read = str(endpoint.requests[1].body)
        assert "The loom is broken." in read
        assert "Again?" in read
        assert "Good morning." not in read

        await discord.slash(ADA, GENERAL, "summarize", last=50, of="channel")
        await answered(discord, GENERAL, "Both sides.", count=3)
        assert "Good morning." in str(endpoint.requests[2].body)
    assert all(message.ephemeral_to is None for message in answers(discord, GENERAL))


async def test_a_finished_answer_is_regenerated_and_judged_also_after_a_restart(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("Four."), Words("Four, surely."))
    people, program = Discord(discord), settings(discord, endpoint)
    async with Program(tmp_path, **program):
        await discord.slash(CHEN, GENERAL, "ask", question="two and two?")
        answer = await answered(discord, GENERAL, "Four.")
        await discord.wait_for(lambda: len(answer.buttons) == 3)
        assert [button.label for button in answer.buttons] == [say("regenerate", "zh"), "👍", "👎"]
    async with Program(tmp_path, **program):
        refused = await people.told(await people.press(BO, answer, say("regenerate", "zh")))
        assert (refused.text, refused.ephemeral_to) == (say("not_asker", "en"), BO)
        thanked = await people.told(await people.press(BO, answer, "👍"))
        assert (thanked.text, thanked.ephemeral_to) == (say("thanks", "en"), BO)

        sorry = await people.told(await people.press(CHEN, answer, "👎"))
        assert (sorry.text, sorry.ephemeral_to) == (say("thanks_down", "zh"), CHEN)
        opened = await people.press(CHEN, sorry, say("reason", "zh"))
        assert (await people.modal(opened))["title"] == say("reason_title", "zh")
        noted = await people.told(await discord.submit_modal(opened, text="没有理由"))
        assert (noted.text, noted.ephemeral_to) == (say("thanks", "zh"), CHEN)

        await people.press(CHEN, answer, say("regenerate", "zh"))
        await answered(discord, GENERAL, "Four, surely.", count=5)
        late = await people.told(await people.press(CHEN, answer, say("regenerate", "zh")))
        assert (late.text, late.ephemeral_to) == (say("pressed_already", "zh"), CHEN)


async def test_where_it_listens(tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions) -> None:
    people = Discord(discord)
    async with Program(tmp_path, **settings(discord, endpoint)):
        await discord.open_thread(BO, FORUM, None, "Not yet", "Nobody listens.")
        earlier = await discord.open_thread(BO, FORUM, None, "Mentions", f"{AT} you do?")
        await answered(discord, earlier, "you do?")
        await people.whispered(ADA, "settings", earlier, name="listen", value="forum")
        post = await discord.open_thread(BO, FORUM, None, "Why is the loom slow?", "It creaks.")
        assert "It creaks." in (await answered(discord, post, "creaks")).text
        assert "Why is the loom slow?" in str(endpoint.requests[-1].body)
        await discord.say(CHEN, post, "Mine too.")
        await answered(discord, post, "Mine too.", count=2)

        await people.whispered(ADA, "settings", name="listen", value="all")
        everything = await discord.say(BO, GENERAL, "anybody there?")
        await answered(discord, everything, "anybody there?")

        await people.whispered(ADA, "settings", name="listen", value="off")
        assert await people.whispered(CHEN, "ask", question="有人吗？") == say("refused_off", "zh")
        for _ in range(2):
            await discord.say(BO, GENERAL, f"{AT} anybody?")
        told = await answered(discord, GENERAL, say("refused_off", "en"))
        assert told.reference is not None
        await people.whispered(ADA, "settings", name="listen", value="default")
        again = await discord.say(BO, GENERAL, f"{AT} and now?")
        await answered(discord, again, "and now?")
    assert len([m for m in answers(discord, GENERAL) if m.text == say("refused_off", "en")]) == 1, "said once"
    assert "Not yet" not in str([request.body for request in endpoint.requests])


async def test_who_may_not_ask_is_told_so_politely(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    people = Discord(discord)
    weavers = await discord.grant(BO, role="weavers")
    more = {"PARLEY_ALLOW": f"discord:{GUILD}", "PARLEY_DENY": f"discord:{CHEN}", "PARLEY_RATE": "2"}
    async with Program(tmp_path, **settings(discord, endpoint, **more)):
        assert await people.whispered(CHEN, "ask", question="可以吗？") == say("refused_denied", "zh")
        assert await people.whispered(CHEN, "summarize") == say("refused_denied", "zh")
        assert say("settings_title", "zh") in await people.whispered(CHEN, "settings"), "to see why"

        await people.whispered(ADA, "settings", name="allow", value=f"<@&{weavers}>")
        question = await discord.say(BO, GENERAL, f"{AT} may I?")
        await answered(discord, question, "may I?")
        await discord.grant(CHEN, role="others")
        await discord.slash(BO, GENERAL, "ask", question="and I?")
        await answered(discord, GENERAL, "and I?")
        limited = await people.slash(BO, "ask", question="and again?")
        assert limited.ephemeral_to == BO
        assert say("limited", "en", n=60)[:20] in limited.text
        assert await people.whispered(ADA, "ask", question="the owner?") == say("refused_not_listed", "en")
    assert len(endpoint.requests) == 2


async def test_a_command_in_a_message_or_a_direct_one_works_too(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    people = Discord(discord)
    async with Program(tmp_path, **settings(discord, endpoint)):
        thread = await discord.say(BO, GENERAL, f"{AT} hello")
        await answered(discord, thread, "hello")
        await discord.say(BO, thread, f"{AT} /reset")
        await answered(discord, thread, say("reset_done", "en"), count=2)
        await discord.say(BO, thread, f"{AT} /export me")
        told = await answered(discord, discord.dm(BO), "", count=1)
        assert told.attachments
        await discord.direct(ADA, "/usage")
        await answered(discord, discord.dm(ADA), say("usage_me", "en"))
        changed = await people.whispered(ADA, "settings", discord.dm(ADA), name="language", value="zh")
        assert say("choice_zh", "en") in changed or say("choice_zh", "zh") in changed
        await discord.direct(ADA, "/help")
        await answered(discord, discord.dm(ADA), say("help_title", "zh"))


async def test_a_person_who_installed_it_has_it_between_people(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    people = Discord(discord)
    chat = discord.private_chat(CHEN)
    async with Program(tmp_path, **settings(discord, endpoint)):
        message = await discord.say(BO, chat, "Looms weave.")
        opened = await discord.context_menu(CHEN, chat, message, say("menu_ask", "en"))
        await people.modal(opened)
        await discord.submit_modal(opened, question="真的吗？")
        await answered(discord, chat, "真的吗？")
        assert say("help_title", "zh") in await people.whispered(CHEN, "help", chat)
        assert say("usage_me", "zh") in await people.whispered(CHEN, "usage", chat, of="me")
