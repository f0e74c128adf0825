"""Two workspaces with the same ids of channels and people, on one Parley: budgets, time zone, admins, usage, export and
deletion are those of each alone, and no button, form or page of one tells of the other."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.i18n import phrase
from tests.bots.web import pages
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered, answers
from tests.e2e.test_workspaces import WORDS, app, install, ran, reply_to, say_in_both, settings, shown
from tests.fakes.completions import FakeCompletions, echo
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.teams import FakeSlackApp
from tests.waiting import until

__all__ = ["app"]

COMMANDS = (
    "usage workspace",
    "export usage",
    "export thread",
    "search what",
    "settings history",
    "settings account",
)


@pytest.fixture
async def program(tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions) -> AsyncIterator[Program]:
    """Both have installed it. U1 is an admin of T1 alone."""
    endpoint.default = echo
    app.teams["T1"].space.people["U1"].is_admin = True
    async with Program(tmp_path, **settings(app, endpoint)) as program:
        for team in app.teams:
            await install(program, app, team)
        yield program


async def told(slack: FakeSlack, command: str) -> str:
    """The reply to a command."""
    before, whispered = len(slack.responses), len(slack.called("chat.postEphemeral"))
    await reply_to(slack, command)
    sent = [call.args for call in slack.called("chat.postEphemeral")[whispered:]]
    return repr((slack.responses[before:], sent))


async def use_up_the_first(app: FakeSlackApp) -> None:
    """Ask in both until the limit of the first is used up, and the other has answered all the same."""
    one, other = app.teams["T1"], app.teams["T2"]
    first = await say_in_both(app, f"{AT} what is {{word}}?")
    for team, slack in app.teams.items():
        await answered(slack, "C1", first, f"what is {WORDS[team]}?")
    again = await say_in_both(app, f"{AT} again {{word}}")
    await one.wait_for(lambda: "is used up" in shown(one))
    await answered(other, "C1", again, "again zinc")


async def test_a_limit_that_is_used_up_in_one_refuses_nobody_in_the_other(
    program: Program, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    one, other = app.teams["T1"], app.teams["T2"]
    await told(one, "budget workspace 1 tokens a month")
    await told(one, "budget channel 1 tokens a month")
    await use_up_the_first(app)
    asked = repr([request.body for request in endpoint.requests])
    assert "again copper" not in asked
    assert "is used up" not in shown(other)
    assert "1 tokens" not in await told(other, "budget")


async def test_what_a_person_has_spent_in_one_does_not_count_for_the_person_with_that_id_in_the_other(
    program: Program, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    app.teams["T2"].space.people["U1"].is_admin = True
    one, other = app.teams["T1"], app.teams["T2"]
    await told(one, "budget person 1 tokens a month")
    await told(other, "budget person 1m tokens a month")
    await use_up_the_first(app)
    spent = await told(other, "budget")
    assert "1,000,000 tokens" in spent
    assert "(0%)" in spent, "of its own two answers alone"
    assert "again copper" not in repr([request.body for request in endpoint.requests])
    assert "is used up" not in shown(other)


async def test_the_page_says_nothing_of_a_workspace_nor_a_workspace_of_the_page(
    tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    endpoint.default = echo
    async with (
        Program(tmp_path, **settings(app, endpoint), PARLEY_WEB="on", PARLEY_MEMORY="workspace") as program,
        aiohttp.ClientSession() as reader,
    ):
        for team in app.teams:
            await install(program, app, team)
        ts = await say_in_both(app, f"{AT} what is {{word}}?")
        for team, slack in app.teams.items():
            await answered(slack, "C1", ts, f"what is {WORDS[team]}?")
        asked = await pages.ask(reader, program, "What is nickel?")
        async with pages.events(reader, program, asked["thread"]) as stream:
            data: Any = {}
            while not (data.get("mine") and "nickel" in data["text"] and data["buttons"]):
                _, data = await stream.next()
        seen = ""
        for command in (*COMMANDS, "search copper zinc", "export me", "help", "model"):
            if command != "settings account":
                seen += repr(await pages.ask(reader, program, f"/{command}", thread=asked["thread"]))
        assert "nickel" in seen
        for path in ("threads", f"threads/{ts}", f"threads/C1:{ts}", "suggestions?text=/search c"):
            async with reader.get(f"{program.url}/api/{path}") as response:
                seen += await response.text()
        for slack in app.teams.values():
            for command in (*COMMANDS, "search nickel"):
                await told(slack, command)
    seen = seen.replace("copper zinc", "")
    for team, word in WORDS.items():
        assert word not in seen
        assert f'"{team}"' not in seen
        assert f"slack:{team}" not in seen
        there = shown(app.teams[team]).replace("search nickel", "").replace("“nickel”", "")
        assert "nickel" not in there
    for request in endpoint.requests:
        body = repr(request.body)
        assert sum(word in body for word in (*WORDS.values(), "nickel")) == 1


async def test_the_time_zone_and_the_admins_of_one_do_nothing_in_the_other(
    program: Program, app: FakeSlackApp
) -> None:
    one, other = app.teams["T1"], app.teams["T2"]
    assert "Asia/Shanghai" in await told(one, "settings workspace time_zone Asia/Shanghai")
    refused = await told(other, "settings workspace time_zone Asia/Shanghai")
    assert phrase("settings_by_admin", "en") in refused
    assert "Asia/Shanghai" in await told(one, "settings workspace")
    assert "Asia/Shanghai" not in await told(other, "settings workspace")
    assert phrase("settings_by_admin", "en") in await told(other, "settings account")


async def test_usage_export_and_deletion_are_of_each_alone(
    tmp_path: Path, program: Program, app: FakeSlackApp
) -> None:
    one, other = app.teams["T1"], app.teams["T2"]
    ts = await say_in_both(app, f"{AT} what is {{word}}?")
    for team, slack in app.teams.items():
        await answered(slack, "C1", ts, f"what is {WORDS[team]}?")
    more = await one.say("U1", "C1", f"{AT} more copper")
    await answered(one, "C1", more, "more copper")
    assert "2 questions" in await told(one, "usage me")
    assert "1 question" in await told(other, "usage me")
    await told(one, "forget me confirm")
    assert rows(tmp_path, "SELECT DISTINCT team FROM messages WHERE author = 'U1'") == [("T2",)]
    assert "1 question" in await told(other, "usage me")
    given = dict(program.settings)
    assert WORDS["T2"] in await ran(tmp_path, given, "export", "--team", "slack:T2")
    assert WORDS["T1"] not in await ran(tmp_path, given, "export", "--team", "slack:T1")


async def test_buttons_forms_the_home_tab_and_the_page_of_one_say_nothing_of_the_other(
    program: Program, app: FakeSlackApp
) -> None:
    ts = await say_in_both(app, f"{AT} what is {{word}}?")
    for team, slack in app.teams.items():
        await answered(slack, "C1", ts, f"what is {WORDS[team]}?")
        for command in (
            "usage workspace",
            "export usage workspace",
            "export thread",
            "search what",
            "settings history",
        ):
            await told(slack, command)
        answer = answers(slack, "C1", ts)[-1]
        await slack.press("U1", "C1", answer.ts, "parley:up")
        await slack.shortcut("U1", "menu_ask", "C1", ts)
        views, homes = slack.space.views, slack.space.homes
        await slack.wait_for(partial(len, views))
        await slack.open_home("U1")
        await slack.wait_for(partial(homes.__contains__, "U1"))
    for team, other in (("T1", "T2"), ("T2", "T1")):
        seen = shown(app.teams[team]) + repr(app.teams[team].space.views) + repr(app.teams[team].space.homes)
        assert WORDS[team] in seen
        assert WORDS[other] not in seen
        assert f"'{other}'" not in seen
        assert f"/{other}/" not in seen


async def test_what_has_ended_goes_after_its_time_and_stays_where_it_is_installed_again_before(
    tmp_path: Path, app: FakeSlackApp, endpoint: FakeCompletions
) -> None:
    endpoint.default = echo
    app.add_team("T3", "Weavers")
    given = settings(app, endpoint)
    async with Program(tmp_path, **given) as program:
        for team, slack in app.teams.items():
            await install(program, app, team)
            ts = await slack.say("U1", "C1", f"{AT} remember {team.lower()}")
            await answered(slack, "C1", ts, f"remember {team.lower()}")
        for team in ("T1", "T3"):
            app.uninstall(team)
        await until(lambda: program.output.count("team_ended") == 2)
        await install(program, app, "T3")
    before = rows(tmp_path, "SELECT team, count(*) FROM messages GROUP BY team")
    month_us = 31 * 86_400 * 1_000_000
    with closing(sqlite3.connect(tmp_path / "data" / "parley.db")) as database:
        database.execute("UPDATE installations SET ended_at_us = ended_at_us - ?", (month_us,))
        database.commit()
    async with Program(tmp_path, **given) as program:
        await until(lambda: "team_removed" in program.output)
        ts = await app.teams["T3"].say("U1", "C1", f"{AT} still here?")
        await answered(app.teams["T3"], "C1", ts, "still here?")
        exported = await ran(tmp_path, given, "export", "--team", "slack:T3")
    left = dict(rows(tmp_path, "SELECT team, count(*) FROM messages GROUP BY team"))
    assert "T1" not in left
    assert left["T2"] == dict(before)["T2"]
    assert "remember t3" in exported
    assert rows(tmp_path, "SELECT DISTINCT team FROM turns ORDER BY team") == [("T2",), ("T3",)]
    assert rows(tmp_path, "SELECT team FROM installations ORDER BY team") == [("T2",), ("T3",)]


def rows(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    """The rows of the program's database."""
    with closing(sqlite3.connect(folder / "data" / "parley.db")) as database:
        return database.execute(statement).fetchall()
