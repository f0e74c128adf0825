"""The place of an answer on Discord: the question's own thread, or the thread in which it was asked. The real
program against the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered, answers
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA, BO, CHEN, GENERAL, FakeDiscord, Limit, Permission

THREADS = "/channels/*/messages/*/threads"


async def test_in_a_window_of_minutes_each_mention_has_a_thread_while_calls_are_left_and_then_a_reply(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    discord.limits.table["thread"] = Limit(4, 900.0)
    discord.limits.table["other"] = Limit(50, 900.0)
    discord.limits.enabled = True
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        asked = [await discord.say(ADA, GENERAL, f"{AT} question 0?")]
        await answered(discord, asked[0], "question 0?")  # the headers of its calls tell the limit
        asked += [await discord.say(ADA, GENERAL, f"{AT} question {number}?") for number in range(1, 5)]
        await discord.wait_for(lambda: sum(discord.thread_of(question) is not None for question in asked) == 4)
        opened = [discord.thread_of(question) is not None for question in asked]  # whichever are the first four
        for number, question in enumerate(asked[1:], 1):
            await answered(discord, question if opened[number] else GENERAL, f"question {number}?")
        followed = asked[opened.index(True)]
        await discord.say(BO, followed, "and then?")
        await answered(discord, followed, "and then?", count=2)
    assert [discord.thread_of(question) is not None for question in asked] == opened
    assert not discord.limits.refused


@pytest.mark.parametrize(("refused", "restarted"), [("full", False), ("denied", False), ("limited", True)])
async def test_what_is_asked_in_a_thread_that_somebody_opens_later_is_answered_in_it(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, refused: str, restarted: bool
) -> None:
    match refused:
        case "full":
            discord.fail("POST", THREADS, status=400, code=160006)
        case "denied":
            await discord.deny(GENERAL, Permission.CREATE_PUBLIC_THREADS)
        case "limited":
            discord.fail("POST", THREADS, retry_after=280.0, scope="shared")
    settings = discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        first = await discord.say(ADA, GENERAL, f"{AT} what is a loom?")
        await answered(discord, GENERAL, "what is a loom?")
        thread = await discord.open_thread(BO, GENERAL, first, "looms")
        if not restarted:
            await _talk_in(discord, thread)
    if restarted:
        async with Program(tmp_path, **settings):
            await _talk_in(discord, thread)
    assert len(discord.from_bot(GENERAL)) == 1


async def _talk_in(discord: FakeDiscord, thread: int) -> None:
    await discord.say(CHEN, thread, f"{AT} and then?")
    await answered(discord, thread, "and then?")
    await discord.say(BO, thread, "and without a mention?")
    await answered(discord, thread, "and without a mention?", count=2)


async def test_a_thread_that_was_made_though_its_answer_was_lost_holds_the_answers(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    discord.fail("POST", THREADS, status=502, taken=True)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        thread = await discord.say(ADA, GENERAL, f"{AT} what is a loom?")
        await answered(discord, thread, "what is a loom?")
        await discord.say(BO, thread, "and then?")
        await answered(discord, thread, "and then?", count=2)
    assert answers(discord, GENERAL) == []


async def test_what_is_asked_in_a_thread_while_it_is_still_being_opened_is_answered_in_it(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    discord.fail("POST", THREADS, status=0, delay_s=1.0)
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        thread = await discord.say(ADA, GENERAL, f"{AT} what is a loom?")
        await discord.wait_for(lambda: discord.thread_of(thread))
        await discord.say(BO, thread, "and then?")
        await answered(discord, thread, "and then?", count=2)
    assert answers(discord, GENERAL) == []
