"""What people of a Slack workspace do beside asking, whole: commands, shortcuts, buttons, modals, the Home tab.

Ada (U1) reads English and is an admin, Bo (U2) reads Chinese and made the channel C2, Cleo (U3) is a guest.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered, answers, said
from tests.fakes.completions import FakeCompletions, Raw, Words
from tests.fakes.slack import BOT_USER, FakeSlack, Message

ADA, BO, CLEO = "U1", "U2", "U3"


@pytest.fixture(autouse=True)
def people(slack: FakeSlack) -> None:
    slack.space.people[ADA].is_admin = True
    slack.space.channels["C2"].creator = BO


@asynccontextmanager
async def working(folder: Path, slack: FakeSlack, endpoint: FakeCompletions) -> AsyncIterator[None]:
    """The program, until all that happened in the workspace is acknowledged."""
    async with Program(folder, **slack_settings(slack), **model_settings(endpoint)):
        yield
        await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes))


def whispers(slack: FakeSlack, user: str, channel: str) -> list[Message]:
    return [message for message in slack.messages(channel) if message.ephemeral_to == user]


async def told(slack: FakeSlack, user: str, channel: str, *words: str) -> Message:
    """Wait until the last thing that `user` alone was told says `words`."""

    def found() -> Message | None:
        shown = whispers(slack, user, channel)
        return shown[-1] if shown and all(word in shown[-1].visible for word in words) else None

    try:
        message = await slack.wait_for(found)
    except TimeoutError as error:
        raise AssertionError([message.visible for message in whispers(slack, user, channel)]) from error
    assert message is not None
    assert not message.pings
    return message


async def parley(slack: FakeSlack, user: str, channel: str, text: str, *words: str) -> Message:
    await slack.slash(user, channel, "/parley", text)
    return await told(slack, user, channel, *words)


async def anchored(slack: FakeSlack, channel: str, words: str) -> str:
    """The ts of the message in which the bot repeats a question."""

    def found() -> str | None:
        shown = [m for m in slack.messages(channel) if m.user == BOT_USER and words in m.visible]
        return shown[-1].ts if shown else None

    try:
        ts = await slack.wait_for(found)
    except TimeoutError as error:
        raise AssertionError([message.visible for message in slack.messages(channel)]) from error
    assert ts is not None
    return ts


async def opened(slack: FakeSlack, user: str, count: int) -> dict[str, Any]:
    """The `count`th modal of all, which is `user`'s."""
    await slack.wait_for(lambda: len(slack.space.views) >= count)
    view = list(slack.space.views.values())[count - 1]
    assert view.user == user
    return view.body


def shown_modal(slack: FakeSlack) -> dict[str, Any]:
    """The first modal, as it stands now."""
    return next(iter(slack.space.views.values())).body


def words_of(view: dict[str, Any]) -> str:
    return json.dumps(view, ensure_ascii=False)


async def test_ask_repeats_the_question_and_answers_in_its_thread(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with working(tmp_path, slack, endpoint):
        await slack.slash(ADA, "C1", "/ask", "what does <@U2|bo> say to &lt;this&gt;?")
        ts = await anchored(slack, "C1", "**ada** asked: what does @bo say to <this>?")
        await answered(slack, "C1", ts, "bo", count=2)
        assert said(endpoint.requests[-1].body)[-1] == ("user", "ada: what does @bo say to <this>?")
        await slack.say(BO, "C1", "really?", thread_ts=ts)
        await answered(slack, "C1", ts, "really?", count=3)
        assert not [line for line in said(endpoint.requests[-1].body) if "** asked" in line[1]]
        await slack.slash(BO, "D2", "/ask", "你好")
        ts = await anchored(slack, "D2", "**bo** 提问：你好")
        await answered(slack, "D2", ts, "你好", count=2)
        await slack.slash(ADA, "C1", "/ask", "")
        await told(slack, ADA, "C1", "question")
        await slack.slash(ADA, "C9", "/ask", "anyone here?")
        await told(slack, ADA, "C9", "/invite")
    assert len(endpoint.requests) == 3


async def test_every_command_tells_its_own_in_both_languages(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with working(tmp_path, slack, endpoint):
        await parley(slack, ADA, "C1", "", "What I can do", "/parley settings", "/parley forget")
        await parley(slack, ADA, "C1", "dance with me", "I don't know that command", "/parley help")
        await parley(slack, BO, "C1", "help", "/parley settings", "总结")
        await parley(slack, BO, "C1", "帮助", "/parley settings")
        await parley(slack, ADA, "C1", "model", "The model here is")
        await parley(slack, ADA, "C1", "prompt", "What the model is told here")
        await parley(slack, ADA, "C1", "budget", "No budget is set")
        await parley(slack, BO, "C1", "usage", "没有人提问")
        await parley(slack, ADA, "C1", "usage workspace week", "Usage in this workspace", "the last 7 days")
        await parley(slack, BO, "C1", "usage workspace", "管理员")
        await parley(slack, ADA, "C1", "reset", "thread")
        await parley(slack, ADA, "C1", "forget", "Please add")
        await parley(slack, ADA, "C1", "forget me", "forgotten")
        await parley(slack, ADA, "C1", "export", "thread")
        await parley(slack, ADA, "C1", "summarize for fun", "I can't place")
    assert endpoint.requests == []
    assert not [m for m in slack.messages("C1") if not m.ephemeral_to], "nothing was said to all"


async def test_settings_are_changed_by_those_who_may_and_count_at_once(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with working(tmp_path, slack, endpoint):
        await parley(slack, CLEO, "C1", "settings temperature 0.5", "Channel managers and workspace admins")
        await parley(slack, BO, "C1", "settings temperature 0.5", "管理员")
        await parley(slack, BO, "C2", "settings temperature 0.5", "0.5")
        await parley(slack, BO, "C2", "settings workspace temperature 0.7", "管理员")
        await parley(slack, ADA, "C1", "settings workspace temperature 0.7", "Done.", "from the workspace")
        await parley(slack, ADA, "C1", "settings temperature hot", "doesn't fit here")
        for channel in ("C1", "C2"):
            ts = await slack.say(ADA, channel, f"{AT} warm?")
            await answered(slack, channel, ts, "warm?")
        assert [request.body["temperature"] for request in endpoint.requests] == [0.7, 0.5]
        await parley(slack, ADA, "C1", "settings language zh", "Chinese")
        await parley(slack, ADA, "C1", "settings deny <@U3|cleo>", "U3")
        asked = await slack.say(CLEO, "C1", f"{AT} me too?")
        refusal = await told(slack, CLEO, "C1", "不能回答你")
        assert refusal.thread_ts is None, "a thread without answers shows no whisper"
        await slack.slash(CLEO, "C1", "/ask", "and so?")
        await slack.wait_for(lambda: len(whispers(slack, CLEO, "C1")) >= 3)
        assert "不能回答你" in whispers(slack, CLEO, "C1")[-1].visible
        await slack.wait_for(lambda: any(m.deleted for m in slack.messages("C1")))
        assert answers(slack, "C1", asked) == []
    assert len(endpoint.requests) == 2


async def test_guests_and_people_of_other_workspaces_are_refused_as_it_is_set(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.space.add_person("U4", "dan", "Dan Away", team="T2")
    async with working(tmp_path, slack, endpoint):
        ts = await slack.say(CLEO, "C1", f"{AT} may guests ask?")
        await answered(slack, "C1", ts, "may guests ask?")
        await slack.say("U4", "C1", f"{AT} may I?")
        await told(slack, "U4", "C1", "People of other workspaces can't ask me here")
        await parley(slack, ADA, "C1", "settings workspace guests off", "Done.")
        await slack.slash(CLEO, "C2", "/ask", "still?")
        await told(slack, CLEO, "C2", "Guests can't ask me here")
        await slack.wait_for(lambda: all(m.deleted or m.ephemeral_to for m in slack.messages("C2")))
        ts = await slack.say(BO, "C1", f"{AT} 我呢？")
        await answered(slack, "C1", ts, "我呢？")
    assert len(endpoint.requests) == 2


async def test_the_settings_modal_says_what_is_wrong_and_keeps_what_was_entered(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with working(tmp_path, slack, endpoint):
        shown = await parley(slack, BO, "C1", "settings", "默认")
        assert shown.buttons == [], "who may change nothing is offered nothing"
        shown = await parley(slack, ADA, "C1", "settings", "What is set here", "Temperature: not set · default")
        assert shown.buttons == ["Change"]
        await slack.press(ADA, "C1", shown.ts, "parley:change")
        view = await opened(slack, ADA, 1)
        assert "not set · default" in words_of(view)
        await slack.submit_view(ADA, "parley:form", {"set_temperature": {"value": {"value": "hot"}}})
        await slack.wait_for(lambda: "doesn't fit here" in words_of(shown_modal(slack)))
        entered = {
            "set_temperature": {"value": {"value": "0.5"}},
            "set_listen": {"value": {"selected_option": {"value": "off"}}},
        }
        await slack.submit_view(ADA, "parley:form", entered)
        await slack.wait_for(lambda: "Done." in words_of(shown_modal(slack)))
        assert "doesn't fit" not in words_of(shown_modal(slack))
        await parley(slack, BO, "C1", "settings", "0.5")
        await slack.say(BO, "C1", f"{AT} there?")
        await told(slack, BO, "C1", "关")
        shown = await parley(slack, BO, "C2", "settings", "默认")
        await slack.press(BO, "C2", shown.ts, "parley:change")
        assert "设置" in words_of(await opened(slack, BO, 2))
    assert endpoint.requests == []


async def test_a_message_is_asked_about_and_summed_up_from(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with working(tmp_path, slack, endpoint):
        await slack.say(BO, "C1", "Long before.")
        ts = await slack.say(BO, "C1", "The build of <@U1> is red.")
        await slack.say(CLEO, "C1", "Since this morning.")
        await slack.shortcut(ADA, "menu_ask", "C1", ts)
        view = await opened(slack, ADA, 1)
        assert view["title"]["text"] == "Ask about this"
        await slack.submit_view(ADA, "parley:form", {"question": {"value": {"value": "Whose fault?"}}})
        answer = await answered(slack, "C1", ts, "Whose fault?", count=2)
        assert answer.thread_ts == ts
        assert "> The build of @ada is red." in said(endpoint.requests[-1].body)[-1][1]
        await slack.shortcut(BO, "menu_ask", "C1", ts)
        assert (await opened(slack, BO, 2))["title"]["text"] == "就此提问"
        endpoint.script(Words("Red since this morning."))
        await slack.shortcut(BO, "menu_summarize", "C1", ts)
        anchor = await anchored(slack, "C1", "**bo** 请我总结")
        await answered(slack, "C1", anchor, "Red since this morning.", count=2)
        read = json.dumps(endpoint.requests[-1].body, ensure_ascii=False)
        assert "is red." in read
        assert "Since this morning." in read
        assert "Long before." not in read
        endpoint.script(Words("All of it."))
        await slack.slash(ADA, "C1", "/parley", "summarize 2 hours")
        anchor = await anchored(slack, "C1", "**ada** asked for a summary")
        await answered(slack, "C1", anchor, "All of it.", count=2)
        assert "Long before." in json.dumps(endpoint.requests[-1].body)


async def test_buttons_under_an_answer_regenerate_it_and_take_an_opinion(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("First."), Words("Second."))
    async with working(tmp_path, slack, endpoint):
        ts = await slack.say(ADA, "C1", f"{AT} tell me")
        answer = await answered(slack, "C1", ts, "First.")
        await slack.wait_for(lambda: answer.buttons == ["Regenerate", "👍", "👎"])
        await slack.press(BO, "C1", answer.ts, "parley:regenerate")
        assert (await told(slack, BO, "C1", "")).thread_ts == ts
        assert len(endpoint.requests) == 1
    async with working(tmp_path, slack, endpoint):
        await slack.press(ADA, "C1", answer.ts, "parley:up")
        await told(slack, ADA, "C1", "Thanks, noted.")
        await slack.press(BO, "C1", answer.ts, "parley:down")
        shown = await slack.wait_for(lambda: next((m for m in whispers(slack, BO, "C1") if m.buttons), None))
        assert shown is not None
        await slack.press(BO, "C1", shown.ts, "parley:reason")
        await opened(slack, BO, 1)
        sent = await slack.submit_view(BO, "parley:form", {"text": {"value": {"value": "too short"}}})
        await slack.wait_for(lambda: sent.acked)
        await slack.press(ADA, "C1", answer.ts, "parley:regenerate")
        await answered(slack, "C1", ts, "Second.", count=2)
    with sqlite3.connect(tmp_path / "data" / "parley.db") as database:
        kept = database.execute("SELECT person, value, reason FROM feedback ORDER BY person").fetchall()
    database.close()
    assert kept == [(ADA, 1, ""), (BO, -1, "too short")]


async def test_files_go_to_the_asker_alone_and_a_thread_is_begun_afresh(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with working(tmp_path, slack, endpoint):
        ts = await slack.say(ADA, "C1", f"{AT} remember seven")
        await answered(slack, "C1", ts, "seven")
        await slack.say(ADA, "C1", f"{AT} /export", thread_ts=ts)
        assert (await told(slack, ADA, "C1", "direct message")).thread_ts == ts
        sent = [m for m in slack.messages("D1") if m.files]
        assert [file["name"] for file in sent[0].files] == ["thread.md"]
        assert "This thread" in sent[0].text
        assert "remember seven" in (slack.space.files[sent[0].files[0]["id"]].content or b"").decode()
        assert not [m for m in slack.messages("C1") if m.files]
        await slack.slash(ADA, "D1", "/parley", "export me")
        await slack.wait_for(lambda: len([m for m in slack.messages("D1") if m.files]) == 2)
        await slack.say(ADA, "C1", f"{AT} /reset", thread_ts=ts)
        fresh = await answered(slack, "C1", ts, "We begin afresh here", count=3)
        assert fresh.ephemeral_to is None
        await slack.say(BO, "C1", "what was the number?", thread_ts=ts)
        await answered(slack, "C1", ts, "what was the number?", count=4)
    assert "seven" not in json.dumps(endpoint.requests[-1].body["messages"])


async def test_the_home_tab_shows_settings_usage_and_help_and_prompts_are_suggested(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with working(tmp_path, slack, endpoint):
        await slack.open_home(ADA)
        await slack.wait_for(lambda: ADA in slack.space.homes)
        home = words_of(slack.space.homes[ADA].body)
        assert all(words in home for words in ("What is set here", "Your usage", "What I can do", "Change"))
        await slack.open_home(BO)
        await slack.wait_for(lambda: BO in slack.space.homes)
        home = words_of(slack.space.homes[BO].body)
        assert "温度" in home
        assert "parley:change" not in home
        await slack.press_home(ADA, "parley:change")
        await opened(slack, ADA, 1)
        await slack.submit_view(ADA, "parley:form", {"set_rate": {"value": {"value": "1"}}})
        await slack.wait_for(lambda: "Done." in words_of(shown_modal(slack)))
        await slack.wait_for(lambda: slack.space.homes[ADA].hash == "2")
        await slack.open_home(ADA, "messages")
        await slack.open_home(BO, "messages")
        await slack.wait_for(lambda: len(slack.space.prompts) == 2)
        assert slack.space.prompts["D1", None][0]["title"].startswith("Explain")
        assert slack.space.prompts["D2", None][0]["title"].startswith("用")
        ts = await slack.say(BO, "C1", f"{AT} one")
        await answered(slack, "C1", ts, "one")
        await slack.slash(BO, "C1", "/ask", "two")
        await told(slack, BO, "C1", "秒")
    assert len(endpoint.requests) == 1


async def test_slacks_own_stop_button_stops_the_answer_that_grows(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    # After a few words the endpoint says nothing more, so that only the event can tell of the stop.
    endpoint.script(Raw(Words("word " * 30, per_s=100).on_wire({"stream": True}).steps[:60], end="hang"))
    async with working(tmp_path, slack, endpoint):
        ts = await slack.say(ADA, "C1", f"{AT} at length")
        await slack.wait_for(
            lambda: any(m.streaming and m.visible.split() == ["word"] * 30 for m in slack.thread("C1", ts))
        )
        assert await slack.stop_session(ADA, "C1", ts)
        await slack.wait_for(lambda: endpoint.requests[0].closed_by_client_at is not None)
        await answered(slack, "C1", ts, "Stopped.")
