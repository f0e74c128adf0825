"""The bot reads for a person on Discord only the messages that they may read. The real program on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.i18n import phrase
from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.discord_people import IN, Discord
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, CHEN, GENERAL, RANDOM, FakeDiscord, Permission

HISTORY = Permission.READ_MESSAGE_HISTORY


@pytest.fixture
def people(discord: FakeDiscord) -> Discord:
    return Discord(discord)


async def test_a_summary_is_refused_to_those_alone_who_may_not_read_what_was_said(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord, language: str
) -> None:
    endpoint.script(Words("They spoke of looms."), Words("Of looms."))
    blind, reader, refused = IN[language], ADA, phrase("refused_history", language)
    secret = await discord.say(ADA, GENERAL, "The loom is sold.")
    thread = await discord.open_thread(ADA, GENERAL, secret, "The sale")
    await discord.deny_person(blind, GENERAL, HISTORY)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        for channel in (GENERAL, thread):
            for options in ({"last": 50}, {"hours": 3.0, "of": "channel"}):
                assert await people.whispered(blind, "summarize", channel, **options) == refused
        menu = await discord.context_menu(blind, GENERAL, secret, phrase("menu_summarize", "en"))
        told = await people.told(menu)
        assert (told.text, told.ephemeral_to) == (refused, blind)
        assert await people.whispered(blind, "export", thread, what="thread") != ""
        assert discord.from_bot(GENERAL) == [m for m in discord.from_bot(GENERAL) if m.ephemeral_to == blind]
        await discord.say(blind, thread, f"{AT} /summarize 50")
        await answered(discord, thread, refused)
        assert endpoint.requests == []

        await discord.slash(reader, GENERAL, "summarize", last=50)
        summary = await answered(discord, GENERAL, "They spoke of looms.")
        assert "The loom is sold." in str(endpoint.requests[0].body)
        await discord.deny_person(blind, GENERAL)
        await discord.slash(blind, GENERAL, "summarize", last=50)
        await answered(discord, GENERAL, "Of looms.")
        assert summary.ephemeral_to is None


async def test_a_summary_is_not_made_anew_for_who_may_not_read_any_more(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord
) -> None:
    endpoint.script(Words("They spoke of looms."))
    await discord.say(ADA, GENERAL, "The loom is sold.")
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.slash(BO, GENERAL, "summarize", last=50)
        summary = await answered(discord, GENERAL, "They spoke of looms.")
        await discord.wait_for(lambda: any(button.label == "Regenerate" for button in summary.buttons))
        await discord.deny_person(BO, GENERAL, HISTORY)
        assert await people.pressed(BO, summary, "Regenerate") == phrase("refused_history", "en")
    assert len(endpoint.requests) == 1


async def test_a_thread_is_exported_to_those_who_may_read_it(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        thread = await discord.say(ADA, GENERAL, f"{AT} what is a loom for?")
        await answered(discord, thread, "what is a loom for?")
        await discord.deny_person(BO, GENERAL, HISTORY)
        assert await people.whispered(BO, "export", thread, what="thread") == phrase("refused_history", "en")
        await discord.deny_person(BO, GENERAL)
        exported = await people.slash(BO, "export", thread, what="thread")
        assert "what is a loom for?" in exported.attachments[0].data.decode()


async def test_a_question_in_a_thread_is_answered_without_the_lines_that_its_asker_may_not_read(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord
) -> None:
    root = await discord.say(ADA, GENERAL, "The loom is sold.")
    thread = await discord.open_thread(ADA, GENERAL, root, "The sale")
    await discord.say(ADA, thread, "For 900 crowns.")
    await discord.deny_person(BO, GENERAL, HISTORY)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.say(BO, thread, f"{AT} what is new?")
        answer = await answered(discord, thread, "what is new?")
        await discord.wait_for(lambda: any(button.label == "Regenerate" for button in answer.buttons))
        await people.press(BO, answer, "Regenerate")
        await discord.wait_for(lambda: len(endpoint.requests) == 2)
        await discord.say(BO, thread, f"{AT} and older?")
        await answered(discord, thread, "and older?", count=2)
        await discord.say(CHEN, thread, f"{AT} and all of it?")
        await answered(discord, thread, "and all of it?", count=3)
    blind, again, later, all_of_it = (str(request.body) for request in endpoint.requests)
    assert "sold" not in blind + again + later
    assert "crowns" not in blind + again + later
    assert "what is new?" in later
    assert "The loom is sold." in all_of_it


async def test_whom_a_server_denies_by_a_role_is_refused_in_direct_messages_too(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord
) -> None:
    role = await discord.grant(BO, Permission.SEND_MESSAGES)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await people.whispered(ADA, "settings", name="deny", value=f"<@&{role}>", scope="workspace")
        await discord.direct(BO, "hello?")
        await answered(discord, discord.dm(BO), phrase("refused_denied", "en"))
        refused = await people.whispered(BO, "ask", discord.dm(BO), question="and so?")
        assert refused == f"{phrase('refused_denied', 'en')}\n\nYou wrote:\n> and so?"
        assert endpoint.requests == []
        await discord.direct(CHEN, "hello!")
        await answered(discord, discord.dm(CHEN), "hello!")


async def test_what_a_denied_person_writes_is_not_repeated_and_stops_nothing(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, people: Discord
) -> None:
    endpoint.script(Words("Word after word. " * 40, per_s=30))
    program = discord_settings(discord) | model_settings(endpoint) | {"PARLEY_DENY": f"discord:{BO}"}
    async with Program(tmp_path, **program):
        asked = await discord.say(ADA, GENERAL, f"{AT} tell me")
        growing = await answered(discord, asked, "Word")
        await discord.say(BO, RANDOM, f"{AT} /export x\n" + "~" * 1_900)
        told = await answered(discord, RANDOM, "")
        assert len(told.text) < 500
        assert await people.pressed(BO, growing, "Stop") == phrase("refused_denied", "en")
        question = "a question that is long enough to be given back to whoever wrote it"
        refused = await people.whispered(BO, "ask", question=question)
        assert refused.startswith(phrase("refused_denied", "en"))
        assert discord.from_bot(GENERAL) == [m for m in discord.from_bot(GENERAL) if m.ephemeral_to == BO]
        await discord.wait_for(lambda: growing.text.count("Word") == 40)
