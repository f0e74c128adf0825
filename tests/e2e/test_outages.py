"""Outages of one part, under the running program: the other parts go on, and operators hear of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from tests.e2e.conftest import BOTH_WAYS, discord_settings, model_settings, slack_settings
from tests.e2e.program import Program, free_port
from tests.e2e.test_discord import AT as DISCORD_AT
from tests.e2e.test_discord import answered as answered_in_discord
from tests.e2e.test_slack import AT, answered, answers
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S


def alerts(discord: FakeDiscord) -> str:
    return "\n".join(message.text for message in discord.from_bot(GENERAL))


@BOTH_WAYS
async def test_an_uninstalled_slack_app_leaves_discord_running_and_slack_comes_back_by_itself(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings, PARLEY_ALERT_CHANNEL=f"slack:C1,discord:{GENERAL}") as program:
        await slack.uninstall()
        found = await program.until(lambda found: "slack" in found.get("why", {}))
        assert found["slack"] is False
        assert found["discord"] is True
        assert "SLACK" in found["why"]["slack"]
        question = await discord.say(ADA, GENERAL, f"{DISCORD_AT} still there?")
        await answered_in_discord(discord, question, "still there?")
        await discord.wait_for(lambda: "platform slack" in alerts(discord))
        assert 'parley_platform_up{platform="slack"} 0.0' in await program.page("/metrics")
        slack.revoke("")
        await program.until(lambda found: found["slack"])
        ts = await slack.say("U1", "C1", f"{AT} back?")
        await answered(slack, "C1", ts, "back?")
        await discord.wait_for(lambda: "works again" in alerts(discord))


async def test_posts_that_slack_refuses_while_its_socket_stays_open_are_told_on_discord(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    async with Program(tmp_path, **settings, PARLEY_ALERT_CHANNEL=f"discord:{GENERAL}") as program:
        for method in ("chat.postMessage", "chat.update", "chat.startStream", "chat.postEphemeral"):
            slack.fail(method, None, error="account_inactive")
        await slack.say("U1", "C1", f"{AT} anybody?")
        await discord.wait_for(lambda: "platform slack" in alerts(discord))
        metrics = await program.page("/metrics")
        assert 'parley_platform_refusals_total{call="perform",code="bad_token",platform="slack"}' in metrics
        found = await program.state()
        assert (found["ready"], found["slack"], found["discord"]) == (False, False, True)
        assert "posts are refused" in found["why"]["slack"]
        assert "account_inactive" in found["why"]["slack"]


async def test_one_bad_token_at_the_start_does_not_keep_the_other_platform_away(
    tmp_path: Path, slack: FakeSlack, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
    program = Program(tmp_path, **settings | {"DISCORD_BOT_TOKEN": "other"})
    await program.start()
    try:
        await program.until(lambda found: found["slack"])
        ts = await slack.say("U1", "C1", f"{AT} alone?")
        await answered(slack, "C1", ts, "alone?")
        found = await program.until(lambda found: "discord" in found.get("why", {}))
        assert "DISCORD_BOT_TOKEN" in found["why"]["discord"]
    finally:
        assert await program.stop() == 0
    program.check_output()


async def test_a_start_waits_for_a_database_that_is_not_there_yet_and_says_so(
    tmp_path: Path, slack: FakeSlack
) -> None:
    url = f"postgresql://somebody:hidden-word@127.0.0.1:{free_port()}/parley?password=other-word"
    program = Program(tmp_path, **slack_settings(slack), DATABASE_URL=url, PARLEY_START_WAIT_S="4")
    await program.start()
    found = await program.until(lambda found: bool(found.get("why")))
    assert found["ready"] is False
    assert "can't be reached: the connection is refused" in found["why"]["database"]
    assert await program.end() == 1, "a service manager tries again, unlike after a wrong setting"
    assert "waiting for at most 4 s" in program.output
    assert "(the connection is refused)" in program.output
    assert "connection lost" not in program.output
    assert program.output.splitlines()[-1].startswith("parley: DATABASE_URL:")
    assert "hidden-word" not in program.output
    assert "other-word" not in program.output
    program.check_output()


async def test_a_start_that_waits_ends_at_sigterm_and_answers_no_foreign_host(
    tmp_path: Path, slack: FakeSlack
) -> None:
    program = Program(
        tmp_path, **slack_settings(slack), DATABASE_URL=f"postgresql://me@127.0.0.1:{free_port()}/parley"
    )
    await program.start()
    await program.until(lambda found: bool(found.get("why")))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{program.url}/metrics", headers={"Host": "rebound.example"}) as answer,
    ):
        assert answer.status == 421
    assert await program.stop() == 0
    assert "stopped before the database was open" in program.output
    program.check_output()


async def test_a_question_at_which_the_program_died_twice_is_set_aside_and_others_are_answered(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_ALERT_CHANNEL": "slack:C2"}
    endpoint.script(*[Words("and so on " * 500, per_s=5)] * 2)
    ts = ""
    for deaths in range(2):
        program = Program(tmp_path, **settings)
        await program.start()
        await program.ready()
        ts = ts or await slack.say("U1", "C1", f"{AT} go on?")
        await answered(slack, "C1", ts, "and so on")
        for _ in range(round(HANG_S / 0.1)):
            if len(endpoint.requests) > deaths:
                break
            await asyncio.sleep(0.1)
        await program.kill()
    async with Program(tmp_path, **settings):
        await answered(slack, "C1", ts, "try it again")
        other = await slack.say("U1", "C1", f"{AT} and this?")
        await answered(slack, "C1", other, "and this?")
        await slack.wait_for(lambda: any("question" in message.visible for message in slack.messages("C2")))
    assert len(answers(slack, "C1", ts)) == 1
