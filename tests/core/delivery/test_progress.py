"""Every page takes at least one character, whatever a model or a person wrote."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.discord.outgoing import LIMITS as DISCORD
from bots.slack import LIMITS as SLACK
from core.delivery.markdown.pages import PageFormat, Unit, first_piece
from core.delivery.page_layout import PageLayout
from core.values.outgoing import Limits, Page, Phase, Reply, page_length

SHEETS = [
    PageFormat(1_800, "utf16", typeset=True),
    PageFormat(3_900, "utf8"),
    PageFormat(9_000, "utf8"),
    PageFormat(60, "utf16", typeset=True),
    PageFormat(60, "utf16", typeset=True, spoilers=True),
    PageFormat(1_800, "utf16", typeset=True, spoilers=True),
    PageFormat(8, "utf8"),
]
HOSTILE = st.sampled_from(
    [
        *(
            mark * count
            for mark in "`~"
            for count in (3, 4, 14, 15, 16, 59, 61, 449, 450, 451, 1_799, 1_900, 8_999)
        ),
        *(
            "words",
            "",
            "\n",
            "```python",
            "> ",
            "|" * 70,
            "| a | b |",
            "|---|---|",
            "|\n|-|\n|a",
            "-",
            "1. ```sh",
        ),
        *(
            "    ```",
            "\t~~~",
            "#### x",
            "x" * 500,
            "| " + "c" * 9_000 + " |",
            "世" * 40,
            "\x00",
            "\ud800",
            "😀",
        ),
    ]
)
TEXTS = st.lists(HOSTILE, max_size=8).flatmap(
    lambda parts: st.sampled_from(["", "\n", " "]).map(lambda by: by.join(parts))
)


def pages(text: str, sheet: PageFormat) -> list[str]:
    """The bodies of all pages. Fails where a page takes nothing."""
    bodies, opens = [], ""
    while text:
        piece = first_piece(text, opens, sheet)
        assert piece.body
        assert page_length(sheet.set(piece.text), sheet.unit) <= max(
            sheet.size, page_length(piece.body, sheet.unit)
        )
        bodies.append(piece.body)
        text = text[len(piece.body) :]
        opens = sheet.reopens(piece.opens + piece.body)
    return bodies


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: f"{sheet.size}{'-spoilers' * sheet.spoilers}")
@pytest.mark.parametrize("mark", ["~", "`"])
def test_a_line_of_marks_of_any_length_leaves_room_for_words(sheet: PageFormat, mark: str) -> None:
    lengths = {
        3,
        8,
        sheet.share - 1,
        sheet.share,
        sheet.share + 1,
        sheet.size // 2,
        sheet.size - 2,
        sheet.size - 1,
    }
    for length in sorted(lengths | {sheet.size, sheet.size + 1, 2 * sheet.size, 20_000}):
        for before in ("", "words\n", "```py\n", "~~~~\n"):
            text = f"{before}{mark * length}\nwords that follow"
            assert "".join(pages(text, sheet)) == text


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(SHEETS))
def test_every_page_takes_a_character_and_all_of_them_are_the_text(text: str, sheet: PageFormat) -> None:
    assert "".join(pages(text, sheet)) == text


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.sampled_from(["utf8", "utf16"]), st.integers(0, 400))
def test_a_page_shows_again_what_cannot_be_taken_back(text: str, unit: Unit, least: int) -> None:
    if least < len(text):
        body = first_piece(text, "", PageFormat(400, unit), least).body
        assert body == text[: len(body)]
        assert len(body) >= max(1, least)


@pytest.mark.parametrize("limits", [DISCORD, SLACK], ids=["discord", "slack"])
@pytest.mark.parametrize("grows", [False, True])
@pytest.mark.parametrize("marks", ["~" * 1_799, "`" * 1_900, "~" * 3_899, "`" * 8_999, "~" * 20_000])
@pytest.mark.parametrize("before", ["", "Look:\n", "```py\nx\n"])
def test_an_answer_of_one_long_line_of_marks_stands_in_messages(
    limits: Limits, grows: bool, marks: str, before: str
) -> None:
    text = f"{before}{marks}\nand then words"
    layout = PageLayout(limits)
    for end in (*range(50, len(text), 700), len(text)):
        layout.lay(Reply(text[:end], Phase.ENDED if end == len(text) else Phase.WRITING))
        assert len(list(islice(calls(layout, grows=grows), 100))) < 100
    assert "".join(text[page_state.start or 0 : page_state.upto] for page_state in layout.page_states) == text


def calls(layout: PageLayout, *, grows: bool) -> Iterator[Page]:
    """Perform what is wanted until all is shown."""
    while True:
        if page_state := layout.behind():
            seen = layout.view(page_state)
            stops = page_state.growing and (layout.ended or seen.full)
            layout.stopped(page_state, seen.page) if stops else layout.shows(page_state, seen.page)
        elif layout.wants_another():
            seen = layout.view(layout.begin(grows=grows))
            if not seen.page.text.strip():
                layout.wait()
                continue
            layout.shows(layout.page_posted(f"m{len(layout.page_states)}"), seen.page)
        else:
            return
        yield seen.page
