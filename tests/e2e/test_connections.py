"""Connections that die in every way they do, under the running program."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import AT as DISCORD_AT
from tests.e2e.test_discord import answered as answered_in_discord
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import ADA, BO, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.waiting import AT_ONCE_S, HANG_S, least


async def test_slack_heals_from_cut_dead_silent_and_renewed_sockets(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.sockets.retry_delays_s = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
    slack.sockets.ack_timeout_s = 1.0
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.wait_for(lambda: len(slack.sockets.open) == 2)
        asked = []

        async def ask(how: str) -> None:
            asked.append((await slack.say("U1", "C1", f"{AT} {how}?"), how))

        await slack.disconnect("refresh_requested")
        await ask("renewed")
        await answered(slack, "C1", asked[-1][0], "renewed?")
        slack.abort_sockets()
        await ask("cut")
        await answered(slack, "C1", asked[-1][0], "cut?")
        slack.refuse_connections = True
        slack.abort_sockets()
        await ask("dead URL")
        await asyncio.sleep(1.5)
        slack.refuse_connections = False
        await slack.wait_for(
            lambda: "dead URL?" in "".join(a.visible for a in answers(slack, "C1", asked[-1][0]))
        )
        await slack.wait_for(lambda: len(slack.sockets.open) == 2)
        slack.half_open()
        await ask("silent")
        await slack.wait_for(
            lambda: "silent?" in "".join(a.visible for a in answers(slack, "C1", asked[-1][0])), 2 * HANG_S
        )
    for ts, how in asked:
        assert len(answers(slack, "C1", ts)) == 1, how


async def test_while_one_socket_is_renewed_the_other_one_hears(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async def longest_s() -> float:
        """Of twenty events, of which every fifth comes as a socket is renewed. One that only a closing socket got would
        take as long as Slack waits before it sends it again."""
        before = len(slack.envelopes)
        for number in range(20):
            if number % 5 == 0:
                one = slack.sockets.open[0]
                await one.link.send_json({"type": "disconnect", "reason": "refresh_requested"})
            await slack.say("U1", "C1", f"line {number}")
            assert len(slack.sockets.open) >= 1
            await asyncio.sleep(0.02)
        await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
        return max(envelope.latency_s or 0 for envelope in slack.envelopes[before:])

    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.wait_for(lambda: len(slack.sockets.open) == 2)
        assert await least(longest_s, AT_ONCE_S) < AT_ONCE_S


async def test_discord_resumes_and_reads_on_where_it_can_not(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        question = await discord.say(ADA, GENERAL, f"{DISCORD_AT} first?")
        await answered_in_discord(discord, question, "first?")
        discord.abort_gateway()
        await discord.say(BO, question, "while it was cut?")
        await answered_in_discord(discord, question, "while it was cut?", count=2)
        assert discord.gateway.resumes == 1
        discord.refuse_connections = True
        discord.gateway.lose_sessions()
        discord.abort_gateway()
        await discord.say(BO, question, "while nobody heard?")
        other = await discord.say(ADA, GENERAL, f"{DISCORD_AT} nor this?")
        discord.refuse_connections = False
        await discord.wait_for(lambda: discord.gateway.identifies == 2)
        await answered_in_discord(discord, question, "while nobody heard?", count=3)
        await answered_in_discord(discord, other, "nor this?")
        await discord.say(BO, question, "again?")
        await answered_in_discord(discord, question, "again?", count=4)
