from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.delivery.markdown.growing import settled, shown

PARTS = st.sampled_from(
    [
        *("word ", "**bold** ", "`code` ", "[a link](http://x.test) ", "\n", "```py\nx\n```\n"),
        *("| a | b |\n|---|---|\n", "| 1 | 2 |\n", "<@U1> ", "*it* ", "2 * 3 ", "世界 ", "- item\n", "~~~\n"),
    ]
)


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("plain words ", 12),
        ("plain wor", 6),
        ("wor", 3),
        ("世界", 2),
        ("a [li", 2),
        ("a [link](http", 2),
        ("a [link](http://x)", 18),
        ("text\n``", 5),
        ("text\n```py", 5),
        ("```py\nx\n``", 8),
        ("```py\nx = [1", 12),
        ("above\n| a | b", 6),
        ("above\n| a | b |\n", 6),
        ("above\n| a | b |\n|---|---|\n| 1", 26),
        ("a <@U", 2),
        ("a **", 2),
        ("2 * 3 ", 6),
    ],
)
def test_what_is_half_written_is_held_back(text: str, keep: int) -> None:
    assert shown(text)[0] == keep
    assert settled(text) <= keep


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("a **b** and **c**", "**"),
        ("a `b`", "`"),
        ("a **b", "**"),
        ("a `b", "`"),
        ("**a *b", "***"),
        ("~~a", "~~"),
        ("a_b", ""),
        ("* a", ""),
    ],
)
def test_marks_that_are_open_are_closed(text: str, marks: str) -> None:
    assert shown(text)[1] == marks


def test_what_grows_too_long_is_shown_raw() -> None:
    assert settled("**" + "x " * 300) == 602
    assert shown("[" + "x" * 500)[0] == 501


@settings(max_examples=200, deadline=None)
@given(st.lists(PARTS, max_size=12).map("".join))
def test_what_is_settled_only_ever_grows(text: str) -> None:
    kept = [settled(text[:end]) for end in range(len(text) + 1)]
    assert all(keep <= end for end, keep in enumerate(kept))
    whole = text + "\n\nDone.\n"
    assert settled(whole) == len(whole) or "```" in text or "~~~" in text
