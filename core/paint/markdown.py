"""Text cut into pages that read well alone: no fence or table is left open at a page's end.

A page is cut at a paragraph, else a line, else a word, else between two characters, always as late as it
can. Where a cut falls depends on the text before it alone, so pages that are full never change as text grows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.types import page_length

Unit = Literal["utf8", "utf16"]

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)$")
_DELIMITER_ROW = re.compile(r"^[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_MAX_REOPENED_SHARE = 0.25
"""A fence's info line or a table's head that is longer than this share of a page is not repeated."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One page: `body` is the author's own text, `opens` and `closes` are what the cut made necessary."""

    body: str
    opens: str = ""
    closes: str = ""

    @property
    def text(self) -> str:
        return self.opens + self.body + self.closes


def split(text: str, size: int, unit: Unit) -> list[Piece]:
    """Cut `text` into pieces whose texts are at most `size` long; the bodies joined are `text` again."""
    pieces: list[Piece] = []
    opens = ""
    while text:
        piece, opens = _first_piece(text, opens, size, unit)
        pieces.append(piece)
        text = text[len(piece.body) :]
    return pieces


def _first_piece(text: str, opens: str, size: int, unit: Unit) -> tuple[Piece, str]:
    if _fits(opens + text, size, unit):
        whole = Piece(text, opens, _closes(opens + text))
        if _fits(whole.text, size, unit):
            return whole, ""
    room = size - page_length(opens, unit)
    body = _cut(_prefix(text, room, unit))
    while True:
        closes = _closes(opens + body)
        excess = page_length(opens + body + closes, unit) - size
        if excess <= 0:
            break
        shorter = _prefix(body, page_length(body, unit) - excess, unit)
        if not shorter:
            return Piece(_prefix(text, size, unit) or text[0]), ""
        body = _cut(shorter)
    reopened = _reopens(opens + body, size, unit)
    return Piece(body, opens, closes), reopened


def _fits(text: str, size: int, unit: Unit) -> bool:
    return len(text) <= size and page_length(text, unit) <= size


def _prefix(text: str, size: int, unit: Unit) -> str:
    """The longest start of `text` within `size`, never inside a character."""
    if size <= 0:
        return ""
    head = text[:size]
    encoding = "utf-8" if unit == "utf8" else "utf-16-le"
    width = 1 if unit == "utf8" else 2
    encoded = head.encode(encoding, "surrogatepass")
    if len(encoded) <= size * width:
        return head
    return encoded[: size * width].decode(encoding, "ignore")


def _cut(window: str) -> str:
    """`window` up to its best break in the second half: a paragraph's end, a line's, a word's."""
    half = len(window) // 2
    for mark in ("\n\n", "\n", " "):
        at = window.rfind(mark, half)
        if at >= 0:
            return window[: at + len(mark)]
    return window


def _open_fence(text: str) -> tuple[str, str] | None:
    """(marks, whole opening line) of the fence that is open at the end of `text`."""
    opened: tuple[str, str] | None = None
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if match is None:
            continue
        marks, info = match.groups()
        if opened is None:
            if marks[0] == "~" or "`" not in info:
                opened = (marks, line.strip())
        elif marks[0] == opened[0][0] and len(marks) >= len(opened[0]) and not info.strip():
            opened = None
    return opened


def _closes(text: str) -> str:
    """What has to follow `text` so that no fence is open."""
    fence = _open_fence(text)
    if fence is None:
        return ""
    return fence[0] if text.endswith("\n") else "\n" + fence[0]


def _reopens(text: str, size: int, unit: Unit) -> str:
    """What the next page begins with, so that it goes on inside the same fence or table."""
    fence = _open_fence(text)
    opened = fence[1] + "\n" if fence else _table_head(text)
    if page_length(opened, unit) <= size * _MAX_REOPENED_SHARE:
        return opened
    return fence[0] + "\n" if fence and page_length(fence[0], unit) < size * _MAX_REOPENED_SHARE else ""


def _table_head(text: str) -> str:
    """Head and delimiter row of the table that is open at the end of `text`, which ends with a line."""
    if not text.endswith("\n"):
        return ""
    lines = text[:-1].split("\n")
    start = len(lines)
    while start > 0 and "|" in lines[start - 1]:
        start -= 1
    rows = lines[start:]
    if len(rows) >= 2 and _DELIMITER_ROW.match(rows[1]):
        return f"{rows[0]}\n{rows[1]}\n"
    return ""
