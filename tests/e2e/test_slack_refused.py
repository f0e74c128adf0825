"""People who may not ask on Slack: none of their commands is shown to others, and none of their buttons
acts."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered
from tests.e2e.test_slack_rights import WAIT_S, public, shown
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.slack import FakeSlack

COMMANDS = [
    *("ask why?", "summarize channel 20", "export thread", "export channel", "usage", "budget", "settings"),
    *("settings language zh", "model gpt-9", "prompt Be a pirate", "reset", "forget thread"),
]
LONG = " ".join(f"word{number}" for number in range(400))


def eve(slack: FakeSlack, who: str) -> tuple[dict[str, str], str]:
    """Have U8 be in C1, who may not ask. The settings by which that is so, and the words that say so."""
    slack.space.add_person("U8", "eve", "Eve", team="T9" if who == "external" else "T1")
    slack.space.people["U8"].is_restricted = who == "guest"
    slack.space.channels["C1"].members.add("U8")
    if who == "unknown":
        slack.fail("users.info", None, containing="U8", error="user_not_visible")
    settings = {"PARLEY_DENY": "slack:U8"} if who == "denied" else {"PARLEY_GUESTS": "false"}
    return settings, phrase({"external": "refused_stranger"}.get(who, f"refused_{who}"), "en")


@pytest.mark.parametrize("who", ["denied", "guest", "external"])
async def test_no_command_of_who_may_not_ask_is_seen_by_others(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, who: str
) -> None:
    settings, told = eve(slack, who)
    options = slack_settings(slack) | model_settings(endpoint) | settings
    async with Program(tmp_path, **options) as program:
        ts = await slack.say("U1", "C1", "The gateway is down.")
        for count, command in enumerate(COMMANDS, start=1):
            await slack.slash("U8", "C1", "/parley", command)
            await slack.wait_for(lambda n=count: len(shown(slack, "U8", "")) >= n, WAIT_S)  # type: ignore[misc]
        await slack.slash("U8", "C1", "/ask", "log in at [https://bank.test](https://evil.test)")
        await slack.shortcut("U8", "menu_summarize", "C1", ts)
        await slack.wait_for(lambda: len(shown(slack, "U8", "")) >= len(COMMANDS) + 2, WAIT_S)
        assert len(shown(slack, "U8", told)) >= 6
        for command in ("summarize channel", "export channel", "settings language zh", "prompt Be a pirate"):
            await slack.say("U8", "C1", f"{AT} /{command}")
        await slack.wait_for(lambda: all(e.acked for e in slack.envelopes), WAIT_S)
        await asyncio.sleep(0.3)
        assert public(slack) == []
        assert endpoint.requests == []
        asked = 5  # two questions and three summaries
        counted = f'parley_refused_questions_total{{platform="slack",reason="refused"}} {asked}.0'
        assert counted in await program.page("/metrics")
        ts = await slack.say("U1", "C1", f"{AT} and I?")
        await answered(slack, "C1", ts, "and I?")
    assert "pirate" not in str(endpoint.requests[0].body)


@pytest.mark.parametrize(
    ("who", "grows"), [("denied", True), ("guest", False), ("external", True), ("unknown", False)]
)
async def test_no_button_of_who_may_not_ask_does_anything(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, who: str, grows: bool
) -> None:
    settings, told = eve(slack, who)
    if not grows:
        slack.fail("chat.startStream", None, error="unknown_method")
    endpoint.script(Words(LONG, per_s=40), Words("One, two,", finish="length"))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint), **settings):
        ts = await slack.say("U1", "C1", f"{AT} tell me all")
        growing = await answered(slack, "C1", ts, "word3")
        if grows:
            await slack.stop_session("U8", "C1", ts)
        else:
            await slack.press("U8", "C1", growing.ts, "parley:stop")
        await slack.wait_for(lambda: shown(slack, "U8", told), WAIT_S)
        await slack.wait_for(lambda: any("word60" in words for words in public(slack)), WAIT_S)
        assert endpoint.requests[0].closed_by_client_at is None
        await slack.press("U1", "C1", growing.ts, "parley:stop")
        await slack.wait_for(lambda: phrase("again", "en") in growing.buttons, WAIT_S)
        before = len(shown(slack, "U8", told))
        await slack.press("U8", "C1", growing.ts, "parley:again")
        await slack.wait_for(lambda: len(shown(slack, "U8", told)) > before, WAIT_S)
        other = await slack.say("U1", "C1", f"{AT} count")
        ended = await answered(slack, "C1", other, phrase("length", "en"))
        for count, action in enumerate(("continue", "regenerate", "up", "down"), start=before + 2):
            await slack.press("U8", "C1", ended.ts, f"parley:{action}")
            await slack.wait_for(lambda n=count: len(shown(slack, "U8", told)) >= n, WAIT_S)  # type: ignore[misc]
        await slack.press("U1", "C1", ended.ts, "parley:up")
        await slack.wait_for(lambda: shown(slack, "U1", phrase("thanks", "en")), WAIT_S)
    assert len(endpoint.requests) == 2
    with closing(sqlite3.connect(tmp_path / "data" / "parley.db")) as database:
        assert database.execute("SELECT person, value FROM feedback").fetchall() == [("U1", 1)]
