"""A tool call while it runs, as its reader sees it on each platform and on the page, and what Stop makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.i18n import phrase
from tests.e2e.conftest import model_settings, talk_on
from tests.e2e.program import Program, free_port
from tests.e2e.sides import Slack, Talk
from tests.e2e.test_approvals import reached
from tests.fakes.completions import FakeCompletions, Words, call_tools
from tests.fakes.mcp import HttpServers
from tests.waiting import until

HOLD = "notes: hold “the looms”"


async def runs(talk: Talk, language: str, count: int) -> None:
    """Wait until the answer shows that one call has ended and the other one runs."""
    time = phrase("tool_current_time", language)
    if isinstance(talk, Slack):
        tasks = [(HOLD, "in_progress"), (time, "complete")]
        await talk.slack.wait_for(lambda: len(talk.answers()) == count and talk.tasks() == tasks)
    else:
        await talk.answered(phrase("activity", language, tools=f"{HOLD} · {time} ✓"), count)


async def stop(talk: Talk, language: str) -> None:
    """Slack shows a button of its own while an answer grows natively."""
    if isinstance(talk, Slack):
        await talk.slack.stop_session(talk.user, "C1", talk.thread)
    else:
        await talk.press(phrase("stop", language))


@pytest.mark.parametrize(("platform", "language"), [("slack", "zh"), ("discord", "en"), ("web", "zh")])
async def test_a_call_is_shown_while_it_runs_and_stop_cancels_it_for_good(
    tmp_path: Path, endpoint: FakeCompletions, platform: str, language: str
) -> None:
    servers = HttpServers(tmp_path, free_port())
    (tmp_path / "parley.toml").write_text(f'[[tools]]\nname = "notes"\nurl = "{servers.url("/sse")}"\n')
    endpoint.reply_by(call_tools([("hold", {"text": "the looms"}), ("current_time", {})]))
    servers.start()
    try:
        servers.wait()
        async with talk_on(platform, language) as talk:
            settings = talk.settings | model_settings(endpoint) | {"PARLEY_BUILTIN_TOOLS": "true"}
            async with Program(tmp_path, **settings) as program:
                await reached(program)
                await talk.ask("what holds the looms?")
                await runs(talk, language, 1)
                servers.release()
                answer = await talk.answered("held the looms")
                assert phrase("activity", language, tools="").strip(" …") not in answer.text
                await talk.ask("once more")
                await runs(talk, language, 2)
                await stop(talk, language)
                await until(lambda: servers.written == ["held", "held", "cancelled"])
                answer = await talk.answered(phrase("stopped", language), 2)
                assert "The tools say" not in answer.text
                assert answer.buttons == (phrase("again", language),)
            asked = len(endpoint.requests)
            endpoint.reply_by(lambda _: Words("Still here."))
            async with Program(tmp_path, **settings) as program:
                await reached(program)
                await talk.ask("are you there?")
                await talk.answered("Still here.", 3)
    finally:
        servers.kill()
    assert asked == 3, "two for the first answer, and one for the one that was stopped"
    assert len(endpoint.requests) == asked + 1
    assert servers.written == ["held", "held", "cancelled"]
