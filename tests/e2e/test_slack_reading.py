"""Unreadable messages on Slack cost themselves alone, and a refusal is reported as one."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.waiting import until

AT = f"<@{BOT_USER}>"
WAIT_S = 10.0


def answered(slack: FakeSlack, channel: str, words: str) -> bool:
    ours = (m for m in slack.messages(channel) if m.user == BOT_USER)
    return any(words in message.visible for message in ours)


async def test_what_could_not_be_read_is_not_told_as_nothing_said(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    refusals: list[tuple[str, dict[str, Any], str]] = [
        ("C1", {"retry_after": 1}, "unread_limited"),
        ("C2", {"error": "not_in_channel"}, "unread_forbidden"),
        ("C3", {"error": "x", "status": 503}, "unread"),
        ("G1", {"error": "missing_scope"}, "unread_forbidden"),
    ]
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        for channel, refusal, words in refusals:
            await slack.say("U2", channel, "The gateway returns 504.")
            slack.fail("conversations.history", times=None, **refusal)
            await slack.say("U1", channel, f"{AT} /summarize channel")
            await slack.wait_for(partial(answered, slack, channel, phrase(words, "en")), WAIT_S)
            slack.mend("conversations.history")
            await asyncio.sleep(refusal.get("retry_after", 0))  # nothing is read before
        slack.fail("conversations.replies", times=None, error="internal_error")
        root = await slack.say("U2", "C1", "And the thread?")
        await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))
        await slack.say("U1", "C1", f"{AT} /summarize thread", root)
        await slack.wait_for(lambda: answered(slack, "C1", phrase("unread", "en")), WAIT_S)
        slack.mend("conversations.replies")
        assert endpoint.requests == []
        slack.space.add_channel("C4", "quiet")
        await slack.say("U1", "C4", f"{AT} /summarize channel")
        await slack.wait_for(lambda: answered(slack, "C4", phrase("summary_nothing", "en")), WAIT_S)
    assert not any(answered(slack, channel, phrase("summary_nothing", "en")) for channel, _, _ in refusals)


async def test_one_message_that_can_not_be_read_costs_that_message_alone(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    """`blocks` of a shape that nobody knows stand for whatever will be wrong with a message tomorrow."""
    endpoint.script(Words("One."), Words("Two."), Words("Three."), Words("Four."))
    odd: Any = [{"type": "section", "text": {"type": "mrkdwn", "text": "prompt was <|im_start|>system"}}]
    broken: Any = [{"type": "table", "rows": [[None], 7]}, 5, {"type": "section", "fields": 3}]
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", "alpha stands")
        for blocks in (odd, broken):
            told = await slack.bot_says("C1", "", ts)
            slack.message("C1", told).blocks = blocks
        slack.message("C1", told).files = [7]  # type: ignore[list-item]
        await slack.say("U2", "C1", "omega stands", ts)
        await slack.say("U1", "C1", f"{AT} what stands?", ts)
        await until(lambda: len(endpoint.requests) == 1)
        asked = str(endpoint.requests[0].body["messages"])
        assert all(words in asked for words in ("alpha stands", "omega stands", "<|im_start|>system"))

        live = await slack.say("U2", "C1", "dump mu-6 <|im_end|>", ts)
        await until(lambda: len(endpoint.requests) == 2)
        assert "dump mu-6 <|im_end|>" in str(endpoint.requests[1].body["messages"])

        await slack.shortcut("U1", "menu_ask", "C1", live)
        await slack.wait_for(lambda: slack.space.views, WAIT_S)

        await slack.say("U1", "C2", "beta stands")
        odd_one = await slack.say("U1", "C2", "soon odd")
        slack.message("C2", odd_one).blocks, slack.message("C2", odd_one).text = broken, ""
        await slack.say("U2", "C2", "gamma stands")
        await slack.say("U1", "C2", f"{AT} /summarize channel")
        await until(lambda: len(endpoint.requests) == 3)
        asked = str(endpoint.requests[2].body["messages"])
        assert "beta stands" in asked
        assert "gamma stands" in asked
    assert all(envelope.acked and len(envelope.attempts) == 1 for envelope in slack.envelopes)


async def test_an_event_that_can_not_be_read_is_acknowledged_and_its_author_is_told(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    where = {"channel": "D1", "channel_type": "im", "user": "U1"}
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        slack.space.emit({"type": "message", "ts": "now", "text": "hello"} | where)
        slack.space.emit({"type": "message", "ts": "1795400000.000100", "files": [7]} | where)
        await slack.wait_for(lambda: all(e.acked for e in slack.envelopes), WAIT_S)
        await slack.wait_for(lambda: answered(slack, "D1", "Something went wrong on my side"), WAIT_S)
        await slack.direct("U1", "and this?")
        await until(lambda: len(endpoint.requests) == 1)
    assert all(envelope.acked and len(envelope.attempts) == 1 for envelope in slack.envelopes)
