"""What is older than it is kept: not read again from a platform, and without an effect where a button is left."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from core.i18n import phrase
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.sides import Discord, Slack
from tests.e2e.test_forgotten import stored
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S

DAY_S, RARE = 86_400, "the code is quokka"
REGENERATE = phrase("regenerate", "en")


def made_older(folder: Path, days: int) -> None:
    """Everything stored was said so many days before. The program does not run."""
    with closing(sqlite3.connect(folder / "data" / "parley.db")) as database, database:
        for table in ("messages", "turns", "threads", "usage"):
            database.execute(f"UPDATE {table} SET at_us = at_us - ?", (days * DAY_S * 1_000_000,))


async def until_removed(folder: Path) -> None:
    """Neither a message nor a turn has its words any more."""
    count = "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM turns WHERE text <> '')"
    async with asyncio.timeout(HANG_S):
        while True:
            with closing(sqlite3.connect(folder / "data" / "parley.db")) as database:
                if database.execute(count).fetchone() == (0,):
                    return
            await asyncio.sleep(0.02)  # another process's file


@pytest.mark.parametrize("keep", ["", "30"])
async def test_an_old_thread_is_read_from_slack_only_as_far_as_its_messages_are_kept(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, keep: str
) -> None:
    thread = await slack.say("U2", "C1", RARE, at=time.time() - 40 * DAY_S)
    await slack.say("U2", "C1", "that was long ago", thread, at=time.time() - 20 * DAY_S)
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint), PARLEY_KEEP_DAYS=keep):
        await slack.say("U1", "C1", f"{AT} which code?", thread)
        await answered(slack, "C1", thread, "which code?")
    asked = str(endpoint.requests[0].body)
    assert "that was long ago" in asked
    assert (RARE in asked, RARE in "".join(stored(tmp_path))) == (not keep, not keep)


async def test_after_its_time_an_answer_on_slack_is_gone_from_the_files_and_its_button_says_so(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    side = Slack(slack, slack_settings(slack))
    settings = side.settings | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        await side.ask(RARE)
        await side.answered(RARE)
    made_older(tmp_path, 40)
    async with Program(tmp_path, **settings, PARLEY_KEEP_DAYS="30"):
        await until_removed(tmp_path)
        await side.press(REGENERATE)
        late = phrase("pressed_late", "en")
        await slack.wait_for(lambda: [one for one in slack.thread("C1", side.thread) if late in one.visible])
        await side.ask("and now?")
        assert (await side.answered("and now?", count=2)).text
    assert len(endpoint.requests) == 2
    assert RARE not in str(endpoint.requests[1].body)
    folder = tmp_path / "data"
    assert [file.name for file in folder.iterdir() if RARE.encode() in file.read_bytes()] == []


async def test_after_its_time_an_answer_on_discord_is_gone_and_its_thread_goes_on(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    side = Discord(discord, discord_settings(discord))
    settings = side.settings | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        await side.ask(RARE)
        await side.answered(RARE)
    made_older(tmp_path, 40)
    async with Program(tmp_path, **settings, PARLEY_KEEP_DAYS="30"):
        await until_removed(tmp_path)
        await side.press(REGENERATE)
        await side.ask("and now?")
        await side.answered("and now?", count=2)
    assert len(endpoint.requests) == 2, "the button asks nobody"
