"""The marks by which an answer cites earlier ones: they become citations, and other brackets are left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.memory import citations
from core.memory.citations import (
    CitationStream,
    citation_tag,
    cited_numbers,
    mark,
    shown_mark,
    without_citations,
)
from tests.contract.stored import ask

TAG = "xkq"
ONE, TWO, THREE = map(shown_mark, (1, 2, 3))
J = "\u2060"
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
    *(
        "\\",
        "文",
        "\r\n",
        "[1]",
        "[9](",
        "[^1]",
        "x",
        "xk",
        "xkq",
        "xkq1",
        "[xkq1]",
        "[xkq2",
        ", ",
        "-3]",
        "【xkq",
        "】",
    ),
    *("http", "https://e.example", "&#91;", J, "†", "("),
)


def shown(text: str, *offered: int) -> str:
    stream = CitationStream(TAG, offered)
    return stream.feed(text) + stream.end()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("In the handbook [xkq1], see also [xkq2].", f"In the handbook {ONE}, see also {TWO}."),
        ("In the handbook [xkq7].", "In the handbook."),
        ("See [xkq1][xkq7][xkq2].", f"See {ONE}{TWO}."),
        ("如手册所述[xkq7]，先重启[xkq1]。", f"如手册所述，先重启{ONE}。"),
        ("Before [xkq7]behind", "Before behind"),
        ("safe[xkq1]", f"safe{ONE}"),
        ("[xkq1, xkq2]", f"{ONE}{TWO}"),
        ("[xkq1, 2]", f"{ONE}{TWO}"),
        ("[xkq1; xkq9 and xkq3]", f"{ONE}{THREE}"),
        ("[xkq1-3] [xkq1–xkq3]", f"{ONE}{TWO}{THREE} {ONE}{TWO}{THREE}"),
        ("【xkq1】［xkq2］（xkq3）", f"{ONE}{TWO}{THREE}"),
        ("【xkq1†source】 [^xkq2] [ XKQ3 ]", f"{ONE} {TWO} {THREE}"),
        (r"\[xkq1\] (xkq2)", f"{ONE} {TWO}"),
        ("as xkq1 says, and xkq9", f"as {ONE} says, and"),
        ("See `[xkq1]`.", f"See `{ONE}`."),
        ("**[xkq1]**", f"**{ONE}**"),
    ],
)
def test_a_mark_becomes_a_citation_and_one_that_was_not_offered_is_dropped(text: str, seen: str) -> None:
    assert shown(text, 1, 2, 3) == seen


@pytest.mark.parametrize(
    "text",
    [
        "Set `a` to [10] and the list to [5]; ids: [12], [1, 2], [1-3], 【1】, ［1］.",
        "[1] RFC 9110\n[2] RFC 7231",
        "$$ v = [7] $$ and *[7]*",
        "```python\nx = [7]\nf[1](x, 'https://x')\n```",
        "~~~\n[7](https://x.example)\n```\n[7]: a\n~~~",
        "- item\n\n  ```\n  [7]: x\n  ```",
        "> ```\n> [7](https://x.example)\n> ```",
        "For example:\n\n    [7]: x\n    y [7]\n",
        "`[7](https://x.example)` and ``a ` [7](https://x.example)``",
        "[^7] and [^n]: words",
        "a[7], f(x)[7], a[0][7], a[1][i], a[1](x)",
        "[a book](https://x.example) [2024](x) [0], [x]: https://x.example",
        "The mark axkq1 or xkq12345 or xkqa1",
    ],
)
def test_the_brackets_of_an_answer_are_its_own(text: str) -> None:
    assert shown(text, 1, 2) == text
    assert cited_numbers(shown(text, 1, 2)) == ()


EVIL = "https://evil.example"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"[xkq1]({EVIL})", f"{ONE}({EVIL})"),
        (f"[[xkq1]]({EVIL})", f"{ONE}({EVIL})"),
        (f"[see xkq1]({EVIL})", f"[see {ONE}]{J}({EVIL})"),
        (f"[see [xkq1]]({EVIL})", f"[see {ONE}]{J}({EVIL})"),
        (f"[xkq1]: {EVIL}", f"{ONE}: {EVIL}"),
        (f"[{J}1]{J}: {EVIL}", f"[1]{J}: {EVIL}"),
        (f"[1]: {EVIL}", f"[1]{J}: {EVIL}"),
        (f"> - [1]:\n{EVIL}", f"> - [1]{J}:\n{EVIL}"),
        (f"see [1]({EVIL}).", f"see [↗1]({EVIL})."),
        (f"[[1]]( <{EVIL}>)", f"[↗[1]]( <{EVIL}>)"),
        (rf"[\[1\]]({EVIL})", rf"[↗\[1\]]({EVIL})"),
        (f"[&#91;1&#93;](\n{EVIL})", f"[↗&#91;1&#93;](\n{EVIL})"),
        (f"[**1**](//evil.example) ![1]({EVIL})", f"[↗**1**](//evil.example) ![↗1]({EVIL})"),
        ("[1][safe]", f"[1]{J}[safe]"),
    ],
)
def test_no_link_passes_for_a_citation(text: str, seen: str) -> None:
    assert shown(text, 1, 2) == seen


def test_a_block_of_code_has_no_citation() -> None:
    assert shown("```\nrun it  # see [xkq1]\n```\nSo [7] it is [xkq1].", 1) == (
        f"```\nrun it  # see\n```\nSo [7] it is {ONE}."
    )
    assert shown("- item\n\n    goes on here [xkq1]", 1) == f"- item\n\n    goes on here {ONE}"


def test_the_numbers_cited_are_each_once_in_their_order() -> None:
    text = shown("See [xkq3] and [xkq1], again [xkq3], not [xkq9] nor [2].", 1, 2, 3)
    assert cited_numbers(text) == (3, 1)


def test_a_text_stays_as_it_is_where_no_number_was_offered() -> None:
    assert shown(f"A list [7] of `x` [xkq1] [1]({EVIL}){J}") == f"A list [7] of `x` [xkq1] [1]({EVIL}){J}"


def test_an_answer_without_its_citations_keeps_its_other_brackets() -> None:
    text = f"In the safe {ONE}, list [5], desk {TWO}."
    assert without_citations(text) == "In the safe, list [5], desk."
    assert without_citations(text, keep=(2,)) == f"In the safe, list [5], desk {TWO}."


def test_each_question_has_marks_of_its_own() -> None:
    tags = {citation_tag(ask(f"m{number}")) for number in range(300)}
    assert len(tags) > 250
    assert all(re.fullmatch("[^aeiouy]{3}", tag) for tag in tags)
    assert citation_tag(ask("m1")) == citation_tag(ask("m1", "another text"))
    assert mark(TAG, 2) == "[xkq2]"


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.data())
def test_it_does_not_matter_how_the_text_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    for some in (cuts, list(range(len(text)))):
        stream = CitationStream(TAG, (1, 2))
        pieces = [text[a:b] for a, b in zip([0, *some], [*some, len(text)], strict=True)]
        assert "".join([*map(stream.feed, pieces), stream.end()]) == shown(text, 1, 2)


@pytest.mark.parametrize(
    "piece",
    ["[", "`", " ", "\n", "- ", "```x", "\\", "a [1]", "[xkq1", "xkq", "[1](", "[xkq1, 2, 3", "&#1;[", "]"],
)
def test_no_more_than_the_beginning_of_a_line_is_held_back(piece: str) -> None:
    stream, sent, seen = CitationStream(TAG, (1,)), 0, 0
    for _ in range(2_000):
        sent, seen = sent + len(piece), seen + len(stream.feed(piece))
        if "xkq" not in piece:
            assert sent - seen <= 250
    assert len(stream.end()) <= 400


def test_an_answer_without_its_marks_has_no_patterns_compiled_for_them() -> None:
    compiled = citations._patterns.cache_info().misses
    stream = CitationStream("bcd", (1, 2))
    words = "Set [1] to 【2】, as bc says: [bc, [xkq1], b-d1."
    assert "".join([*map(stream.feed, words), stream.end()]) == words
    assert citations._patterns.cache_info().misses == compiled

    stream = CitationStream("bcd", (1, 2))
    assert "".join([*map(stream.feed, "As [bcd2] says."), stream.end()]) == f"As {TWO} says."
    assert citations._patterns.cache_info().misses == compiled + 1
