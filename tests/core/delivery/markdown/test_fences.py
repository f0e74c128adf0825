"""What is code and what is not, for everybody who reads a text line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.delivery.markdown.code_ranges import code_ranges
from core.delivery.markdown.fences import fences, open_fence, outside_fences

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
        ("> ```\n> x", None),
    ],
)
def test_a_block_is_open_as_commonmark_has_it(text: str, marks: str | None) -> None:
    fence = open_fence(text)
    assert (fence.marks if fence else None) == marks


def test_a_run_that_is_too_long_opens_nothing_and_closes_what_is_open() -> None:
    assert open_fence("~" * 9, 8) is None
    assert open_fence("~" * 8, 8) is not None
    assert open_fence("~~~\nx\n" + "~" * 9, 8) is None


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_blocks_are_whole_lines_in_order_and_the_rest_is_outside(text: str) -> None:
    found = list(fences(text))
    at = 0
    for block in found:
        assert at <= block.start < block.end <= len(text)
        assert text[block.start - 1 : block.start] in ("", "\n")
        assert text[block.end : block.end + 1] in ("", "\n")
        at = block.end
    assert all(block.closed for block in found[:-1])
    assert outside_fences(text, lambda words: words) == text
    kept = outside_fences(text, lambda _: "")
    assert kept == "".join(text[block.start : block.end] for block in found)


@given(st.lists(LINES, max_size=8).map("\n".join), st.lists(LINES, max_size=8).map("\n".join))
def test_lines_that_follow_change_no_block_that_is_closed(text: str, more: str) -> None:
    before = [block for block in fences(text) if block.closed]
    assert list(fences(f"{text}\n{more}"))[: len(before)] == before


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
