"""Tools that a person allows for a whole thread, on each platform and on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.i18n import SPOKEN, phrase
from tests.e2e.conftest import model_settings, talk_on
from tests.e2e.program import Program, free_port
from tests.e2e.sides import Slack, Talk
from tests.e2e.test_approvals import reached
from tests.fakes.completions import FakeCompletions, call_tools
from tests.fakes.mcp import HttpServers
from tests.waiting import until


async def asks(talk: Talk, count: int) -> tuple[str, ...]:
    """The buttons of the last of `count` answers, once there are some that decide."""

    def buttons() -> tuple[str, ...]:
        answers = talk.answers()
        return answers[-1].buttons if len(answers) == count and len(answers[-1].buttons) > 2 else ()

    return await until(buttons)


@pytest.mark.parametrize(("platform", "language"), [("slack", "en"), ("discord", "en"), ("web", "zh")])
async def test_a_tool_that_reads_is_allowed_for_one_thread_and_a_tool_that_writes_for_none(
    tmp_path: Path, endpoint: FakeCompletions, platform: str, language: str
) -> None:
    spoken = f"{language}-x-{platform}"
    approve, deny, always, show = (
        phrase(f"approval_{one}", spoken if spoken in SPOKEN else language)
        for one in ("approve", "deny", "always", "arguments")
    )
    servers = HttpServers(tmp_path, free_port())
    (tmp_path / "parley.toml").write_text(
        f'[[tools]]\nname = "notes"\nurl = "{servers.url("/json")}"\nask = ["echo"]\n'
    )
    endpoint.reply_by(call_tools([("echo", {"text": "the looms"})]))
    servers.start()
    try:
        servers.wait()
        async with talk_on(platform, language) as talk:
            settings = talk.settings | model_settings(endpoint) | {"PARLEY_ADMINS": "slack:U3"}
            admin: Talk = Slack(talk.slack, talk.settings, "U3") if isinstance(talk, Slack) else talk
            async with Program(tmp_path, **settings) as program:
                await reached(program)
                await talk.ask("first")
                assert await asks(talk, 1) == (approve, deny, always, show)
                await talk.press(always)
                await talk.answered("The tools say:")
                await talk.ask("second")
                await talk.answered("the looms", 2)
            async with Program(tmp_path, **settings) as program:
                await reached(program)
                await talk.ask("third")
                await talk.answered("the looms", 3)
                other = talk.elsewhere()
                await other.ask("in another thread")
                assert await asks(other, 1) == (approve, deny, always, show)
                await other.press(deny)
                await other.answered("Not approved")
                if isinstance(talk, Slack):
                    other = Slack(talk.slack, talk.settings, "U2")
                    other.thread = talk.thread
                    await other.ask("somebody else, in the same thread")
                    assert phrase("approval_approve", "zh") in await asks(other, 4)
                endpoint.reply_by(call_tools([("write", {"text": "never unasked"})]))
                last = talk.elsewhere()
                await last.ask("write it down")
                assert await asks(last, 1) == (approve, deny, show)
                history = await admin.settings_told("history")
    finally:
        servers.kill()
    assert servers.written == []
    granted = "history_tool_always" if platform == "slack" else "history_tool_always_all"
    assert history.count(phrase(granted, language)) == 1
    assert history.count(phrase("history_tool_deny", language)) == 1
