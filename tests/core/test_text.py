"""Blank texts, and the shortening of long ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.i18n import LANGUAGES, phrase
from core.text import escaped, is_blank, longest_start, number_ranges, quoted, shortened
from core.values.outgoing import page_length

BLANKS = {
    "nothing": "",
    "line ends": "\n\n  \r\n\u2028\u2029\x0b\x0c\x85",
    "spaces of any width": " \t\u00a0\u1680\u2000\u2003\u2009\u202f\u205f\u3000",
    "zero-width": "\u200b\u200c\u200d\u2060\ufeff\u180e",
    "soft hyphens": "\u00ad\u00ad",
    "direction marks": "\u200e\u200f\u202a\u202c\u2066\u2069\u061c",
    "Hangul fillers": "\u115f\u1160\u3164\uffa0",
    "Braille without a dot": "\u2800\u2800",
    "variation selectors": "\ufe0e\ufe0f\U000e0100",
    "joiners without what they join": "\u034f\u200d",
    "tags": "\U000e0001\U000e0020",
    "controls": "\x00\x1b\x07",
}


@pytest.mark.parametrize("text", BLANKS.values(), ids=BLANKS.keys())
def test_what_nobody_sees_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}x{text}")


@pytest.mark.parametrize(
    "text", ["0", ".", "。", "一", "👍", "👨‍👩‍👧", "❤️", "e\u0301", "\u0600", "`", "\ud800"]
)
def test_what_somebody_sees_is_not(text: str) -> None:
    assert not is_blank(text)


def test_all_that_python_strips_is_blank() -> None:
    stripped = [chr(code) for code in range(0x110000) if not chr(code).strip()]
    assert [character for character in stripped if not is_blank(character)] == []
    assert all(unicodedata.category(character)[0] in "CZ" for character in stripped)


AWKWARD = st.text(st.sampled_from("ab 界😀👨👩\u200d\ufe0f\u0301🇩🇪🇫👍\U0001f3fd\ud83d\ude00\n"), max_size=80)
LENGTHS = st.sampled_from(
    [len, lambda text: page_length(text, "utf8"), lambda text: page_length(text, "utf16")]
)


@given(AWKWARD, st.integers(4, 60), LENGTHS)
def test_a_shortened_text_fits_and_says_that_it_was_cut(
    text: str, size: int, length: Callable[[str], int]
) -> None:
    short = shortened(text, size, "…", length)
    if length(text) <= size:
        assert short == text
    else:
        assert length(short) <= size
        assert short.endswith("…")
        assert text.startswith(short[:-1])


@given(AWKWARD, st.integers(0, 60), LENGTHS)
def test_the_longest_start_is_as_long_as_can_be(text: str, size: int, length: Callable[[str], int]) -> None:
    start = longest_start(text, size, length)
    assert text.startswith(start)
    assert length(start) <= size
    assert start == text or length(text[: len(start) + 1]) > size


@pytest.mark.parametrize(
    "character", ["e\u0301", "👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "❤️", "🏴\U000e0067\U000e0062\U000e007f", "\ud83d\ude00"]
)
def test_no_character_is_cut_in_two_where_a_text_is_shortened(character: str) -> None:
    text = character * 40
    for size in range(len(character) + 1, len(text)):
        assert len(shortened(text, size)[:-1]) % len(character) == 0


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_long_text_says_how_much_of_it_there_was(language: str) -> None:
    short = shortened("words " * 2_000, 1_000, phrase("text_cut", language, n=12_000))
    assert len(short) <= 1_000
    assert short.startswith("words words")
    assert "12,000" in short[-60:]


def test_a_text_of_nothing_but_marks_is_shortened_all_the_same() -> None:
    assert len(shortened("\u0301" * 100_000, 1_000)) == 1_000


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("why *now*?", r"> why \*now\*?"),
        ("# a\n\n- b\n1. c\n2) d", "> \\# a\n> \n> \\- b\n> 1\\. c\n> 2\\) d"),
        ("> said ||once|| `x`", r"> \> said \|\|once\|\| \`x\`"),
        ("see https://a.b/c_d_e, <@U1>", r"> see https://a.b/c_d_e, \<@U1\>"),
        ("if x:\n\ty = 1\n    z", "> if x:\n> \xa0\xa0\xa0\xa0y = 1\n> \xa0\xa0\xa0\xa0z"),
    ],
)
def test_a_quote_shows_each_character_of_its_text(text: str, markdown: str) -> None:
    assert quoted(text) == markdown


def test_every_sign_of_markdown_within_a_line_is_escaped() -> None:
    assert escaped("*a* _b_ `c` ~~d~~ ||e|| <f> [g] \\") == (
        "\\*a\\* \\_b\\_ \\`c\\` \\~\\~d\\~\\~ \\|\\|e\\|\\| \\<f\\> \\[g\\] \\\\"
    )


@pytest.mark.parametrize(
    ("numbers", "shown"), [((), ""), ((3,), "3"), ((0, 1), "0-1"), ((0, 1, 2, 5, 7, 8), "0-2, 5, 7-8")]
)
def test_numbers_in_a_row_are_named_by_the_first_and_the_last(numbers: tuple[int, ...], shown: str) -> None:
    assert number_ranges(numbers) == shown
