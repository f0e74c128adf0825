"""Earlier answers whose messages were deleted or changed are used no more, also where nobody told of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.conftest import discord_settings, model_settings
from tests.e2e.program import Program
from tests.e2e.sides import Discord, Side
from tests.e2e.test_asked_before import CITED, QUESTION, answered_once, offered
from tests.fakes.completions import Citing, FakeCompletions, Words
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.waiting import until

SECRET = "The code of the safe is 4711."
LOST = "I lost the key of the workshop"


async def asked_again(side: Side, endpoint: FakeCompletions) -> list[dict[str, object]]:
    """What the same question is offered in another thread."""
    later = side.elsewhere()
    endpoint.script(Words("Once more."))
    await later.ask(LOST)
    await later.answered("Once more.")
    await until(lambda: len(later.answers()[-1].buttons) > 1)
    return offered(endpoint)


async def told_nothing(side: Side) -> bool:
    return "no earlier answer" in await side.elsewhere().search_told("key workshop")


async def test_the_answers_of_a_deleted_thread_are_used_no_more(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    side = Discord(discord, discord_settings(discord))
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await answered_once(side, endpoint, SECRET)
        assert len(await asked_again(side, endpoint)) == 1
        await discord.delete_channel(side.thread)
        assert [one for one in await asked_again(side, endpoint) if one["answer"] == SECRET] == []
        assert SECRET not in str(endpoint.requests[-1].body)


async def test_the_answers_of_a_thread_that_was_deleted_while_it_was_down_are_used_no_more(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    side = Discord(discord, discord_settings(discord))
    settings = {**side.settings, **model_settings(endpoint)}
    async with Program(tmp_path, **settings):
        await answered_once(side, endpoint, SECRET)
    await discord.delete_channel(side.thread)
    async with Program(tmp_path, **settings):
        assert await told_nothing(side)
        assert await asked_again(side, endpoint) == []
        assert SECRET not in str(endpoint.requests[-1].body)


@pytest.mark.parametrize("what", ["deleted", "edited", "answer deleted", "nothing"])
async def test_what_was_changed_while_it_was_down_is_found_at_use(
    tmp_path: Path, side: Side, endpoint: FakeCompletions, what: str
) -> None:
    settings = {**side.settings, **model_settings(endpoint)}
    async with Program(tmp_path, **settings):
        await answered_once(side, endpoint)
    match what:
        case "deleted":
            await side.delete()
        case "edited":
            await side.edit("never mind")
        case "answer deleted":
            await side.delete_answer()
    async with Program(tmp_path, **settings):
        if what == "nothing":
            assert [one["question"] for one in await asked_again(side, endpoint)] == [QUESTION]
        else:
            assert await told_nothing(side)
            assert await asked_again(side, endpoint) == []


async def test_an_answer_to_a_command_is_used_after_a_restart_too(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    side = Discord(discord, discord_settings(discord))
    settings = {**side.settings, **model_settings(endpoint)}
    async with Program(tmp_path, **settings):
        endpoint.script(Words("The key is in the safe."))
        number = await discord.slash(ADA, GENERAL, "ask", question=QUESTION)

        def there() -> bool:
            reply = discord.interaction(number).response
            return reply is not None and "safe" in reply.text and len(reply.buttons) > 1

        await discord.wait_for(there)
        await asyncio.sleep(0.3)
    async with Program(tmp_path, **settings):
        assert [one["question"] for one in await asked_again(side, endpoint)] == [QUESTION]


async def test_a_source_that_is_edited_while_an_answer_is_written_is_not_linked(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await answered_once(side, endpoint)
        later = side.elsewhere()
        endpoint.script(Citing(CITED + " word" * 60, per_s=30))
        await later.ask(LOST)
        await later.answered("word")
        await side.edit("never mind")
        await until(lambda: len(later.answers()[-1].buttons) > 1)
        assert "Asked before" not in later.answers()[-1].text
