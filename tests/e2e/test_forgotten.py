"""Messages sent before `/forget me` do not come back, though the platform still has them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.sides import Discord
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA, BO, FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S

SECRET = "the number is seven"


def stored(folder: Path) -> list[str]:
    """The text of every stored message."""
    with closing(sqlite3.connect(folder / "data" / "parley.db")) as database:
        return [text for (text,) in database.execute("SELECT text FROM messages")]


async def until_stored(folder: Path, text: str, *, there: bool) -> None:
    async with asyncio.timeout(HANG_S):
        while any(text in one for one in stored(folder)) is not there:  # noqa: ASYNC110 (another process's file)
            await asyncio.sleep(0.02)


async def test_messages_before_it_are_not_read_again_after_a_restart_nor_with_a_thread(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        apart = await slack.say("U1", "C1", SECRET)
        thread = await slack.say("U1", "C1", f"{AT} hello")
        await answered(slack, "C1", thread, "hello")
        await slack.say("U1", "C1", f"<@U2> {SECRET}", thread_ts=thread)
        await until_stored(tmp_path, SECRET, there=True)
        await slack.slash("U1", "C1", "/parley", "forget me confirm")
        await until_stored(tmp_path, SECRET, there=False)
    async with Program(tmp_path, **settings):
        await slack.say("U2", "C1", "and now?", thread_ts=thread)
        await answered(slack, "C1", thread, "and now?", count=2)
        await slack.say("U2", "C1", f"{AT} what number?", thread_ts=apart)
        await answered(slack, "C1", apart, "what number?")
        await slack.say("U1", "C1", "mine", thread_ts=apart)
        await answered(slack, "C1", apart, "mine", count=2)
    assert SECRET not in "".join(stored(tmp_path))
    assert SECRET not in str([request.body for request in endpoint.requests[1:]])


async def test_messages_before_it_are_not_read_again_after_a_restart_on_discord(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    side = Discord(discord, discord_settings(discord))
    settings = side.settings | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        await side.ask("hello")
        await side.answered("hello")
        await discord.say(ADA, side.thread, f"<@{BO}> {SECRET}")
        await until_stored(tmp_path, SECRET, there=True)
        await discord.slash(ADA, side.thread, "forget", what="me", confirm="confirm")
        await until_stored(tmp_path, SECRET, there=False)
    async with Program(tmp_path, **settings):
        await discord.say(BO, side.thread, "and now?")
        await side.answered("and now?", count=2)
    assert SECRET not in "".join(stored(tmp_path))
    assert SECRET not in str([request.body for request in endpoint.requests[1:]])
