"""Code and other text, for every reader that goes line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.delivery.markdown.code_ranges import code_ranges
from core.delivery.markdown.pages import PageFormat
from core.delivery.markdown.parser import is_closed, leaves
from core.delivery.markdown.tail import tail

LINES = st.sampled_from(
    [
        "words",
        "",
        "```",
        "````",
        "~~~",
        "~~~~ x",
        "```py",
        "    ```",
        "- item",
        "1. ```sh",
        "   ```",
        "``` a`b",
        "> ```",
        "\t~~~",
    ]
)
INLINE = st.text(st.sampled_from("`<>|\\\n a"), max_size=40)


def code(text: str) -> list[str]:
    return [text[start:end] for start, end in code_ranges(text) if start < end]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("```", "```"),
        ("```py\nx", "```"),
        ("```py\nx\n```", None),
        ("```py\nx\n``` \t", None),
        ("```\nx\n``` y", "```"),
        ("````md\n```sh\nx\n```", "````"),
        ("````md\n```sh\nx\n```\n````", None),
        ("```\n~~~\n```", None),
        ("~~~\n```\n", "~~~"),
        ("~~~ a`b`\n", "~~~"),
        ("``` a`b`\n", None),
        ("words ```\n", None),
        ("   ```\nx", "```"),
        ("    ```\nx", None),
        ("\t```\nx", None),
        ("words\n    ```\nx", None),
        ("```\nx\n    ```", "```"),
        ("- item\n\n  ```\n  x", "```"),
        ("1. item\n   - item\n\n     ```\n     x\n     ```", None),
        ("1. item\n\n    ```sh\n    x", "```"),
        ("- ```sh\n  x", "```"),
        ("- ```sh\n  x\n  ```", None),
        ("- item\n\nwords\n\n     ```\nx", None),
        ("- item\n\n          ```\nx", None),
        ("> ```\n> x", "```"),
        ("> ```\nx", None),
    ],
)
def test_a_block_is_open_as_commonmark_has_it(text: str, marks: str | None) -> None:
    fence = tail(text).fence
    assert (fence.marks if fence else None) == marks


def test_a_run_that_is_too_long_is_not_closed() -> None:
    short = PageFormat(32, "utf16")
    assert short.closed("~" * 9) == "~" * 9
    assert short.closed("~" * 8) == "~" * 8 + "\n" + "~" * 8


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_leaves_are_whole_lines_in_order_and_only_the_last_block_of_code_is_open(text: str) -> None:
    last, found = leaves(text)
    at = 0
    for leaf in found:
        assert at <= leaf.start < leaf.end <= len(text)
        assert text[leaf.start - 1 : leaf.start] in ("", "\n")
        assert text[leaf.end - 1] == "\n" or leaf.end == len(text)
        at = leaf.end
    assert last <= len(text)
    fences = [leaf for leaf in found if leaf.kind == "fence" and not leaf.lists]
    assert all(is_closed(leaf.token) for leaf in fences[:-1] if not leaf.quotes)


@given(st.lists(LINES, max_size=8).map("\n".join), st.lists(LINES, max_size=8).map("\n".join))
def test_lines_that_follow_change_no_block_before_the_last(text: str, more: str) -> None:
    last, before = leaves(text)
    _, after = leaves(f"{text}\n{more}")
    kept = [(leaf.kind, leaf.start, leaf.end, leaf.token.content) for leaf in before if leaf.end <= last]
    assert [(leaf.kind, leaf.start, leaf.end, leaf.token.content) for leaf in after][: len(kept)] == kept
    assert [(leaf.kind, last + leaf.start) for leaf in leaves(f"{text}\n{more}"[last:])[1]] == [
        (leaf.kind, leaf.start) for leaf in after[len(kept) :]
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a `b` c ``d ` e`` f", ["b", "d ` e"]),
        ("```py\nx\ny\n```\n`z`", ["x\ny\n", "z"]),
        ("~~~\nx", ["x"]),
        ("```x", []),
        ("a `b", []),
        ("a `b\nc` d `e` f", []),
        ("a `b\n\nc `d`", ["d"]),
        ("a `b`\nc `d`", ["b", "d"]),
        ("\\`a` b`", []),
        ("<http://x.test/`> a `", []),
        ("| `a | b` | `c` |", ["c"]),
        ("- ```\n  x\ny\n  ```", ["  x\n"]),
    ],
)
def test_only_what_every_reader_takes_for_code_is_code(text: str, found: list[str]) -> None:
    assert code(text) == found


@given(INLINE)
def test_code_ranges_are_in_order_and_within_the_text(text: str) -> None:
    at = 0
    for start, end in code_ranges(text):
        assert at <= start <= end <= len(text)
        at = end
