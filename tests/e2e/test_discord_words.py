"""The messages on Discord that are questions, and their text. The real program against the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.discord.names import HIDDEN
from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA, BO, BOT, CHEN, GENERAL, RANDOM, FakeDiscord, Permission


async def test_what_people_say_to_each_other_in_a_thread_is_context_and_no_question(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        thread = await discord.say(ADA, GENERAL, f"{AT} when do we meet?")
        await answered(discord, thread, "when do we meet?")
        friday = await discord.say(BO, thread, f"<@{ADA}> friday?")
        for ping in (True, False):
            await discord.say(ADA, thread, f"friday is fine for me too, {ping}", reply_to=friday, ping=ping)
        await discord.say(ADA, thread, "@everyone standup in 5 minutes")
        await discord.say(BO, thread, "@here it begins")
        await discord.say(CHEN, thread, "and who is late?")
        await answered(discord, thread, "and who is late?", count=2)
    assert len(endpoint.requests) == 2
    lines = [content for role, content in said(endpoint.requests[1].body)[1:] if role == "user"]
    to_bo = "This replies to what Bo Larsen wrote:\n> @Ada Byron friday?\n\n"
    assert lines[1:-1] == [
        "Bo Larsen: @Ada Byron friday?",
        f"{to_bo}Ada Byron: friday is fine for me too, True",
        f"{to_bo}Ada Byron: friday is fine for me too, False",
        "Ada Byron: @everyone standup in 5 minutes",
        "Bo Larsen: @here it begins",
    ]


@pytest.mark.parametrize("in_thread", [False, True])
async def test_an_edit_that_adds_the_mention_is_answered_once(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, in_thread: bool
) -> None:
    discord.clock.advance(-3_600)
    root = await discord.say(ADA, GENERAL, "Numbers.")
    channel = await discord.open_thread(ADA, GENERAL, root, "Numbers") if in_thread else GENERAL
    old = await discord.say(BO, channel, "what is 1+1?")
    discord.clock.advance(3_600)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        question = await discord.say(BO, channel, "what is 2+2?")
        await discord.edit(old, f"{AT} what is 1+1?")
        await discord.edit(question, f"{AT} what is 2+2?")
        seat = channel if in_thread else question
        await answered(discord, seat, "what is 2+2?")
        await discord.edit(question, f"{AT} what is 2+2, please?")
        again = await discord.say(CHEN, RANDOM, f"{AT} ready?")
        await answered(discord, again, "ready?")
        assert len(discord.from_bot(seat)) == 1
    asked = [said(request.body)[-1][1] for request in endpoint.requests]
    assert "Bo Larsen: what is 2+2?" in asked
    assert not any("what is 1+1?" in question for question in asked)


async def test_the_words_of_ask_have_the_names_that_a_message_has(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    words = f"what did <@{BO}> say in <#{RANDOM}> with <:pepe:99>?"
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        mention = await discord.say(ADA, GENERAL, f"{AT} {words}")
        await answered(discord, mention, "what did")
        await discord.slash(ADA, GENERAL, "ask", question=words)
        await answered(discord, GENERAL, "what did")
    asked = [said(request.body)[-1][1] for request in endpoint.requests]
    assert asked == ["Ada Byron: what did @Bo Larsen say in #random with :pepe:?"] * 2


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("C# or F#: which for issue #42, snake_case or a*b > 3?", None),
        ("**is** it true that ||the gardener did it||?", f"is it true that {HIDDEN}?"),
    ],
)
async def test_a_thread_is_called_what_its_question_shows(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, question: str, name: str | None
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        asked = await discord.say(ADA, GENERAL, f"{AT} {question}")
        await answered(discord, asked, "")
        thread = discord.thread_of(asked)
    assert thread is not None
    assert thread.name == (name or question)


async def test_what_is_said_to_a_role_a_bot_or_everybody_is_context_and_what_names_the_bot_too_is_asked(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    weavers = await discord.grant(BO, Permission.SEND_MESSAGES, role="weavers")
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        thread = await discord.say(ADA, GENERAL, f"{AT} when do we meet?")
        answer = await answered(discord, thread, "when do we meet?")
        build = await discord.bot_says(thread, "The build is red.")
        await discord.say(ADA, thread, f"<@&{weavers}> who comes?")
        await discord.say(BO, thread, "that is known", reply_to=build, ping=False)
        await discord.say(BO, thread, f"{AT} and @everyone: how late is it?")
        await answered(discord, thread, "how late is it?", count=2)
        await discord.say(CHEN, thread, "and in London?", reply_to=answer.id, ping=False)
        await answered(discord, thread, "and in London?", count=3)
    assert len(endpoint.requests) == 3
    lines = [content for role, content in said(endpoint.requests[1].body)[1:] if role == "user"]
    assert lines[1:-1] == [
        "herald: The build is red.",
        "Ada Byron: @weavers who comes?",
        "This replies to what herald wrote:\n> The build is red.\n\nBo Larsen: that is known",
    ]


@pytest.mark.parametrize("before", [f"<@{ADA}> what is 2+2?", "what is 2+2?"], ids=["person", "nobody"])
async def test_an_edit_after_a_restart_that_adds_the_mention_is_answered(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, before: str
) -> None:
    settings = discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        question = await discord.say(BO, GENERAL, before)
    async with Program(tmp_path, **settings):
        await discord.edit(question, f"{AT} what is 2+2?")
        await answered(discord, question, "what is 2+2?")
    assert len(endpoint.requests) == 1


async def test_an_edit_turns_what_was_said_between_people_in_a_joined_thread_into_a_question(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        thread = await discord.say(ADA, GENERAL, f"{AT} first?")
        await answered(discord, thread, "first?")
        to_ada = await discord.say(BO, thread, f"<@{ADA}> what is 2+2?")
        reply = await discord.say(CHEN, thread, "what is 3+3?", reply_to=to_ada, ping=False)
        await discord.edit(to_ada, f"{AT} what is 2+2?")
        await answered(discord, thread, "what is 2+2?", count=2)
        await discord.edit(reply, f"{AT} what is 3+3?")
        await answered(discord, thread, "what is 3+3?", count=3)


@pytest.mark.parametrize("direct", [False, True], ids=["server", "direct"])
async def test_every_kind_of_mark_in_ask_reads_as_in_a_message(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, direct: bool
) -> None:
    weavers = await discord.grant(BO, Permission.SEND_MESSAGES, role="weavers")
    words = f"<@!{BO}> <@{BOT}> <a:dance:98> </ask:5> <t:1760000000:R> <@404> <#404>"
    words += "" if direct else f" <@&{weavers}> <@{CHEN}>"
    channel = discord.dm(ADA) if direct else GENERAL
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        if direct:
            await discord.direct(ADA, f"so {words}")
            await answered(discord, channel, "so ")
        else:
            mention = await discord.say(ADA, channel, f"{AT} so {words}")
            await answered(discord, mention, "so ")
        await discord.slash(ADA, channel, "ask", question=f"so {words}")
        await answered(discord, channel, "so ", count=2 if direct else 1)
    asked = [said(request.body)[-1][1].split("so ")[-1] for request in endpoint.requests]
    assert asked[0] == asked[1]
    assert ":dance:" in asked[1]
    assert "@Bo Larsen @parley" in asked[1]
    assert ("@weavers" in asked[1]) is not direct
