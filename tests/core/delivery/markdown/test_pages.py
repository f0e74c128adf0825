"""Pages: nothing lost, nothing over the limit, nothing left open."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from core.delivery.markdown.pages import PageFormat, Unit, split
from core.delivery.markdown.parser import leaves
from core.delivery.markdown.tail import tail
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
        assert PageFormat(size, unit).closed(piece.text, whole=True) == piece.text


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, more=TEXTS, size=st.integers(60, 300))
@example(
    text="```\n一段没有空格的中文文字，应当在任何地方都能断开。\n- an item with **bold** text",
    more="words",
    size=60,
)
@example(text="~~~~\n" + "a-very-long-word-" * 12 + "\n\U00010000", more="0\nwords", size=78)
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


@pytest.mark.parametrize("cluster", ["👨‍👩‍👧‍👦", "🇩🇪", "e\u0301"])
def test_no_page_ends_inside_what_a_reader_sees_as_one_character(cluster: str) -> None:
    pieces = split("x" + cluster * 3_000, 1_800, "utf16")
    assert "".join(piece.body for piece in pieces) == "x" + cluster * 3_000
    assert all(set(piece.body.removeprefix("x").split(cluster)) == {""} for piece in pieces)


@pytest.mark.parametrize(
    "whole",
    [
        "[the very long label of reference number 1](https://d.example/ref/1)",
        "[the label][reference]",
        "![a picture of it](https://d.example/a.png)",
        "https://d.example/a/long/path?with=words",
        "<https://d.example/a b>",
        "\\( x = \\frac{a}{b} \\)",
        "$x^2 + y^2$",
    ],
)
def test_what_belongs_together_is_on_one_page(whole: str) -> None:
    text = f"{whole}, and " * 220 + "\n\n[reference]: https://d.example/ref"
    pieces = split(text, 700, "utf16")
    assert sum(piece.text.count(whole) for piece in pieces) == 220


def test_bold_words_over_pages_are_bold_on_each() -> None:
    pages = [piece.text for piece in split("**" + "word " * 1_800 + "end** of it", 1_800, "utf16")]
    assert len(pages) > 4
    for page in pages:
        assert (page[:6], page.count("**")) == ("**word", 2)
    assert all(page.endswith("word**") for page in pages[:-1])
    assert pages[-1].endswith("end** of it")


def test_marks_that_nothing_closes_are_no_marks_at_the_end() -> None:
    assert [piece.text for piece in split("a *b c", 60, "utf16")] == ["a *b c"]


@pytest.mark.parametrize("before", ["> ", "> > ", "1. a\n\n   > ", ">   "])
def test_code_in_a_quote_is_closed_and_opened_again_in_the_quote(before: str) -> None:
    quoted = before.rpartition("\n")[2]
    lines = "".join(f"{quoted}line_{number:03} = 0 * 0\n" for number in range(120))
    pages = [piece.text for piece in split(f"{before}```python\n{lines}{quoted}```\nAfter it.", 1_800, "utf16")]
    assert len(pages) > 1
    for page in pages:
        _, (first, *rest) = leaves(page)
        assert (first.kind if first.quotes else rest[0].kind) == "fence"
        assert tail(page).fence is None
        assert not any(leaf.kind == "inline" and "line_" in leaf.token.content for leaf in (first, *rest))
    assert leaves(pages[-1])[1][-1].token.content == "After it."


@pytest.mark.parametrize("indent", [0, 2, 3, 4, 5, 6, 8, 11])
def test_code_in_a_list_is_code_on_every_page_and_words_after_it_are_words(indent: int) -> None:
    blanks = " " * indent
    item = "- a\n" if indent < 4 else "- a\n  - b\n" if indent < 6 else "- a\n  - b\n    - c\n      - d\n"
    code = "".join(f"{blanks}x = {number}\n\n" for number in range(200))
    pages = [
        piece.text
        for piece in split(f"{item if indent else ''}\n{blanks}```py\n{code}{blanks}```\n\nDone.", 500, "utf16")
    ]
    assert len(pages) > 2
    for page in pages[1:-1]:
        (only,) = leaves(page)[1]
        assert only.kind == "fence"
        assert set(only.token.content.split("\n")) <= {"", *(f"x = {number}" for number in range(200))}
    assert [leaf.kind for leaf in leaves(pages[-1])[1]] == ["fence", "inline"]


def test_a_line_of_a_quote_goes_on_in_the_quote() -> None:
    pages = [piece.text for piece in split("> " + "word " * 100, 200, "utf16")]
    assert all(page.startswith("> word") for page in pages)


def test_chinese_is_cut_behind_its_punctuation() -> None:
    text = "这是一个很长的句子，里面没有空格。“还有引号！”" * 40
    pieces = split(text, 100, "utf16")
    assert all(piece.body[-1] in "，。！”" for piece in pieces)
    assert not any(piece.body[0] in "，。！”" for piece in pieces)


def test_nested_items_stay_with_the_item_they_are_in() -> None:
    text = "".join(f"- item {number} with some words\n    - nested {number}\n" for number in range(30))
    assert all(piece.body.startswith("- item") for piece in split(text, 200, "utf16"))
