"""History, recovery of unknown posts and typing hints on Slack."""

from __future__ import annotations

import pytest

from bots.slack.connector import SlackConnector
from core.errors import Code
from core.values.places import Place
from tests.bots.slack.rig import C1, MENTION, ask, post, refusal, said
from tests.fakes.slack import RESTRICTED, FakeSlack

# -- looking things up


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("effect", ["before", "after"])
async def test_a_post_of_unknown_outcome_is_found_if_it_is_there(
    slack: FakeSlack, platform: SlackConnector, threaded: bool, effect: str
) -> None:
    root = await slack.say("U1", "C1", MENTION) if threaded else ""
    await platform.installation.perform(post(root, key="turn-1/0", answers=root))
    lost = post(root, key="turn-1/1", answers=root)
    slack.fail("chat.postMessage", drop=effect)
    assert (await refusal(platform.installation.perform(lost))).code is Code.UNCERTAIN
    last = slack.messages("C1")[-1].ts
    assert await platform.installation.find(lost) == (last if effect == "after" else None)


async def test_history_is_who_said_what_before_the_question(slack: FakeSlack, platform: SlackConnector) -> None:
    root = await slack.say("U1", "C1", "shall we? <@U2>", at=1_700_000_000)
    await slack.say("U2", "C1", "yes &amp; now", root, at=1_700_000_001)
    await slack.bot_says("C1", "deployed", root)
    own = await platform.installation.perform(post(root, said("Hello.", "Stopped.")))
    await platform.installation.perform(post(root, said("", "Something went wrong.")))
    question = await slack.say("U1", "C1", MENTION, root)
    await slack.say("U2", "C1", "too late", root)
    history = await platform.installation.history(Place("slack", "T1", "C1", root), ask(question, root))
    lines = [(entry.author.name, entry.text, entry.mine, entry.author.bot) for entry in history.entries]
    assert lines[:2] == [("ada", "shall we? @bo", False, False), ("bo", "yes & now", False, False)]
    assert lines[2][1:] == ("deployed", False, True)
    assert lines[3][1:] == ("Hello.", True, True)
    assert len(lines) == 4
    assert history.entries[3].id == own
    assert slack.called("conversations.replies")[0].args["latest"] == question
    assert history.complete


async def test_there_is_nothing_before_a_root_and_no_call(slack: FakeSlack, platform: SlackConnector) -> None:
    root = await slack.say("U1", "C1", MENTION)
    history = await platform.installation.history(Place("slack", "T1", "C1", root), ask(root, root))
    assert (history.entries, history.complete, slack.calls) == ((), True, [])


@pytest.mark.parametrize(
    ("replies", "read", "complete", "calls"),
    [(199, 200, True, 1), (1_200, 1_201, True, 3), (4_300, 4_196, False, 5)],
)
async def test_a_long_thread_is_read_page_by_page_and_bounded(
    slack: FakeSlack, platform: SlackConnector, replies: int, read: int, complete: bool, calls: int
) -> None:
    """Replies come oldest first: what was said right before the question stands on the last page."""
    root = await slack.say("U1", "C1", "root", at=1_700_000_000)
    for number in range(replies):
        await slack.say("U1", "C1", str(number), root, at=1_700_000_001 + number)
    question = await slack.say("U1", "C1", MENTION, root)
    history = await platform.installation.history(Place("slack", "T1", "C1", root), ask(question, root))
    assert (len(history.entries), history.complete) == (read, complete)
    assert history.entries[-1].text == str(read - 2)
    assert len(slack.called("conversations.replies")) == calls


async def test_a_limit_within_the_reading_keeps_what_was_read_and_one_before_it_is_told(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    slack.limits = RESTRICTED
    root = await slack.say("U1", "C1", "root", at=1_700_000_000)
    for number in range(30):
        await slack.say("U1", "C1", str(number), root, at=1_700_000_001 + number)
    question = await slack.say("U1", "C1", MENTION, root)
    place = Place("slack", "T1", "C1", root)
    history = await platform.installation.history(place, ask(question, root))
    assert (len(history.entries), history.complete) == (15, False)
    refused = await refusal(platform.installation.history(place, ask(question, root)))
    assert refused.code is Code.SLOW_DOWN
    assert refused.retry_after_s


async def test_a_channel_is_a_place_without_a_thread(slack: FakeSlack, platform: SlackConnector) -> None:
    assert await platform.installation.channel("C1") == C1


async def test_typing_is_a_hint_that_gives_up_where_it_is_not_known(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    root = await slack.say("U1", "C1", MENTION)
    place = Place("slack", "T1", "C1", root)
    await platform.installation.typing(place)
    assert slack.space.statuses["C1", root] == "is thinking…"
    await platform.installation.typing(place, "zh")
    assert slack.space.statuses["C1", root] == "正在思考…"
    slack.fail("assistant.threads.setStatus", error="internal_error")
    await platform.installation.typing(place)
    slack.fail("assistant.threads.setStatus", error="missing_scope")
    await platform.installation.typing(place)
    await platform.installation.typing(place)
    assert len(slack.called("assistant.threads.setStatus")) == 4


async def test_a_message_has_a_link_once_the_workspace_is_known(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    place = Place("slack", "T1", "C1", "1700000000.000100")
    await platform.installation.web.identify()
    link = platform.installation.message_link(place, "1700000001.000200")
    inside = f"?thread_ts={place.thread}&cid=C1"
    assert link == f"{slack.space.base_url}/archives/C1/p1700000001000200{inside}"
    assert platform.installation.message_link(place, "ask-1") == ""
