"""What is a blank text, for everybody who asks."""

from __future__ import annotations

import unicodedata

import pytest

from core.text import is_blank

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
