"""Slack, whole: people in a workspace, the real slack-bolt in the real program, a real endpoint's bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import BOTH_WAYS, model_settings, slack_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Status, Words
from tests.fakes.slack import BOT_USER, FakeSlack, Message

AT = f"<@{BOT_USER}>"


def answers(slack: FakeSlack, channel: str, ts: str) -> list[Message]:
    return [message for message in slack.thread(channel, ts) if message.user == BOT_USER]


async def answered(slack: FakeSlack, channel: str, ts: str, words: str, count: int = 1) -> Message:
    """Wait until the bot has `count` messages in the thread and the last of them says `words`."""
    await slack.wait_for(
        lambda: len(found := answers(slack, channel, ts)) >= count and words in found[-1].visible
    )
    return answers(slack, channel, ts)[-1]


def said(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in body["messages"]]


@BOTH_WAYS
async def test_a_mention_is_answered_once_and_follow_ups_need_none(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("It is four.", per_s=20), Words("Eight, then."))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} what is two and two?")
        answer = await answered(slack, "C1", ts, "It is four.")
        assert len(answer.history) > 1, "it did not grow"
        await slack.say("U2", "C1", "and twice that?", thread_ts=ts)
        await answered(slack, "C1", ts, "Eight, then.", count=2)
    assert len(answers(slack, "C1", ts)) == 2
    assert said(endpoint.requests[1].body)[1:] == [
        ("user", "ada: what is two and two?"),
        ("assistant", "It is four."),
        ("user", "bo: and twice that?"),
    ]
    assert set(endpoint.requests[0].body) == {"model", "messages", "stream", "stream_options"}


async def test_a_thread_is_read_before_it_is_joined_and_followed_after(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", "The build is red.")
        await slack.say("U2", "C1", "Since this morning.", thread_ts=ts)
        question = await slack.say("U1", "C1", f"{AT} since when?", thread_ts=ts)
        await answered(slack, "C1", ts, "since when?")
        first = endpoint.requests[-1].body
        assert said(first)[1:] == [
            ("user", "ada: The build is red."),
            ("user", "bo: Since this morning."),
            ("user", "ada: since when?"),
        ]
        await slack.edit("U1", "C1", question, f"{AT} since when exactly?")
        aside = await slack.say("U2", "C1", "<@U1> lunch?", thread_ts=ts)
        await slack.delete("U2", "C1", aside)
        await slack.say("U2", "C1", "<@U1> at noon", thread_ts=ts)
        await slack.say("U1", "C1", "so?", thread_ts=ts)
        await answered(slack, "C1", ts, "so?", count=2)
    lines = [content for _, content in said(endpoint.requests[-1].body)[1:]]
    assert lines[2] == "ada: since when exactly?"
    assert not any("lunch" in line for line in lines)
    assert lines[-2:] == ["bo: @ada at noon", "ada: so?"]
    assert len(slack.called("conversations.replies")) == 1


async def test_a_direct_message_opens_a_thread_of_its_own(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.direct("U1", "hello")
        await answered(slack, "D1", ts, "hello")
        await slack.direct("U1", "more", thread_ts=ts)
        await answered(slack, "D1", ts, "more", count=2)
        other = await slack.direct("U1", "something else")
        await answered(slack, "D1", other, "something else")
    assert len(said(endpoint.requests[-1].body)) == 2


async def test_what_is_not_for_the_bot_is_no_turn(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.say("U1", "C1", "just chatting")
        await slack.join("U3", "C1")
        await slack.topic("U1", "C1", "news")
        await slack.bot_says("C1", f"{AT} let us talk for ever")
        ts = await slack.say("U1", "C1", f"{AT} you?")
        await answered(slack, "C1", ts, "you?")
    assert len(endpoint.requests) == 1
    assert len([message for message in slack.messages("C1") if message.user == BOT_USER]) == 1


@BOTH_WAYS
async def test_a_redelivery_after_a_restart_is_not_answered_again(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    async with Program(tmp_path, **settings):
        ts = await slack.say("U1", "C1", f"{AT} once?")
        await answered(slack, "C1", ts, "once?")
    slack.sockets.redeliver_rate = 1.0
    async with Program(tmp_path, **settings):
        again = await slack.say("U1", "C1", f"{AT} twice?", thread_ts=ts)
        await answered(slack, "C1", ts, "twice?", count=2)
        await slack.wait_for(
            lambda: all(envelope.attempts and len(envelope.attempts) > 1 for envelope in slack.envelopes[-2:])
        )
    assert again
    assert len(answers(slack, "C1", ts)) == 2


@BOTH_WAYS
async def test_an_edited_question_is_not_asked_again_and_a_mention_edited_in_is_asked(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    """Slack tells of a mention in an edited message as of a new one: https://github.com/slack-go/slack/pull/1256"""
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} what is a monda?")
        await answered(slack, "C1", ts, "monda?")
        await slack.edit("U1", "C1", ts, f"{AT} what is a monad?")
        aside = await slack.say("U2", "C1", "<@U1> shall I ask?", thread_ts=ts)
        await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
        await slack.edit("U2", "C1", aside, f"{AT} shall I ask you?")
        await answered(slack, "C1", ts, "shall I ask you?", count=2)
        other = await slack.say("U1", "C2", "forgot to ask")
        await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
        await slack.edit("U1", "C2", other, f"{AT} forgot to ask you")
        await answered(slack, "C2", other, "forgot to ask you")
    assert len(endpoint.requests) == 3
    assert "what is a monad?" in said(endpoint.requests[1].body)[1][1]


@pytest.mark.parametrize("refusal", ["restricted_action", "restricted_action_read_only_channel"])
async def test_where_it_may_not_write_whoever_asked_is_told_directly(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, refusal: str
) -> None:
    slack.space.channels["C1"].refusal = refusal
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.say("U1", "C1", f"{AT} anybody?")
        await slack.wait_for(
            lambda: [m for m in slack.messages("D1") if "I'm not allowed to write in <#C1>" in m.visible]
        )
        slack.space.channels["C1"].refusal = ""
        ts = await slack.say("U1", "C1", f"{AT} and now?")
        await answered(slack, "C1", ts, "and now?")
    assert len(slack.messages("D1")) == 1


async def test_a_long_answer_comes_whole_on_several_pages(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    text = "\n\n".join(f"Paragraph {number}. " + "Words follow words. " * 20 for number in range(30))
    endpoint.script(Words(text, per_s=2_000))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} at length, please")
        await answered(slack, "C1", ts, "Paragraph 29.", count=2)
        await slack.wait_for(
            lambda: "".join(page.visible for page in answers(slack, "C1", ts)).split() == text.split(), 15.0
        )
    assert not any(page.truncated for page in answers(slack, "C1", ts))


async def test_no_mention_fires_whatever_the_model_writes(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("Hey <!channel> and <@U1> and @here and <!subteam^S1>!"))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} shout")
        answer = await answered(slack, "C1", ts, "Hey")
    assert not answer.pings


async def test_a_failure_is_said_in_the_persons_language_and_the_log_knows_why(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.default = Status(402, '{"error":{"message":"Insufficient Balance: sk-test"}}')
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)) as program:
        ts = await slack.say("U2", "C1", f"{AT} 你好")
        answer = await answered(slack, "C1", ts, "编号")
    assert "Balance" not in answer.visible
    ref = answer.visible.split("编号 ")[1][:6]
    lines = [line for line in program.output.splitlines() if ref in line]
    assert lines
    assert any("no_money" in line for line in lines)
