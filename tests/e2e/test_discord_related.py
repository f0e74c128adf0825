"""Related threads in a new post of a forum: at most three links, once, and only where Parley does not answer itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.discord_people import Discord
from tests.e2e.program import Program
from tests.e2e.test_discord import AT, answered
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, FORUM, FakeDiscord

HEADS = {"en": "Related threads:", "zh": "相关子区："}


def bot_texts(discord: FakeDiscord, post: int) -> list[str]:
    return [message.text for message in discord.from_bot(post)]


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_new_post_gets_links_to_related_threads_once_and_no_answer(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, language: str
) -> None:
    people = Discord(discord)
    program = discord_settings(discord) | model_settings(endpoint) | {"PARLEY_LANGUAGE": language}
    async with Program(tmp_path, **program):
        for number in range(4):
            endpoint.script(Words("Oil the loom."))
            earlier = await discord.open_thread(
                BO, FORUM, None, f"Noise {number}", f"{AT} the loom creaks {number}"
            )
            await answered(discord, earlier, "Oil the loom.")
        unrelated = await discord.open_thread(BO, FORUM, None, "Before", "The loom creaks, too.")
        await people.whispered(ADA, "settings", earlier, name="related", value="on")
        post = await discord.open_thread(BO, FORUM, None, "Noise again", "Why does my loom creak?")
        await discord.wait_for(lambda: discord.from_bot(post))
        [text] = bot_texts(discord, post)
        lines = text.splitlines()
        assert (lines[0], len(lines)) == (f"-# {HEADS[language]}", 4)
        assert all("the loom creaks" in line and "discord.com/channels" in line for line in lines[1:])
        other = await discord.open_thread(BO, FORUM, None, "Lunch", "Who comes along?")
        asked = len(endpoint.requests)
        await discord.say(ADA, post, "Mine too.")
        await people.whispered(ADA, "settings", earlier, name="listen", value="forum")
        endpoint.script(Words("Oil it, I said."))
        mine = await discord.open_thread(BO, FORUM, None, "Once more", "My loom creaks!")
        await answered(discord, mine, "Oil it, I said.")
        await people.whispered(ADA, "settings", earlier, name="listen", value="default")
    async with Program(tmp_path, **program):
        await people.whispered(ADA, "settings", earlier, name="related", value="off")
    assert len(endpoint.requests) == asked + 1
    assert len(bot_texts(discord, post)) == len(bot_texts(discord, mine)) == 1
    assert bot_texts(discord, unrelated) == bot_texts(discord, other) == []


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_links_to_related_threads_go_when_these_are_deleted(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions, language: str
) -> None:
    people, gone = Discord(discord), {"en": "The related threads were deleted.", "zh": "相关子区已被删除。"}
    program = discord_settings(discord) | model_settings(endpoint) | {"PARLEY_LANGUAGE": language}
    async with Program(tmp_path, **program):
        threads = []
        for number in range(2):
            endpoint.script(Words("Oil the loom."))
            threads.append(
                await discord.open_thread(BO, FORUM, None, f"Noise {number}", f"{AT} the loom creaks {number}")
            )
            await answered(discord, threads[-1], "Oil the loom.")
        await people.whispered(ADA, "settings", threads[0], name="related", value="on")
        post = await discord.open_thread(BO, FORUM, None, "Noise again", "Why does my loom creak?")
        await discord.wait_for(lambda: discord.from_bot(post))
        [both] = bot_texts(discord, post)
        assert "creaks 0" in both
        assert "creaks 1" in both
        await people.slash(BO, "forget", threads[0], what="thread")
        await discord.wait_for(lambda: "creaks 0" not in bot_texts(discord, post)[0])
        [one] = bot_texts(discord, post)
        assert one.startswith(f"-# {HEADS[language]}")
        assert "creaks 1" in one
        await people.slash(BO, "forget", threads[1], what="thread")
        await discord.wait_for(lambda: "creaks 1" not in bot_texts(discord, post)[0])
    assert bot_texts(discord, post) == [f"-# {gone[language]}"]
