"""Pages: nothing lost, nothing over the limit, nothing left open."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from core.delivery.markdown.pages import PageFormat, Unit, split
from core.values.outgoing import page_length

LINES = st.sampled_from(
    [
        "words that make a line",
        "",
        "```python",
        "```",
        "~~~~",
        "~~~~ text",
        "| a | b |",
        "|---|---|",
        "| 1 | 世界 |",
        "# A heading",
        "- an item with **bold** text",
        "一段没有空格的中文文字，应当在任何地方都能断开。",
        "a-very-long-word-" * 12,
        "👩‍👩‍👧‍👦 family and 🇩🇪",
        "    ```js title='x'",
        "\u2028odd\u0085ends",
    ]
)
TEXTS = st.lists(st.one_of(LINES, st.text(max_size=60)), max_size=40).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, size=st.integers(60, 400), unit=st.sampled_from(["utf8", "utf16"]))
@example(text="```" + "x" * 200 + "\ny", size=60, unit="utf8")
def test_pages_joined_give_the_text_back_and_keep_their_limits(text: str, size: int, unit: Unit) -> None:
    pieces = split(text, size, unit)
    assert "".join(piece.body for piece in pieces) == text
    for piece in pieces:
        assert piece.body
        assert page_length(piece.text, unit) <= size
        assert PageFormat(size, unit).closes(piece.text) == ""


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, more=TEXTS, size=st.integers(60, 300))
@example(
    text="```\n一段没有空格的中文文字，应当在任何地方都能断开。\n- an item with **bold** text",
    more="words",
    size=60,
)
def test_full_pages_never_change_as_the_text_grows(text: str, more: str, size: int) -> None:
    assume(not text.rpartition("\n")[2].lstrip().startswith(("`", "~")))  # half a fence may become another one
    before, after = split(text, size, "utf16"), split(text + more, size, "utf16")
    assert before[:-1] == after[: max(0, len(before) - 1)]


def test_a_fence_is_closed_and_opened_again_with_its_language() -> None:
    code = "\n".join(f"line_{number} = {number}" for number in range(20))
    first, second, *_ = split(f"```python\n{code}\n```\n", 120, "utf16")
    assert first.text.startswith("```python\n")
    assert first.text.endswith("\n```")
    assert second.text.startswith("```python\nline_")


def test_a_table_goes_on_under_its_head() -> None:
    rows = "\n".join(f"| {number} | {number * number} |" for number in range(40))
    pages = [piece.text for piece in split(f"| n | square |\n|---|---|\n{rows}", 200, "utf16")]
    assert len(pages) > 2
    assert all(page.startswith("| n | square |\n|---|---|\n| ") for page in pages)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("one two three.\n\nfour five six seven eight", "one two three.\n\n"),
        ("one two three four\nfive six seven eight", "one two three four\n"),
        ("one two three four five six seven eight", "one two three four five six "),
    ],
)
def test_pages_end_at_a_paragraph_else_a_line_else_a_word(text: str, first: str) -> None:
    assert split(text, 30, "utf16")[0].body == first


def test_characters_are_never_cut_in_two() -> None:
    assert all("\ufffd" not in piece.body for piece in split("世" * 100, 61, "utf8"))
    assert [len(piece.body) for piece in split("😀" * 50, 61, "utf16")][:1] == [30]
