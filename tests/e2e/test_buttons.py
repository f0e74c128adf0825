"""Stop, Try again and Continue, on both platforms, also after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_discord import answered as discord_answered
from tests.e2e.test_discord import answers as discord_answers
from tests.e2e.test_slack import AT, answered, answers, said
from tests.fakes.completions import FakeCompletions, Raw, Words
from tests.fakes.discord import ADA, GENERAL, FakeDiscord
from tests.fakes.slack import FakeSlack

LONG = "word " * 400


@pytest.mark.parametrize("streams", [True, False], ids=["Slack's own button", "our button"])
async def test_stop_closes_the_connection_at_once_and_keeps_what_was_written(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, streams: bool
) -> None:
    endpoint.script(Words(LONG, per_s=20))
    if not streams:
        slack.fail("chat.startStream", times=9, error="unknown_method")
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} at length")
        answer = await answered(slack, "C1", ts, "word word")
        if streams:
            assert slack.space.sessions["C1", ts]["status"] == "processing", "there is no button to press"
            await slack.stop_session("U2", "C1", ts)
        else:
            await slack.press("U2", "C1", answer.ts, "parley:stop")
        answer = await answered(slack, "C1", ts, "Stopped.")
        assert answer.visible.startswith("word word")
        await slack.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
        assert answer.buttons == ["Try again"]
        await slack.wait_for(lambda: slack.space.sessions["C1", ts]["status"] == "active")


async def test_try_again_works_after_a_restart_and_twice_is_once(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    broken = Words("These words came through before the end.").on_wire({"stream": True})
    endpoint.script(Raw(broken.steps[:4], end="cut"), Words("Now it is whole."), Words("And then?"))
    async with Program(tmp_path, **settings):
        ts = await slack.say("U1", "C1", f"{AT} tell me")
        cut = await answered(slack, "C1", ts, "interrupted")
    async with Program(tmp_path, **settings):
        await slack.press("U1", "C1", cut.ts, "parley:again")
        await slack.press("U1", "C1", cut.ts, "parley:again")
        await answered(slack, "C1", ts, "Now it is whole.", count=2)
        await slack.say("U1", "C1", "go on", thread_ts=ts)
        await answered(slack, "C1", ts, "And then?", count=3)
    assert "These words" in answers(slack, "C1", ts)[0].visible, "what was written stays"
    assert [content for _, content in said(endpoint.requests[2].body)[1:]] == [
        "ada: tell me",
        "Now it is whole.",
        "ada: go on",
    ]
    assert len(endpoint.requests) == 3


async def test_continue_goes_on_where_the_length_limit_was(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    settings = discord_settings(discord) | model_settings(endpoint)
    endpoint.script(Words("One, two,", finish="length"), Words(" three."))
    async with Program(tmp_path, **settings):
        await discord.slash(ADA, GENERAL, "ask", question="count")
        cut = await discord_answered(discord, GENERAL, "length limit")
        assert [button.label for button in cut.buttons] == ["Continue", "Regenerate", "👍", "👎"]
    async with Program(tmp_path, **settings):
        await discord.press(ADA, GENERAL, cut.id, str(cut.buttons[0].custom_id))
        await discord_answered(discord, GENERAL, "three.", count=2)
    roles = [role for role, _ in said(endpoint.requests[1].body)]
    assert roles == ["system", "user", "assistant", "user"]


async def test_stop_and_try_again_work_on_discord(
    tmp_path: Path, discord: FakeDiscord, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words(LONG, per_s=20), Words("Shorter."))
    async with Program(tmp_path, **discord_settings(discord), **model_settings(endpoint)):
        question = await discord.say(ADA, GENERAL, "<@900> at length")
        answer = await discord_answered(discord, question, "word word")
        await discord.press(ADA, question, answer.id, str(answer.buttons[0].custom_id))
        answer = await discord_answered(discord, question, "Stopped.")
        await discord.press(ADA, question, answer.id, str(answer.buttons[0].custom_id))
        await discord_answered(discord, question, "Shorter.", count=2)
    assert len(discord_answers(discord, question)) == 2


async def test_a_deleted_question_stops_its_answer_and_an_edited_one_starts_it_again(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words(LONG, per_s=20), Words(LONG, per_s=20), Words("About dogs, then."))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} hello")
        gone = await slack.say("U1", "C1", f"{AT} about cats", thread_ts=ts)
        await answered(slack, "C1", ts, "word word")
        await slack.edit("U1", "C1", ts, f"{AT} about dogs")
        await slack.wait_for(lambda: len(endpoint.requests) == 2)
        await slack.delete("U1", "C1", ts)
        await answered(slack, "C1", ts, "The question was deleted")
        await answered(slack, "C1", ts, "About dogs, then.", count=2)
    assert gone
    assert said(endpoint.requests[1].body)[-1] == ("user", "ada: about dogs")
    assert len(answers(slack, "C1", ts)) == 2
