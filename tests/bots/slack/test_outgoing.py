"""What Slack is given to show for a page."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack import LIMITS
from bots.slack.mrkdwn import escaped, mrkdwn_to_text
from bots.slack.outgoing import page_to_content, page_to_plain
from core.types import Button, Page, page_length
from tests.fakes.slack import blocks as block_kit

AGAIN = Button("again", "Again", 7)
MENTION = re.compile(r"<(@[UW]|#C|!(here|channel|everyone|subteam))")
awkward = st.text(st.sampled_from("ab <>&@#!^|UC1\n界😀\u200b") | st.characters(codec="utf-8"), max_size=300)
mentions = st.sampled_from(["<!here>", "<!channel>", "<@U1>", "<@W1|x>", "<#C1>", "<!subteam^S1|@x>"])


def test_words_notice_and_buttons_each_have_their_block() -> None:
    content = page_to_content(Page("**Hi** & bye", "Stopped.", (AGAIN,)))
    assert content == {
        "text": "**Hi** &amp; bye",
        "blocks": [
            {"type": "markdown", "text": "**Hi** & bye"},
            {"type": "context", "elements": [{"type": "plain_text", "text": "Stopped."}]},
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "action_id": "parley:again",
                        "text": {"type": "plain_text", "text": "Again"},
                        "value": "7",
                    }
                ],
            },
        ],
    }


def test_a_notice_alone_is_the_text() -> None:
    content = page_to_content(Page("", "No credit & no luck."))
    assert content["text"] == "No credit &amp; no luck."
    assert [block["type"] for block in content["blocks"]] == ["context"]


def test_plain_words_hold_page_and_notice_and_take_earlier_blocks_away() -> None:
    assert page_to_plain(Page("a < b", "Stopped.", (AGAIN,))) == {"text": "a &lt; b\n\nStopped.", "blocks": []}


def test_plain_words_are_not_shortened_by_their_escapes() -> None:
    text = "<" * LIMITS.page_size
    assert page_to_plain(Page(text, "Stopped."))["text"] == f"{text}\n\nStopped."
    assert page_to_plain(Page(text, "x" * 200))["text"] == text


@given(awkward, awkward)
def test_content_is_always_within_slacks_rules(text: str, notice: str) -> None:
    content = page_to_content(Page(text, notice, (AGAIN,)))
    assert list(block_kit.problems(content["blocks"])) == []
    assert not block_kit.too_long(content["blocks"])
    assert page_length(content["text"], "utf8") <= 4_000


@given(awkward, mentions, awkward)
def test_no_mention_is_left_anywhere(before: str, mention: str, after: str) -> None:
    page = Page(before + mention + after)
    content = page_to_content(page)
    for shown in (content["text"], content["blocks"][0]["text"], page_to_plain(page)["text"]):
        assert not MENTION.search(shown)


@given(awkward)
def test_every_word_of_a_page_is_kept(text: str) -> None:
    words = page_to_content(Page(text))["blocks"]
    assert "".join(block["text"] for block in words).replace("\u200b", "") == text.replace("\u200b", "")
    assert mrkdwn_to_text(page_to_plain(Page(text))["text"], str).strip() == text.strip()


@settings(max_examples=15)
@given(st.text(st.sampled_from("<&a界"), min_size=900, max_size=1_300))
def test_a_summary_that_is_too_long_ends_between_two_letters(text: str) -> None:
    summary = page_to_content(Page(text))["text"]
    assert page_length(summary, "utf8") <= 4_000
    assert escaped(text).startswith(summary)
    assert escaped(text[: len(mrkdwn_to_text(summary, str))]) == summary
