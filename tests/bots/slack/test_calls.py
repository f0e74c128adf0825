"""Calls of Slack: posts, edits, refusals and rate limits."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bots.slack import LIMITS
from bots.slack.connector import SlackConnector
from core.errors import Code
from core.text import escaped as as_text
from core.values.outgoing import EditMessage, Page
from core.values.ui import Button
from tests.bots.slack.rig import C1, post, refusal, said, shown
from tests.fakes.slack import DOCUMENTED, FakeSlack

# -- calls


async def test_a_post_has_words_notice_and_buttons_and_says_nothing_twice(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    ts = await platform.installation.perform(
        post(page=said("**Hi** a < b", "Stopped.", Button("again", "Again", 7)))
    )
    message = shown(slack, ts)
    assert message.visible == "**Hi** a < b\nStopped."
    assert message.text == "**Hi** a &lt; b"
    assert message.buttons == ["Again"]
    arguments = slack.called("chat.postMessage")[0].args
    assert (arguments["unfurl_links"], arguments["unfurl_media"]) == (False, False)
    assert message.metadata == {"event_type": "parley_answer", "event_payload": {"key": "turn-1/0"}}


async def test_a_report_mentions_channels_and_nothing_that_it_quotes_is_a_mention(
    slack: FakeSlack, platform: SlackConnector
) -> None:
    title = as_text("<#C3> <!channel> ‹#C3› <@U2>")
    report = f"**Most used threads**\n- [{title}](https://t1.example/1) in <#C2>: 3 questions\n- {title}"
    ts = await platform.installation.perform(post(page=Page(report, own=True)))
    message = shown(slack, ts)
    assert message.pings == []
    for words in (message.visible, message.text):
        assert re.findall("<#[^>]*>", words) == ["<#C2>"]
    assert [block["type"] for block in message.blocks] == ["section"]


async def test_an_edit_shows_the_complete_new_view(slack: FakeSlack, platform: SlackConnector) -> None:
    ts = await platform.installation.perform(post(page=said("", "Thinking", Button("stop", "Stop", 7))))
    assert shown(slack, ts).visible == "Thinking"
    await platform.installation.perform(EditMessage(C1, ts, said("Done.")))
    assert (shown(slack, ts).visible, shown(slack, ts).buttons) == ("Done.", [])
    assert shown(slack, ts).metadata  # so that it can still be found


@pytest.mark.parametrize("letter", ["x", "é", "界", "<", "&", "😀"])
async def test_a_full_page_can_be_posted_and_edited_in_any_script(
    slack: FakeSlack, platform: SlackConnector, letter: str
) -> None:
    text = letter * (LIMITS.page_size // len(letter.encode()))
    ts = await platform.installation.perform(post())
    await platform.installation.perform(EditMessage(C1, ts, said(text, "A notice.")))
    assert shown(slack, ts).visible == f"{text}\nA notice."


@pytest.mark.parametrize("error", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"])
async def test_refused_blocks_go_out_once_more_as_plain_text(
    slack: FakeSlack, platform: SlackConnector, error: str
) -> None:
    slack.fail("chat.postMessage", error=error)
    ts = await platform.installation.perform(post(page=said("a < b", "Stopped.")))
    assert shown(slack, ts).visible == "a &lt; b\n\nStopped."
    slack.fail("chat.update", error=error)
    await platform.installation.perform(EditMessage(C1, ts, said("a > b")))
    assert shown(slack, ts).visible == "a &gt; b"
    assert [len(slack.called(method)) for method in ("chat.postMessage", "chat.update")] == [2, 2]


async def test_words_refused_twice_are_rejected(slack: FakeSlack, platform: SlackConnector) -> None:
    slack.fail("chat.postMessage", 2, error="invalid_blocks")
    assert (await refusal(platform.installation.perform(post()))).code is Code.REJECTED
    assert len(slack.calls) == 2


@pytest.mark.parametrize(
    "mention", ["<!channel>", "<!here>", "<@U1>", "<#C1>", "<!subteam^S1>", "<!everyone|x>"]
)
async def test_no_mention_ever_fires(slack: FakeSlack, platform: SlackConnector, mention: str) -> None:
    for blocks_fail in (False, True):
        if blocks_fail:
            slack.fail("chat.postMessage", error="invalid_blocks")
        ts = await platform.installation.perform(post(page=said(f"look {mention} @channel", f"by {mention}")))
        message = shown(slack, ts)
        markdown = [block["text"] for block in message.blocks if block["type"] == "markdown"]
        assert mention not in message.text
        assert mention not in "".join(markdown)
    for call in slack.called("chat.postMessage"):
        assert (call.args["parse"], call.args["link_names"]) == ("none", False)


@pytest.mark.parametrize(
    ("failure", "code", "certain"),
    [
        ({"retry_after": 7}, Code.SLOW_DOWN, True),
        ({"error": "channel_not_found"}, Code.GONE, True),
        ({"error": "is_archived"}, Code.GONE, True),
        ({"error": "not_in_channel"}, Code.NOT_ALLOWED, True),
        ({"error": "missing_scope", "needed": "chat:write"}, Code.NOT_ALLOWED, True),
        ({"error": "msg_too_long"}, Code.REJECTED, True),
        ({"error": "never_heard_of"}, Code.REJECTED, True),
        ({"status": 503}, Code.UNAVAILABLE, True),
        ({"error": "internal_error"}, Code.UNCERTAIN, False),
        ({"error": "fatal_error"}, Code.UNCERTAIN, False),
        ({"drop": "before"}, Code.UNCERTAIN, False),
        ({"drop": "after"}, Code.UNCERTAIN, False),
    ],
)
async def test_each_refusal_has_its_outcome_and_nothing_is_sent_twice(
    slack: FakeSlack, platform: SlackConnector, failure: dict[str, Any], code: Code, certain: bool
) -> None:
    slack.fail("chat.postMessage", **failure)
    refused = await refusal(platform.installation.perform(post()))
    assert (refused.code, refused.certain) == (code, certain)
    assert refused.retry_after_s == (7 if code is Code.SLOW_DOWN else None)
    assert len(slack.calls) == 1


async def test_an_edit_of_a_deleted_message_is_gone(slack: FakeSlack, platform: SlackConnector) -> None:
    ts = await platform.installation.perform(post())
    await slack.delete("U1", "C1", ts)
    assert (await refusal(platform.installation.perform(EditMessage(C1, ts, said())))).code is Code.GONE


async def test_a_slack_that_is_away_was_surely_not_told(slack: FakeSlack, platform: SlackConnector) -> None:
    await slack.stop()
    refused = await refusal(platform.installation.perform(post()))
    assert (refused.code, refused.certain, refused.retryable) == (Code.UNAVAILABLE, True, True)


async def test_the_budgets_are_those_that_slack_enforces(slack: FakeSlack, platform: SlackConnector) -> None:
    slack.limits = DOCUMENTED
    tight, wide = platform.installation.rate_limits(post())
    assert (tight.burst, tight.per_s, wide.burst, wide.per_s) == (3, 1, 20, 5)
    assert "T1" in tight.scope
    assert "T1" in wide.scope
    assert "C1" in tight.scope
    for _ in range(int(tight.burst)):
        await platform.installation.perform(post())
    assert (await refusal(platform.installation.perform(post()))).code is Code.SLOW_DOWN
    (edits,) = platform.installation.rate_limits(EditMessage(C1, "1.0", said()))
    assert (edits.burst, edits.per_s) == (10, 50 / 60)
    assert edits.scope not in (tight.scope, wide.scope)
