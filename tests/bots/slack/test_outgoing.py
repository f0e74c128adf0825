"""The blocks and text that Slack gets for a page."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack import LIMITS
from bots.slack.mrkdwn import disarmed, disarmed_piece, escaped, mrkdwn_to_text
from bots.slack.outgoing import page_to_content, page_to_plain
from core.delivery.markdown.code_ranges import code_ranges
from core.text import escaped as as_text
from core.values.outgoing import Page, page_length
from core.values.ui import Button
from tests.fakes.slack import blocks as block_kit

AGAIN = Button("again", "Again", 7)
MENTION = re.compile(r"<(@[UW]|#C|!(here|channel|everyone|subteam))")
ENTITY = re.compile(r"<[@#!][^>]*>")
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
def test_no_mention_is_left_outside_of_code(before: str, mention: str, after: str) -> None:
    page = Page(before + mention + after)
    content = page_to_content(page)
    for shown in (content["text"], page_to_plain(page)["text"]):
        assert not MENTION.search(shown)
    assert_no_mention(content["blocks"][0]["text"])


hostile = st.sampled_from(
    ["<#C2>", "\\<#C2>", "`<#C2>", "<!channel>", "<@U1>", "‹#C2›", "](<#C2>)", "<#C2|x>", "_"]
)


def test_a_channel_that_our_own_words_mention_is_shown_by_its_name() -> None:
    content = page_to_content(Page("**Cost by channel**\n- <#C2>: US$1 <!here> <@U1>", own=True))
    text = "*Cost by channel*\n• <#C2>: US$1 &lt;!here&gt; &lt;@U1&gt;"
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}, "expand": True}
    assert content == {"text": text, "blocks": [section]}
    assert page_to_plain(Page("See <#C2>", "Now.", own=True))["text"] == "See <#C2>\n\nNow."
    assert "<#C2>" not in str(page_to_content(Page("- <#C2>: US$1")))


@given(st.lists(hostile | awkward, max_size=6))
def test_no_words_of_others_that_our_own_quote_are_a_mention(words: list[str]) -> None:
    quoted = as_text(" ".join("".join(words).split()))
    for markdown in (f"- <#C7>: {quoted}", f"- [{quoted}](https://x.test/1) in <#C7>", f"- {quoted}"):
        page = Page(markdown, own=True)
        content = page_to_content(page)
        assert list(block_kit.problems(content["blocks"])) == []
        for shown in (content["text"], page_to_plain(page)["text"], block_kit.visible(content["blocks"])):
            assert {found[0] for found in ENTITY.finditer(shown)} <= {"<#C7>"}


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


TURTLE = "```turtle\n<#Customer> a owl:Class .\n<@U1> <!here>\n```\n"
CODE = [
    TURTLE,
    TURTLE.replace("```", "~~~~"),
    "````md\n" + TURTLE + "````\n",
    "1. Write:\n\n   ```\n   <#C1|general>\n   ```\n",
    "Call `<@U1>` or ``<!here> ` <#C1>``.",
]


@pytest.mark.parametrize("code", CODE)
def test_code_is_shown_as_it_was_written_and_nobody_outside_of_it_is_mentioned(code: str) -> None:
    assert page_to_content(Page(code))["blocks"][0]["text"] == code
    assert disarmed(f"{code}\n<@U1>") == f"{code}\n<\u200b@U1>"
    assert disarmed(f"<!here>\n\n{code}") == f"<\u200b!here>\n\n{code}"


@pytest.mark.parametrize(
    "text",
    [
        "`a <@U1>",
        "`a\nb <@U1> `c`",
        "\\`<@U1>`",
        "| `a | <@U1> ` |",
        "<http://x.test/`> <@U1> `",
        "words ```\n<@U1>\n```",
        "    ```\n<@U1>",
        "> ```\n<@U1>",
        "- ```\n<@U1>\n",
        "```<@U1>\n",
        "```\n```\n<@U1>",
        "```\n````\n<@U1>",
        "~~~\n~~~\n<@U1>",
    ],
)
def test_what_another_reader_might_not_take_for_code_is_disarmed(text: str) -> None:
    assert not MENTION.search(disarmed(text))
    assert not MENTION.search(disarmed_piece(text))


@pytest.mark.parametrize("code", CODE)
def test_code_stays_as_it_is_also_where_it_comes_in_pieces(code: str) -> None:
    lines = code.splitlines(keepends=True)
    shown, sent = "", ""
    for line in lines:
        sent += disarmed_piece(line, shown)
        shown += line
    assert sent == code


@given(st.lists(st.sampled_from(["<", "@U1>", "!here>", "`", "```\n", "\n", "~~~", " ", "a"]), max_size=14))
def test_no_mention_fires_outside_of_code_however_words_are_cut(pieces: list[str]) -> None:
    shown = sent = ""
    for piece in pieces:
        sent += disarmed_piece(piece, shown)
        shown += piece
    assert_no_mention(sent)


def assert_no_mention(markdown: str) -> None:
    code = code_ranges(markdown)
    for found in MENTION.finditer(markdown):
        assert any(start <= found.start() < end for start, end in code)
