"""Stop, Try again and Continue, on both platforms, also after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.sides import Side, Slack
from tests.e2e.test_slack import said
from tests.fakes.completions import FakeCompletions, Raw, Words
from tests.fakes.completions.server import Received
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S

LONG = Words("word " * 400, per_s=20)


async def closed(request: Received, seen_at: float) -> None:
    """The connection was closed before people saw that the answer had stopped, at `seen_at`."""
    await asyncio.wait_for(request.over.wait(), HANG_S)
    assert request.closed_by_client_at is not None
    assert request.closed_by_client_at <= seen_at


def with_our_button(side: Side) -> None:
    """Slack shows a button of its own while an answer grows natively."""
    if isinstance(side, Slack):
        side.slack.fail("chat.startStream", times=9, error="unknown_method")


async def test_stop_closes_the_connection_at_once_and_keeps_what_was_written(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    with_our_button(side)
    endpoint.script(LONG)
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("at length")
        growing = await side.answered("word word")
        assert growing.buttons == ("Stop",)
        await side.press("Stop")
        answer = await side.answered("Stopped.")
        await closed(endpoint.requests[0], monotonic())
    assert answer.text.startswith(growing.text.strip()[:9])
    assert answer.buttons == ("Try again",)


async def test_slacks_own_stop_button_closes_the_connection_at_once_too(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    side = Slack(slack, slack_settings(slack))
    endpoint.script(LONG)
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("at length")
        await side.answered("word word")
        session = slack.space.sessions["C1", side.thread]
        assert session["status"] == "processing", "there is no button to press"
        await slack.stop_session("U2", "C1", side.thread)
        answer = await side.answered("Stopped.")
        await closed(endpoint.requests[0], monotonic())
        await slack.wait_for(lambda: slack.space.sessions["C1", side.thread]["status"] == "active")
    assert answer.text.startswith("word word")
    assert answer.buttons == ("Try again",)


async def test_an_answer_that_goes_on_after_a_restart_can_be_stopped(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    settings = side.settings | model_settings(endpoint)
    endpoint.default = LONG
    killed = Program(tmp_path, **settings)
    await killed.start()
    await killed.ready()
    await side.ask("at length")
    await side.answered("word word")
    await killed.kill()
    async with Program(tmp_path, **settings):
        async with asyncio.timeout(HANG_S):
            while side.answers()[-1].buttons != ("Stop",):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await side.press("Stop")
        answer = await side.answered("Stopped.")
        assert answer.buttons == ("Try again",)
    assert len(side.answers()) == 1
    assert all(request.closed_by_client_at is not None for request in endpoint.requests)


async def test_try_again_works_after_a_restart_and_twice_is_once(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    settings = side.settings | model_settings(endpoint)
    broken = Words("These words came through before the end.").on_wire({"stream": True})
    endpoint.script(Raw(broken.steps[:4], end="cut"), Words("Now it is whole."), Words("And then?"))
    async with Program(tmp_path, **settings):
        await side.ask("tell me")
        cut = await side.answered("interrupted")
        assert cut.buttons == ("Try again",)
    async with Program(tmp_path, **settings):
        await side.press("Try again")
        await side.press("Try again")
        await side.answered("Now it is whole.", count=2)
        await side.ask("go on")
        await side.answered("And then?", count=3)
    assert "These words" in side.answers()[0].text, "what was written stays"
    lines = [content.rpartition(": ")[2] for _, content in said(endpoint.requests[2].body)[1:]]
    assert lines == ["tell me", "Now it is whole.", "go on"]
    assert len(endpoint.requests) == 3


async def test_a_stopped_answer_can_be_had_again(tmp_path: Path, side: Side, endpoint: FakeCompletions) -> None:
    with_our_button(side)
    endpoint.script(LONG, Words("Shorter."))
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("at length")
        await side.answered("word word")
        await side.press("Stop")
        await side.answered("Stopped.")
        await side.press("Try again")
        await side.answered("Shorter.", count=2)
    assert len(side.answers()) == 2


async def test_continue_goes_on_where_the_length_limit_was_after_a_restart(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    settings = side.settings | model_settings(endpoint)
    endpoint.script(Words("One, two,", finish="length"), Words(" three."))
    async with Program(tmp_path, **settings):
        await side.ask("count")
        cut = await side.answered("The answer reached the length limit here.")
        assert cut.buttons == ("Continue", "Regenerate", "👍", "👎")
    async with Program(tmp_path, **settings):
        await side.press("Continue")
        await side.answered("three.", count=2)
    assert "One, two," in side.answers()[0].text
    conversation = said(endpoint.requests[1].body)
    assert [role for role, _ in conversation] == ["system", "user", "assistant", "user"]
    assert conversation[2][1] == "One, two,"


async def test_a_deleted_question_stops_its_answer_and_an_edited_one_starts_it_again(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.script(LONG, LONG, Words("About birds, then."))
    async with Program(tmp_path, **side.settings, **model_settings(endpoint)):
        await side.ask("about cats")
        await side.answered("word word")
        await side.edit("about dogs")
        async with asyncio.timeout(HANG_S):
            while len(endpoint.requests) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await side.answered("word word")
        await side.delete()
        answer = await side.answered("The question was deleted, so I stopped.")
        await closed(endpoint.requests[1], monotonic())
        assert answer.buttons == ()
        await side.ask("about birds")
        await side.answered("About birds, then.", count=2)
    first, second, third = endpoint.requests
    assert said(second.body)[-1][1].endswith(": about dogs")
    assert first.closed_by_client_at is not None
    assert not any("dogs" in content for _, content in said(third.body)), "it is forgotten too"
    assert len(side.answers()) == 2
