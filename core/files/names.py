"""Names of files for prompts and sentences. Pure."""

from __future__ import annotations

import unicodedata

from core.text import cluster_edge

LONGEST_NAME = 80
"""Characters."""
_HEAD = 50
_MARK = "…"
_JOINERS = "\u200c\u200d"
"""Formats that words of some languages, and joined emoji, are made with."""


def safe_name(name: str) -> str:
    """`name` without folders, as one line of at most 80 characters: a longer one keeps its beginning and its end.

    Control characters, line ends and marks of direction, which could make a name look like another, are left out.
    Empty where nothing is left.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    line = one_line(last)
    if len(line) <= LONGEST_NAME:
        return line
    return f"{line[: cluster_edge(line, _HEAD)]}{_MARK}{line[_HEAD + len(_MARK) - LONGEST_NAME :]}"


def one_line(text: str) -> str:
    """`text` as one line without control characters, line ends and marks of direction."""
    return " ".join("".join(map(_shown, text)).split())


def _shown(character: str) -> str:
    """https://www.unicode.org/reports/tr44/#General_Category_Values"""
    category = unicodedata.category(character)
    if category == "Cf" and character not in _JOINERS:
        return ""
    return " " if category in ("Cc", "Cs", "Co") else character
