"""Rights to ask on Slack, on the running program: they fail closed, and only the person sees the reason."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.i18n import phrase
from tests.e2e.conftest import model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import answered
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.slack import BOT_USER, DOCUMENTED, FakeSlack, Message
from tests.waiting import until

AT = f"<@{BOT_USER}>"
UNKNOWN, GUEST = phrase("refused_unknown", "en"), phrase("refused_guest", "en")
WAIT_S = 10.0


def shown(slack: FakeSlack, user: str, words: str, channel: str = "C1") -> list[Message]:
    return [m for m in slack.messages(channel) if m.ephemeral_to == user and words in m.visible]


def public(slack: FakeSlack, channel: str = "C1") -> list[str]:
    """Every text that the bot showed to all people, at any time."""
    ours = [m for m in slack.messages(channel) if m.user == BOT_USER and not m.ephemeral_to]
    return [words for message in ours for _, words in message.history if words]


async def test_who_slack_does_not_say_is_not_answered_where_guests_may_not_ask(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    failures: list[tuple[str, dict[str, Any], str]] = [
        ("U31", {"delay_s": 1.5}, GUEST),
        ("U32", {"retry_after": 30}, UNKNOWN),
        ("U33", {"error": "user_not_found"}, UNKNOWN),
        ("U34", {"error": "user_not_visible"}, UNKNOWN),
        ("U35", {"error": "internal_error"}, UNKNOWN),
        ("U36", {"error": "x", "status": 500}, UNKNOWN),
        ("U37", {"delay_s": 4}, GUEST),
    ]
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_GUESTS": "false"}
    async with Program(tmp_path, **settings):
        for user, failure, _ in failures:
            slack.space.add_person(user, user, "A Guest", is_restricted=True)
            slack.fail("users.info", times=None, containing=user, **failure)
            await slack.say(user, "C1", f"{AT} what are the secrets?")
        slack.space.add_person("U38", "mia", "A Member")
        slack.fail("users.info", times=None, containing="U38", delay_s=3)
        endpoint.script(Words("For you."))
        await slack.say("U38", "C1", f"{AT} and I?")
        await slack.wait_for(lambda: any("For you." in words for words in public(slack)), WAIT_S)
        for user, _, words in failures:
            await slack.wait_for(partial(shown, slack, user, words), WAIT_S)
    assert len(endpoint.requests) == 1, "the member's alone"
    assert all(e.acked and len(e.attempts) == 1 for e in slack.envelopes), "acknowledged in time"


async def test_a_person_of_another_workspace_is_known_by_the_event_alone(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.space.add_person("U8", "eve", "Eve", team="T9")
    slack.space.add_person("U38", "mia", "A Member")
    endpoint.script(Words("For you."))
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        slack.fail("users.info", times=None, retry_after=30)
        await slack.say("U8", "C1", f"{AT} what are the secrets?")
        await slack.wait_for(lambda: shown(slack, "U8", phrase("refused_stranger", "en")), WAIT_S)
        await slack.say("U38", "C1", f"{AT} and I?")
        await slack.wait_for(lambda: any("For you." in words for words in public(slack)), WAIT_S)
    assert len(endpoint.requests) == 1, "default settings are met by what the event says of a member"


async def test_mentions_can_not_use_up_the_look_ups_of_authors(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.limits = DOCUMENTED
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_GUESTS": "false"}
    crowd = " ".join(f"<@UX{number}>" for number in range(300))
    async with Program(tmp_path, **settings):
        await slack.say("U2", "C2", f"lunch? {crowd}")
        await slack.say("U2", "C2", f"or later? {crowd}")
        await slack.wait_for(lambda: all(e.acked for e in slack.envelopes))
        assert slack.called("users.info") == [], "nobody is asked about what is none of our business"
        await slack.say("U3", "C1", f"{AT} secrets? {crowd}")
        await slack.wait_for(lambda: shown(slack, "U3", GUEST), WAIT_S)
        assert len(slack.called("users.info")) <= 21
        assert slack.called("users.info")[0].args["user"] == "U3"
    assert endpoint.requests == []


async def test_an_event_of_another_workspace_with_the_same_app_is_not_ours(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    async with Program(tmp_path, **slack_settings(slack), **model_settings(endpoint)):
        slack.space.envelope_team = "T9"
        await slack.say("U1", "C1", f"{AT} hello?")
        await slack.slash("U1", "C1", "/ask", "hello?")
        await slack.wait_for(lambda: all(e.acked for e in slack.envelopes))
        slack.space.envelope_team = "T1"
        ts = await slack.say("U1", "C1", f"{AT} and here?")
        await slack.wait_for(lambda: slack.thread("C1", ts)[1:], WAIT_S)
    assert len(endpoint.requests) == 1
    assert slack.responses == []


@pytest.mark.parametrize("by", ["slash", "menu"])
async def test_a_denied_persons_command_is_shown_to_nobody_else(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions, by: str
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_DENY": "slack:U2"}
    async with Program(tmp_path, **settings):
        if by == "slash":
            await slack.slash("U2", "C1", "/ask", "log in at [https://bank.test](https://evil.test)")
        else:
            ts = await slack.say("U1", "C1", "The gateway is down.")
            await slack.shortcut("U2", "menu_ask", "C1", ts)
            await slack.wait_for(lambda: slack.space.views, WAIT_S)
            await slack.submit_view("U2", "parley:form", {"question": {"value": {"value": "why?"}}})
        await slack.wait_for(lambda: all(e.acked for e in slack.envelopes), WAIT_S)
        if by == "slash":
            await slack.wait_for(lambda: shown(slack, "U2", phrase("refused_denied", "zh")), WAIT_S)
        await asyncio.sleep(0.3)
        assert public(slack) == []
        assert not slack.called("chat.postMessage")
        await slack.slash("U1", "C1", "/ask", "and I?")
        await until(lambda: len(endpoint.requests) == 1)


async def test_a_member_who_is_slowly_known_may_use_a_slash_command(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.fail("users.info", times=None, delay_s=1.5)
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_GUESTS": "false"}
    async with Program(tmp_path, **settings):
        asked = await slack.slash("U1", "C1", "/ask", "may I?")
        await slack.wait_for(lambda: any("may I?" in words for words in public(slack)), WAIT_S)
        guest = await slack.slash("U3", "C1", "/ask", "may I, too?")
        await slack.wait_for(lambda: shown(slack, "U3", GUEST), WAIT_S)
        await slack.wait_for(lambda: asked.acked and guest.acked)
        await until(lambda: len(endpoint.requests) == 1)
    assert not any("may I, too?" in words for words in public(slack))
    assert len(endpoint.requests) == 1


async def test_a_slowly_known_member_is_answered_late_and_keeps_nobody_waiting(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.space.add_person("U38", "mia", "A Member")
    slack.space.channels["C1"].members.add("U38")
    slack.fail("users.info", times=None, containing="U38", delay_s=3)
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_GUESTS": "false"}
    async with Program(tmp_path, **settings):
        early = await slack.say("U1", "C1", f"{AT} first?")
        answer = await answered(slack, "C1", early, "first?")
        await slack.wait_for(lambda: answer.buttons)
        await slack.say("U38", "C1", f"{AT} may I?")
        await slack.say("U38", "C1", f"{AT} /model")
        await slack.press("U38", "C1", answer.ts, "parley:up")
        await slack.say("U1", "C1", f"{AT} and I?")
        await until(lambda: len(endpoint.requests) == 3)
        asked = [request.body["messages"][-1]["content"] for request in endpoint.requests]
        assert ["I?" in asked[1], "may I?" in asked[2]] == [True, True]
        assert "mia: may I?" in asked[2], "under the name that was learnt"
        await slack.wait_for(lambda: shown(slack, "U38", phrase("thanks", "en")), WAIT_S)
        await slack.wait_for(lambda: any("GPT-5.5" in m.visible for m in slack.messages("C1")), WAIT_S)
        assert not shown(slack, "U38", UNKNOWN)
        await slack.wait_for(lambda: all(e.acked for e in slack.envelopes))  # also that of the last reply
    assert all(e.acked and len(e.attempts) == 1 for e in slack.envelopes)


async def test_a_question_that_was_held_when_the_program_died_is_decided_by_the_next_one(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    slack.space.add_person("U38", "mia", "A Member")
    slack.fail("users.info", times=None, delay_s=30)
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_GUESTS": "false"}
    program = Program(tmp_path, **settings)
    await program.start()
    await program.ready()
    member = await slack.say("U38", "C1", f"{AT} may I?")
    await slack.say("U3", "C2", f"{AT} and I, a guest?")
    await slack.wait_for(lambda: all(e.acked for e in slack.envelopes), WAIT_S)
    assert endpoint.requests == []
    await program.kill()
    slack.mend("users.info")
    async with Program(tmp_path, **settings):
        await answered(slack, "C1", member, "may I?")
        await slack.wait_for(lambda: shown(slack, "U3", GUEST, "C2"), WAIT_S)
    assert len(endpoint.requests) == 1
