"""An answer that a moderator deletes on Slack, or whose channel is archived, ends there and stays away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.completions.replies import Json, Raw
from tests.fakes.slack import BOT_USER, FakeSlack, Message
from tests.waiting import HANG_S, until

AT = f"<@{BOT_USER}>"
LONG = " ".join(f"word{number}" for number in range(600))
WAIT_S = 10.0


def answers(slack: FakeSlack, ts: str) -> list[Message]:
    return [m for m in slack.thread("C1", ts) if m.user == BOT_USER and not m.ephemeral_to]


@pytest.mark.parametrize("how", ["deleted while it streams", "deleted while it is edited", "archived"])
async def test_nothing_of_it_comes_back_and_the_model_is_let_go(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, how: str
) -> None:
    endpoint.script(Words(LONG, per_s=20))
    if how != "deleted while it streams":
        slack.fail("chat.startStream", times=None, error="unknown_method")
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} tell me all")
        await slack.wait_for(lambda: any("word3" in m.visible for m in answers(slack, ts)), WAIT_S)
        (growing,) = answers(slack, ts)
        if how == "archived":
            await slack.archive("U2", "C1")
        else:
            await slack.delete("U2", "C1", growing.ts)
        await until(lambda: endpoint.requests[0].closed_by_client_at)
        seen = len(growing.history)
        await asyncio.sleep(0.5)
        shown = [m for m in answers(slack, ts) if not m.deleted]
        assert shown == ([growing] if how == "archived" else [])
        if how != "archived":
            assert len(growing.history) == seen
    assert len(endpoint.requests) == 1


class Paused(Words):
    """Words with a long pause behind `BEFORE` of them, which `FakeCompletions.hurry` ends."""

    BEFORE = 2_700

    def on_wire(self, body: Json) -> Raw:
        whole = Words.on_wire(self, body)
        return replace(whole, steps=(*whole.steps[: self.BEFORE], 10 * HANG_S, *whole.steps[self.BEFORE :]))


async def test_a_message_that_its_answer_needs_no_longer_is_deleted_by_us_and_not_by_a_person(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    """Slack tells of a deletion on another connection, which may be sooner than the answer to the call."""
    endpoint.script(Paused("word " * 4_000))  # the pause is in the second message, before it becomes a file
    slack.fail("chat.delete", times=None, delay_s=0.5)
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_FILE_CHARS": "15000"}
    async with Program(tmp_path, **settings):
        ts = await slack.say("U1", "C1", f"{AT} tell me all")
        await slack.wait_for(lambda: len(answers(slack, ts)) == 2)
        endpoint.hurry()
        await slack.wait_for(lambda: sum(m.deleted for m in answers(slack, ts)) == 1)
        await asyncio.sleep(1.0)
        shown = [m for m in answers(slack, ts) if not m.deleted]
        assert [len(m.files) for m in shown] == [0, 1]
        assert "deleted" not in shown[0].visible
        assert shown[0].buttons
