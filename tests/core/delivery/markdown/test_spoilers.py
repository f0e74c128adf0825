"""Text hidden between `||` is never shown open: not while it grows, not over pages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.discord.outgoing import LIMITS
from core.delivery.markdown.growing import shown
from core.delivery.markdown.spoilers import open_spoiler
from core.delivery.page_layout import PageLayout
from core.delivery.page_view import view
from core.values.outgoing import Limits, Page, Phase, Reply
from tests.core.delivery.test_progress import calls

STORY = (
    "You asked who did it. ||It was the **gardener** with a candlestick, SECRET in the hall.|| Enjoy the film."
)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
SPOILER = re.compile(r"\|\|(?:.+?)\|\|", re.DOTALL)


def open_words(page: str) -> str:
    """The text of a message that a reader sees without opening spoilers."""
    return SPOILER.sub("", CODE.sub("", page))


@pytest.mark.parametrize(
    "text",
    [
        STORY,
        STORY.replace("||It", "|| It").replace("hall.||", "hall. ||"),
        "||SECRET words at the very beginning|| and others",
        "**Bold and ||the SECRET|| word** and `code` more",
        "First line.\n\n||A SECRET paragraph.\n\nAnother SECRET one.||\nEnd.",
        "- item ||SECRET [link](http://x.test)|| and\n- another ||SECRET|| item",
        "`a || b` is code. ||SECRET|| is not.",
        "```js\na || b\n```\n||SECRET|| too",
        "||one|| ||SECRET two|| ||SECRET three||",
        "||SECRET code:\n```py\nx = SECRET\n```\nSECRET|| over",
    ],
)
def test_no_edit_of_a_growing_answer_shows_what_is_hidden(text: str) -> None:
    for end in range(1, len(text) + 1):
        phase = Phase.ENDED if end == len(text) else Phase.WRITING
        page = view(Reply(text[:end], phase), 0, "", LIMITS, size=1_800).page
        assert "SECRET" not in open_words(page.text), page.text
    assert view(Reply(text, Phase.ENDED), 0, "", LIMITS, size=1_800).page == Page(text)


def test_what_an_answer_that_broke_off_hides_stays_hidden() -> None:
    text = STORY[: STORY.index("in the hall")]
    page = view(Reply(text, Phase.ENDED, "Stopped."), 0, "", LIMITS, size=1_800).page
    assert page == Page(f"{text}||", "Stopped.")


def test_two_bars_that_hide_nothing_stay_as_they_were_written() -> None:
    for text in (
        "Use a || b for that, or c.",
        "`a || b`",
        "| a || b |\n\nwords",
        "```\na || b\n```",
        "no bars",
    ):
        assert view(Reply(text, Phase.ENDED), 0, "", LIMITS, size=1_800).page == Page(text)
    assert shown("a || b ")[1] == "", "where the platform knows no spoilers"


@pytest.mark.parametrize(
    "inner",
    ["SECRET words " * 40, "SECRET\n\n" * 70, "SECRET\n```py\n" + "x = 'SECRET'\n" * 30 + "```\nSECRET"],
)
def test_a_spoiler_over_pages_is_closed_and_opened_again(inner: str) -> None:
    text = f"Before it. ||{inner}|| After it."
    layout = PageLayout(Limits(page_size=200, page_unit="utf16", spoilers=True))
    for end in (*range(7, len(text), 7), len(text)):
        layout.lay(Reply(text[:end], Phase.ENDED if end == len(text) else Phase.WRITING))
        for page in calls(layout, grows=False):
            assert "SECRET" not in open_words(page.text), page.text
            assert len(page.text) <= 200
    assert len(layout.page_states) > 2
    assert "After it." in open_words(layout.page_states[-1].text)


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("a ||b", 2),
        ("a ||b||", None),
        ("||a|| ||b", 6),
        ("`||` a", None),
        ("`a ||b", None),
        ("```\n||\n```\n", None),
        ("\\||a", None),
        ("| a || b |", None),
        ("||a\n| b || c |", None),
        ("||\n|word x||", None),
        ("||", 0),
        ("||a\n\nb", 0),
        ("words `x` ||b", 10),
    ],
)
def test_where_a_spoiler_is_open(text: str, opened: int | None) -> None:
    assert open_spoiler(text) == opened


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(["||", "word ", "|", "`c` ", "**", "\n", "x"]), max_size=14).map("".join))
def test_what_is_shown_of_any_text_leaves_no_spoiler_open(text: str) -> None:
    page = view(Reply(text, Phase.WRITING), 0, "", LIMITS, size=1_800).page
    assert open_spoiler(page.text) is None
