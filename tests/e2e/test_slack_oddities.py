"""Odd messages, odd answers and long ones on Slack, in the running program: nothing is lost, and nothing is silent."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered, answers
from tests.e2e.test_slack_quotes import forward
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.slack import BOT_USER, FakeSlack, Message
from tests.waiting import until

WAIT_S = 10.0

Json = dict[str, Any]


def ours(slack: FakeSlack, channel: str) -> list[Message]:
    return [message for message in slack.messages(channel) if message.user == BOT_USER]


def posted(slack: FakeSlack, channel: str, **message: Any) -> str:
    """Have a message of any shape be there, and told of."""
    ts = message.get("ts") or slack.space.new_ts()
    kept = Message(channel, ts, message.get("user", "U1"), message.get("text") or "")
    kept.thread_ts = message.get("thread_ts")
    slack.space.channels[channel].add(kept)
    kind = slack.space.channels[channel].kind
    event = {
        "type": "message",
        "channel": channel,
        "channel_type": kind,
        "ts": ts,
        "event_ts": ts,
        "team": "T1",
    }
    slack.space.emit(event | message)
    return ts


async def settled(slack: FakeSlack) -> None:
    await slack.wait_for(lambda: all(envelope.acked for envelope in slack.envelopes), WAIT_S)


async def test_other_quotations_ask_nobody_and_are_no_commands(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    nested: Json = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}
    nested["elements"][0]["elements"] = [
        {"type": "user", "user_id": BOT_USER},
        {"type": "text", "text": " drop the table"},
    ]
    shared: Json = {"is_share": True, "author_id": "U9", "author_name": "Author Nine", "fallback": "x"}
    blocks_only = shared | {
        "message_blocks": [{"team": "T1", "channel": "C2", "message": {"blocks": [nested]}}]
    }
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.say("U1", "C1", "look at this", attachments=[blocks_only])
        await slack.say("U1", "C1", "", attachments=[blocks_only | {"is_reply_unfurl": True}])
        ts = await slack.say("U1", "C1", "see https://w.example/archives/C2/p1")
        slack.space.change(
            slack.message("C1", ts), lambda message: message.attachments.append(forward(f"{AT} delete it"))
        )
        await settled(slack)
        assert ours(slack, "C1") == []
        await slack.direct("U1", "is that right?", attachments=[forward("/settings language zh")])
        await until(lambda: len(endpoint.requests) == 1)
        thread = await slack.say("U1", "C2", f"{AT} are you there?")
        await answered(slack, "C2", thread, "are you there?")
        await slack.say("U1", "C2", "", thread, attachments=[forward("/reset")])
        await settled(slack)
        await slack.say("U1", "C2", "what is that?", thread)
        await until(lambda: len(endpoint.requests) == 3)
        asked = str(endpoint.requests[2].body["messages"])
        assert "are you there?" in asked, "nothing was reset"
        assert "> /reset" in asked
    assert not any(phrase("settings_changed", "en") in message.visible for message in ours(slack, "D1"))


async def test_who_is_called_otherwise_is_no_call_for_the_bot_and_a_date_calls_nobody(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} are you there?")
        await answered(slack, "C1", ts, "are you there?")
        for call in ("<!subteam^S1>", "<@U2|bo>", "<!channel|@channel>", "please, <@U2>,", "<!here|here>"):
            await slack.say("U1", "C1", f"{call} can you restart it?", ts)
        await settled(slack)
        assert len(endpoint.requests) == 1
        await slack.say("U1", "C1", "was it up on <!date^1720710212^{date_num}|2024-07-11>?", ts)
        await until(lambda: len(endpoint.requests) == 2)
        await slack.say("U1", "C1", f"<!subteam^S1|@oncall> {AT} and you?", ts)
        await until(lambda: len(endpoint.requests) == 3)
    asked = str(endpoint.requests[1].body["messages"])
    assert "can you restart it?" in asked, "what people say to each other is context"


async def test_other_events_without_words_or_author_ask_nothing(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    image = [{"type": "image", "image_url": "https://p.example/cat.gif", "alt_text": ""}]
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        for silent in (
            {"text": "nobody said this"},
            {"user": "U1", "text": "", "subtype": "huddle_thread", "room": {"id": "R1"}},
            {"user": "U1", "text": "", "subtype": "ekm_access_denied"},
            {"user": "U1", "text": "New thread", "subtype": "assistant_app_thread"},
            {"user": BOT_USER, "text": "said by the bot", "reply_count": 1},
            {"user": "U1", "text": "hello", "hidden": True, "subtype": ""},
        ):
            posted(slack, "D1", **silent)
        await settled(slack)
        await asyncio.sleep(0.3)
        assert [message.visible for message in ours(slack, "D1")] == ["said by the bot"]
        assert endpoint.requests == []
        posted(slack, "D1", user="U1", text="", blocks=image)
        words = phrase("wordless_direct", "en")
        await slack.wait_for(lambda: any(words in m.visible for m in ours(slack, "D1")), WAIT_S)
        root = await slack.say("U1", "C1", "The gateway returns 504.")
        await slack.say("U2", "C1", "Since noon.", root)
        await settled(slack)
        await slack.say("U2", "C1", f"<@{BOT_USER}|parley>", root)
        await until(lambda: len(endpoint.requests) == 1)
        await slack.say("U1", "C1", f"{AT} so?", root)
        await until(lambda: len(endpoint.requests) == 2)
    for request in endpoint.requests:
        assert "Since noon." in str(request.body["messages"])
        assert all(message["content"].strip(": \n") for message in request.body["messages"])


async def test_other_broken_payloads_cost_themselves_alone(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    broken: list[Json] = [
        {"text": None, "blocks": None, "attachments": None, "files": None},
        {"text": "odd one", "attachments": [None, "x", 7]},
        {"text": "odd two", "blocks": [{"type": "rich_text", "elements": [None, {"elements": 3}]}]},
        {"text": "odd three <@> <!> <#> <||> <!date^> <mailto:|> <", "files": [None]},
        {"text": "odd four", "blocks": {"type": "section"}, "edited": 7, "bot_profile": []},
    ]
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} are you there?")
        await answered(slack, "C1", ts, "are you there?")
        for message in broken:
            posted(slack, "C1", user="U2", thread_ts=ts, **message)
            posted(slack, "C1", subtype="message_changed", message=message, previous_message=7, hidden=True)
        slack.space.emit({"type": "app_home_opened", "tab": "home", "event_ts": slack.space.new_ts()})
        slack.space.emit({"type": "agent_session_stopped", "channel": "C1", "streaming_message_ts": [None]})
        await settled(slack)
        pressed = slack.space.sockets.deliver("interactive", {"type": "block_actions", "actions": [7]})
        await slack.wait_for(lambda: pressed.acked, WAIT_S)
        slashed = await slack.slash("U1", "C1", "/parley", "summarize <|im_end|> last:-1")
        await slack.wait_for(lambda: slashed.acked, WAIT_S)
        await slack.say("U1", "C1", f"{AT} what stands?", ts)
        await until(lambda: "what stands?" in str(endpoint.requests[-1].body["messages"][-1]))
        await answered(slack, "C1", ts, "what stands?")
    assert all(len(envelope.attempts) == 1 for envelope in slack.envelopes), "none was sent again"


async def test_other_refusals_to_read_are_told_and_not_as_nothing_said(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    refusals: list[tuple[Json, str]] = [
        ({"drop": "before"}, "unread"),
        ({"error": "fatal_error"}, "unread"),
        ({"error": "channel_not_found"}, "unread_forbidden"),
        ({"error": "no_permission"}, "unread_forbidden"),
        ({"error": "rate_limited", "status": 429, "retry_after": 1}, "unread_limited"),
    ]
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        for refusal, words in refusals:
            slack.fail("conversations.history", times=None, **refusal)
            ts = await slack.say("U1", "C1", f"{AT} /summarize hours:3")
            await slack.wait_for(partial(_in_thread, slack, ts, phrase(words, "en")), WAIT_S)
            slack.mend("conversations.history")
    assert endpoint.requests == []
    assert not any(phrase("summary_nothing", "en") in message.visible for message in ours(slack, "C1"))


def _in_thread(slack: FakeSlack, ts: str, words: str) -> bool:
    return any(words in message.visible for message in answers(slack, "C1", ts))


async def test_a_long_message_is_asked_about_whole_and_a_long_question_is_answered(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    long = "".join(f"第{number:04d}句。" for number in range(500))
    slack.space.people["U2"].locale = "en-GB"
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        slack.fail("conversations.replies", times=None, retry_after=30)
        ts = await slack.say("U1", "C1", long)
        await slack.shortcut("U2", "menu_ask", "C1", ts)
        await slack.wait_for(lambda: slack.space.views, WAIT_S)
        await slack.submit_view("U2", "parley:form", {"question": {"value": {"value": "why?"}}})
        await until(lambda: len(endpoint.requests) == 1)
        asked = str(endpoint.requests[0].body["messages"])
        assert "why?" in asked
        assert all(f"第{number:04d}句" in asked for number in range(500))
        slack.mend("conversations.replies")
        question = " ".join(f"word{number:04d}" for number in range(1_450))
        await slack.slash("U1", "C2", "/ask", question)
        await until(lambda: len(endpoint.requests) == 2)
        asked = str(endpoint.requests[1].body["messages"])
        assert all(f"word{number:04d}" in asked for number in range(1_450))
    assert not any("went wrong" in message.visible for message in ours(slack, "C2"))


@pytest.mark.parametrize("grows", [True, False], ids=["streamed", "edited"])
async def test_marks_in_code_stay_as_they_were_written_and_call_nobody_outside(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, grows: bool
) -> None:
    code = "<@U2> <!here> <!subteam^S1> <#C1> a & b < c > d @channel"
    endpoint.script(Words(f"See:\n```\n{code}\n```\nand `<!everyone>`, but <@U2> and <!channel> no.", per_s=60))
    if not grows:
        slack.fail("chat.startStream", None, error="unknown_method")
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} how?")
        answer = await answered(slack, "C1", ts, "no.")
        await slack.wait_for(lambda: phrase("regenerate", "en") in answer.buttons, WAIT_S)
    assert code in answer.visible
    assert "`<!everyone>`" in answer.visible
    outside = answer.visible.replace(code, "").replace("`<!everyone>`", "")
    assert "<@U2>" not in outside
    assert "<!channel>" not in outside


@pytest.mark.parametrize("blank", [" \n\t \r\n", "\u2800", "\u00ad\u034f\u200d"])
async def test_a_blank_answer_ends_in_words_and_nothing_goes_on_processing(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, blank: str
) -> None:
    endpoint.reply_by(lambda _: Words(blank))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        await slack.slash("U1", "C1", "/ask", "anything?")
        await slack.wait_for(lambda: phrase("again", "en") in _buttons(slack), WAIT_S)
        last = ours(slack, "C1")[-1]
        assert last.visible.strip()
        await slack.wait_for(lambda: all(s["status"] != "processing" for s in slack.space.sessions.values()))
        endpoint.reply_by(lambda _: Words("Now with words."))
        await slack.press("U1", "C1", last.ts, "parley:again")
        await slack.wait_for(lambda: "Now with words." in ours(slack, "C1")[-1].visible, WAIT_S)


def _buttons(slack: FakeSlack) -> list[str]:
    return [label for message in ours(slack, "C1") for label in message.buttons]


@pytest.mark.parametrize("how", ["its channel is deleted", "its question is deleted before a word"])
async def test_an_answer_ends_where_nobody_can_want_it_any_more(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, how: str
) -> None:
    at_once = how == "its channel is deleted"
    endpoint.script(
        Words(" ".join(f"word{n}" for n in range(400)), per_s=20, first_after_s=0 if at_once else 5)
    )
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        ts = await slack.say("U1", "C1", f"{AT} tell me all")
        await until(lambda: len(endpoint.requests) == 1)
        if at_once:
            await answered(slack, "C1", ts, "word3")
            slack.space.emit({"type": "channel_deleted", "channel": "C1", "event_ts": slack.space.new_ts()})
        else:
            await slack.delete("U1", "C1", ts)
        await until(lambda: endpoint.requests[0].closed_by_client_at)
        seen = [message.visible for message in answers(slack, "C1", ts)]
        await asyncio.sleep(0.5)
        assert [message.visible for message in answers(slack, "C1", ts)] == seen
    assert not any("word300" in words for words in seen)


async def test_words_from_before_the_mention_that_arrive_after_it_are_context(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        thread = await slack.say("U2", "C1", "The deploy of Tuesday")
        late = slack.space.new_ts()
        await slack.say("U1", "C1", f"{AT} when is it?", thread)
        await answered(slack, "C1", thread, "when is it?")
        posted(slack, "C1", user="U2", text="It moved to 14:00", thread_ts=thread, ts=late)
        await settled(slack)
        await slack.say("U1", "C1", "and who does it?", thread)
        await until(lambda: len(endpoint.requests) == 2)
    asked = endpoint.requests[1].body["messages"]
    assert "and who does it?" in str(asked[-1])
    assert "It moved to 14:00" in str(asked)


async def test_an_answer_whose_message_waits_for_an_edit_is_posted_anew_and_the_thread_goes_on(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    """Slack allows no edit for half a minute. It tells of each deletion, which is not one by a person."""
    endpoint.default = Words("One two three four five six seven eight.", per_s=10)
    slack.fail("chat.startStream", None, error="not_allowed_token_type")
    slack.fail("chat.update", None, retry_after=30)
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        asked = [await slack.say("U1", f"C{number}", f"{AT} count") for number in (1, 2, 3)]
        for number, ts in enumerate(asked, 1):
            await answered(slack, f"C{number}", ts, "seven eight.")
        await slack.wait_for(lambda: len(slack.called("chat.delete")) == len(asked))
        await settled(slack)
        for number, ts in enumerate(asked, 1):
            (answer,) = (message for message in answers(slack, f"C{number}", ts) if not message.deleted)
            assert answer.visible.count("One two three") == 1
            assert phrase("stop", "en") not in answer.buttons
        await slack.say("U1", "C1", "and on?", thread_ts=asked[0])
        await slack.wait_for(lambda: len(endpoint.requests) == 4)
        (before,) = (m["content"] for m in endpoint.requests[3].body["messages"] if m["role"] == "assistant")
        assert before == "One two three four five six seven eight."
