"""A summary of what was said in a channel, on both platforms; asked for with a mention, which works in threads too."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import answered as discord_answered
from tests.e2e.test_slack import AT, answered
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack


def said(endpoint: FakeCompletions) -> list[str]:
    """The words of each line that the model was given."""
    content: str = endpoint.requests[-1].body["messages"][-1]["content"]
    return [json.loads(line)["text"] for line in content.splitlines()]


async def test_a_channels_newest_messages_are_summed_up_on_slack(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("They ship on Monday."), Words("All of it."))
    await slack.say("U1", "C1", "an old one")
    await slack.say("U1", "C1", "ship on Monday?")
    await slack.say("U2", "C1", "yes")
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} /summarize channel 2")
        await answered(slack, "C1", ts, "They ship on Monday.")
        assert said(endpoint) == ["ship on Monday?", "yes"]
        await slack.say("U1", "C1", f"{AT} /总结", thread_ts=ts)
        await answered(slack, "C1", ts, "All of it.", count=2)
    assert said(endpoint)[-1] == "They ship on Monday."


async def test_a_channels_newest_messages_are_summed_up_on_discord(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("They ship on Monday."))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        await discord.say(ADA, GENERAL, "an old one")
        await discord.say(ADA, GENERAL, "ship on Monday?")
        await discord.say(BO, GENERAL, "yes")
        question = await discord.say(ADA, GENERAL, "<@900> /summarize channel 2")
        await discord_answered(discord, question, "They ship on Monday.")
    assert said(endpoint) == ["ship on Monday?", "yes"]
