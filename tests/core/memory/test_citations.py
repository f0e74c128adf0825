"""The numbers by which an answer cites earlier ones: in prose they count, elsewhere brackets are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.memory.citations import CitationStream, cited_numbers

PIECES = (
    *(
        "[",
        "]",
        "1",
        "2",
        "9",
        "`",
        "```",
        "~~~",
        "\n",
        "\n\n",
        " ",
        "    ",
        "a",
        "(",
        ")",
        ":",
        "- ",
        "1. ",
        "> ",
    ),
    *("\\", "文", "\r\n", "[1]", "[9]", "[9](", "[^1]"),
)


def shown(text: str, *offered: int) -> str:
    stream = CitationStream(offered)
    return stream.feed(text) + stream.end()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("It is in the handbook [1], see also [2].", "It is in the handbook [1], see also [2]."),
        ("It is in the handbook [7].", "It is in the handbook."),
        ("See [1][7][2].", "See [1][2]."),
        ("如手册所述[7]，先重启[1]。", "如手册所述，先重启[1]。"),
        ("Before [7] behind", "Before behind"),
        ("Before [7]behind", "Before behind"),
    ],
)
def test_a_number_that_was_not_offered_is_dropped(text: str, seen: str) -> None:
    assert shown(text, 1, 2) == seen


@pytest.mark.parametrize(
    "text",
    [
        "`row [7]` and ``a ` [7]``",
        "```python\nx = [7]\n```",
        "~~~\n[7]\n```\n[7]\n~~~",
        "- item\n\n  ```\n  [7]\n  ```",
        "> ```\n> [7]\n> ```",
        "For example:\n\n    x = [7]\n    y [7]\n",
        "[7](https://example.com)",
        "[7]: https://example.com",
        "[^7] and [^7]: words",
        "a[7], f(x)[7], a[0][7], [text][7]",
        r"\[7]",
        "[2024], [0], [x], [1, 7]",
    ],
)
def test_other_brackets_stay_and_cite_nothing(text: str) -> None:
    assert shown(text, 1, 2) == text
    assert cited_numbers(text, (7,)) == ()


def test_text_behind_a_code_block_is_prose_again() -> None:
    assert shown("```\n[7]\n```\nSo [7] it is [1].", 1) == "```\n[7]\n```\nSo it is [1]."
    assert shown("- item\n\n    goes on [7] here [1]", 1) == "- item\n\n    goes on here [1]"


def test_the_numbers_cited_are_those_offered_each_once_in_their_order() -> None:
    assert cited_numbers("See [3] and [1], again [3], not [9] nor `[2]`.", (1, 2, 3)) == (3, 1)


def test_a_text_stays_as_it_is_where_no_number_was_offered() -> None:
    assert shown("A list [7] of `x` [1]") == "A list [7] of `x` [1]"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.data())
def test_it_does_not_matter_how_the_text_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    for some in (cuts, list(range(len(text)))):
        stream = CitationStream((1, 2))
        pieces = [text[a:b] for a, b in zip([0, *some], [*some, len(text)], strict=True)]
        assert "".join([*map(stream.feed, pieces), stream.end()]) == shown(text, 1, 2)
        assert tuple(stream.cited) == cited_numbers(text, (1, 2))


@pytest.mark.parametrize("piece", ["[", "`", " ", "\n", "- ", "```x", "\\", "a [1]"])
def test_no_more_than_the_beginning_of_a_line_is_held_back(piece: str) -> None:
    stream, sent, seen = CitationStream((1,)), 0, 0
    for _ in range(2_000):
        sent, seen = sent + len(piece), seen + len(stream.feed(piece))
        assert sent - seen <= 250
