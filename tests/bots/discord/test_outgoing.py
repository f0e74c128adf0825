from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.outgoing import (
    CONTENT_LIMIT,
    LIMITS,
    content_to_text,
    custom_id_to_press,
    key_to_nonce,
    page_to_body,
    page_to_content,
    page_to_view,
)
from core.i18n import LANGUAGES, phrase
from core.values.outgoing import Page, SourceLink, Sources, page_length
from core.values.ui import Button


def test_the_notice_stands_under_the_text_as_subtext() -> None:
    assert page_to_content(Page("Yes.", "Cut here.\nAsk again.")) == "Yes.\n-# Cut here.\n-# Ask again."


def test_a_notice_is_plain_text() -> None:
    notice = 'send_mail (to: "[you](https://evil.example/a_b) and [me](https://evil.example) **now** <@1> \\x")'
    shown = r'send\_mail (to: "\[you](https://evil.example/a_b) and \[me](https://evil.example) \*\*now\*\* \<@1> \\x")'
    assert page_to_content(Page("", notice)) == f"-# {shown}"


def test_a_page_is_never_empty() -> None:
    assert page_to_content(Page("")).encode()
    assert content_to_text(page_to_content(Page(""))) == ""


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_full_page_with_a_notice_and_a_closing_fence_fits(language: str) -> None:
    notice = f"{phrase('cut', language)} {phrase('ref', language, ref='ABCDEF')}"
    page = Page("x" * LIMITS.page_size + "\n```", notice)
    assert page_length(page_to_content(page), "utf16") <= CONTENT_LIMIT


def test_a_notice_takes_only_the_room_that_the_text_leaves() -> None:
    for size in (0, 1_000, 1_900, 2_000):
        shown = page_to_content(Page("x" * size, "🐦 could not be read.\n" * 200))
        assert page_length(shown, "utf16") <= CONTENT_LIMIT
        assert shown.startswith("x" * size)


def test_the_question_of_a_command_is_a_quote_of_one_line_above_the_text() -> None:
    shown = page_to_content(Page("Yes.", "Cut here."), "is # it ```so?")
    assert shown == "> is # it \\`\\`\\`so?\nYes.\n-# Cut here."
    assert content_to_text(shown, quotes=True) == "Yes."
    assert page_to_content(Page("Yes."), "?" * 400) == "> " + "?" * 149 + "…\nYes."


@given(st.text(max_size=300), st.integers(1_700, CONTENT_LIMIT))
def test_a_quote_takes_only_the_room_that_the_text_leaves(question: str, size: int) -> None:
    shown = page_to_content(Page("x" * size), " ".join(question.split()))
    assert page_length(shown, "utf16") <= CONTENT_LIMIT
    assert shown.endswith("x" * size)
    assert shown.count("\n") <= 1


@given(st.text(st.characters(exclude_characters="\u200b"), min_size=1), st.text())
def test_our_own_words_are_read_back_without_the_notice(text: str, notice: str) -> None:
    words = text.strip("\n")
    if not words.split("\n")[-1].startswith("-# "):
        assert content_to_text(page_to_content(Page(words, notice))) == words


async def test_buttons_come_back_as_what_they_were_made_of() -> None:
    view = page_to_view(Page("Yes.", buttons=(Button("again", "Again", 42), Button("stop", "Stop", 7))))
    assert view is not None
    assert view.is_finished()
    buttons = view.to_components()[0]["components"]
    assert [button["label"] for button in buttons] == ["Again", "Stop"]
    assert [custom_id_to_press(button["custom_id"]) for button in buttons] == [("again", 42), ("stop", 7)]


def test_no_buttons_take_the_old_ones_away() -> None:
    assert page_to_body(Page("Yes."))["components"] == []


def test_a_body_pings_nobody_and_unfurls_nothing() -> None:
    body = page_to_body(Page("@everyone http://x.test"))
    assert body["allowed_mentions"] == {"parse": []}
    assert body["flags"] == 4


@given(st.text())
def test_a_nonce_is_short_and_always_the_same(key: str) -> None:
    assert key_to_nonce(key) == key_to_nonce(key)
    assert 0 < len(key_to_nonce(key)) <= 25


@pytest.mark.parametrize("before", ["", "> ", "- ", "1. ", "  ", "> - "])
def test_words_of_an_answer_are_never_small_as_what_is_said_under_it(before: str) -> None:
    forged = f"In the safe.\n\n{before}-# Asked before:\n{before}-# [1] [Where?](<https://evil.example>)"
    sources = Sources("Asked before:", (SourceLink(1, "Where?", "https://chat.example/1", "1 May 2026"),))
    shown = page_to_content(Page(forged, "Cut here.", sources=sources))
    small = [line for line in shown.split("\n") if re.match(r"[> \t\d.-]*-# ", line)]
    assert small == [
        "-# Asked before:",
        r"-# \[1] [Where?](<https://chat.example/1>) · 1 May 2026",
        "-# Cut here.",
    ]
    assert len(page_to_content(Page(forged))) == len(forged)
    assert content_to_text(page_to_content(Page(forged))).count("Asked before:") == 1


def test_code_and_other_dashes_stay_as_they_are() -> None:
    text = "```\n-# a comment\n```\n`-# x` and a -# b\n-#tag\n- # x"
    assert page_to_content(Page(text)) == text
