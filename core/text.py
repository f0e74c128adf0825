"""Pure functions over text that others wrote. Each is linear in the length of its text."""

from __future__ import annotations

import unicodedata

_UNSEEN_CATEGORIES = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs"))
"""Unicode's general categories of line ends, controls, formats (zero-width, bidi, soft hyphen, tags) and spaces:
https://www.unicode.org/reports/tr44/#General_Category_Values"""
_UNSEEN = frozenset(
    "\u034f"  # combining grapheme joiner
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u17b4\u17b5"  # Khmer vowels without a shape
    "\u2800"  # Braille pattern without a dot
    "\u180b\u180c\u180d\u180f"  # Mongolian variation selectors
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))  # variation selectors
"""Characters without a shape of their own that Unicode files among letters, marks and symbols; most have the property
https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point"""
_SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2\U000110bd\U000110cd")
"""Formats that have a shape: https://www.unicode.org/reports/tr44/#Prepended_Concatenation_Mark"""


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing of `text`: it is empty, or holds only line ends, spaces of any width, controls and
    characters without a shape."""
    return all(_unseen(character) for character in text)


def _unseen(character: str) -> bool:
    if character in _UNSEEN:
        return True
    return unicodedata.category(character) in _UNSEEN_CATEGORIES and character not in _SEEN
