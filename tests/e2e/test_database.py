"""The database in trouble, under the running program: nobody is left in the dark, and all heals by itself."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from core.phrases import say
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT as DISCORD_AT
from tests.e2e.test_discord import answered as answered_in_discord
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.storage.test_lock import cut_connections

STORE_DOWN = say("store_down", "en")


@asynccontextmanager
async def locked(program: Program) -> AsyncIterator[None]:
    """Another program writes to the database and does not end."""
    other = sqlite3.connect(program.folder / "parley.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@asynccontextmanager
async def no_room(program: Program) -> AsyncIterator[None]:
    """Not one more byte can be written to a file."""
    before = resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    yield
    resource.prlimit(program.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("trouble", "logged"), [(locked, "database is locked"), (no_room, "disk")])
async def test_what_can_not_be_stored_is_told_or_not_acknowledged_and_heals(
    tmp_path: Path,
    slack: FakeSlack,
    discord: FakeDiscord,
    endpoint: FakeCompletions,
    trouble: Callable[[Program], AbstractAsyncContextManager[None]],
    logged: str,
) -> None:
    slack.sockets.ack_timeout_s, slack.sockets.retry_delays_s = 0.5, (0.2,) * 20
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    settings["DATABASE_URL"] = "sqlite:///parley.db?timeout=0.2"
    async with Program(tmp_path, **settings) as program:
        begun = await slack.say("U1", "C2", f"{AT} before?")
        await answered(slack, "C2", begun, "before?")
        async with trouble(program):
            ts = await slack.say("U1", "C1", f"{AT} slack?")
            question = await discord.say(ADA, GENERAL, f"{DISCORD_AT} discord?")
            await answered_in_discord(discord, GENERAL, STORE_DOWN)
            interaction = await discord.slash(ADA, GENERAL, "ask", question="slash?")
            await discord.wait_for(lambda: discord.interaction(interaction).deferred)
            await answered_in_discord(discord, GENERAL, STORE_DOWN, count=2)
            (event, _) = asked = [e for e in slack.envelopes if "slack?" in e.event.get("text", "")]
            await slack.wait_for(lambda: len(event.attempts) > 1)
            assert not any(envelope.acked for envelope in asked)
            assert answers(slack, "C1", ts) == []
        await answered(slack, "C1", ts, "slack?")
        again = await discord.say(ADA, GENERAL, f"{DISCORD_AT} again?")
        await answered_in_discord(discord, again, "again?")
        assert logged in program.output
    assert len(answers(slack, "C1", ts)) == 1
    assert question


async def test_an_answer_under_way_outlives_a_locked_database(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("one two three four", per_s=8))
    settings = slack_settings(slack) | model_settings(endpoint)
    settings["DATABASE_URL"] = "sqlite:///parley.db?timeout=0.2"
    async with Program(tmp_path, **settings) as program:
        ts = await slack.say("U1", "C1", f"{AT} count")
        await answered(slack, "C1", ts, "one")
        async with locked(program):
            await answered(slack, "C1", ts, "four")
        await slack.say("U1", "C1", "and on?", thread_ts=ts)
        await answered(slack, "C1", ts, "and on?", count=2)
    assert "one two three four" in endpoint.requests[1].body["messages"][-2]["content"]


async def test_lost_connections_to_postgres_are_made_anew_and_the_lock_is_taken_again(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, postgres_database: str
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | {"DATABASE_URL": postgres_database}
    async with Program(tmp_path, **settings):
        for number in range(3):
            await cut_connections(postgres_database)
            ts = await slack.say("U1", "C1", f"{AT} number {number}?")
            await answered(slack, "C1", ts, f"number {number}?")
        await asyncio.sleep(2.2)
        second = Program(tmp_path, **settings | {"PARLEY_GRACE_S": "0"})
        await second.start()
        assert await second.end() == 2
        assert "another parley is running" in second.output
