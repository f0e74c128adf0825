"""Text cut into pages that read well alone: no fence or table is left open at a page's end.

A page is cut at a paragraph, else a line, else a word, else between two characters, always as late as it
can. Where a cut falls depends on the text before it alone, so pages that are full never change as text grows
(save where tables are set as code, and a row that comes late makes the rows before it wider).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.paint.typeset import DELIMITER_ROW, typeset
from core.types import page_length

Unit = Literal["utf8", "utf16"]

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)$")
_MAX_REOPENED_SHARE = 0.25
"""A fence's info line or a table's head that is longer than this share of a page is not repeated."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a page is cut for: its size, and whether the platform needs it typeset."""

    size: int
    unit: Unit
    typeset: bool = False

    def set(self, text: str) -> str:
        """`text` as the platform is given it."""
        return typeset(text) if self.typeset else text

    def fits(self, text: str) -> bool:
        return len(text) <= self.size and page_length(self.set(text), self.unit) <= self.size


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
        piece = first_piece(text, opens, Sheet(size, unit))
        pieces.append(piece)
        text = text[len(piece.body) :]
        opens = reopens(piece.opens + piece.body, Sheet(size, unit)) if text else ""
    return pieces


def first_piece(text: str, opens: str, sheet: Sheet, least: int = 0) -> Piece:
    """The first page of `text`, which goes on what `opens` opens: all of it, or cut to fit.

    `least` characters stand on the page already and can't be taken back; at least one is always taken.
    """
    text = text[: sheet.size + 1]  # more is never needed, and what is not looked at costs nothing
    if sheet.fits(opens + text):
        whole = Piece(text, opens, closes(opens + text))
        if sheet.fits(whole.text):
            return whole
    room = sheet.size - page_length(opens, sheet.unit)
    window = _prefix(text, room, sheet.unit)
    if fence := open_fence(opens + window):  # it must be closed on this page, however the text may go on
        window = _prefix(window, room - page_length(fence[0], sheet.unit) - 1, sheet.unit)
    body = _cut(window)
    while True:
        piece = Piece(body, opens, closes(opens + body))
        excess = page_length(sheet.set(piece.text), sheet.unit) - sheet.size
        if excess <= 0:
            break
        row = body.rfind("\n", 0, len(body) - 1) + 1
        if sheet.typeset and row and body.startswith("|", row):
            body = _without_head(body[:row])  # a row set as code may be much longer than it is written
            continue
        shorter = _prefix(body, page_length(body, sheet.unit) - excess, sheet.unit)
        if not shorter:
            return Piece(_prefix(text, sheet.size, sheet.unit) or text[0])
        body = _cut(shorter)
    if len(body) < least:
        window = _prefix(text, room, sheet.unit)
        at = max(window.rfind(mark, least) for mark in "\n ") + 1
        body = window[: max(at, least)] if at > 0 else text[: max(least, len(window))]
        piece = Piece(body, opens, closes(opens + body))
    return piece


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
    """`window` up to its best break in the second half: a paragraph's end, a line's, a word's.

    A row of a table is not broken, wherever it begins.
    """
    line = window.rfind("\n") + 1
    if line and window.startswith("|", line):
        return _without_head(window[:line])
    half = len(window) // 2
    for mark in ("\n\n", "\n", " "):
        at = window.rfind(mark, half)
        if at >= 0:
            return window[: at + len(mark)]
    return window


def _without_head(body: str) -> str:
    """`body`, whole lines, without the head of a table whose rows are all on the next page."""
    lines = body.split("\n")
    rows = next(
        (at for at, line in enumerate(reversed(lines[:-1])) if not line.startswith("|")), len(lines) - 1
    )
    if rows in (1, 2) and (rows == 1 or DELIMITER_ROW.match(lines[-2])):
        before = "\n".join(lines[: -rows - 1])
        return before + "\n" if before.strip() else body
    return body


def open_fence(text: str) -> tuple[str, str] | None:
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


def closes(text: str) -> str:
    """What has to follow `text` so that no fence is open."""
    fence = open_fence(text)
    if fence is None:
        return ""
    return fence[0] if text.endswith("\n") else "\n" + fence[0]


def reopens(text: str, sheet: Sheet) -> str:
    """What the page after `text` begins with, so that it goes on inside the same fence or table."""
    fence = open_fence(text)
    opened = fence[1] + "\n" if fence else _table_head(text)
    if page_length(opened, sheet.unit) <= sheet.size * _MAX_REOPENED_SHARE:
        return opened
    if fence and page_length(fence[0], sheet.unit) < sheet.size * _MAX_REOPENED_SHARE:
        return fence[0] + "\n"
    return ""


def _table_head(text: str) -> str:
    """Head and delimiter row of the table that is open at the end of `text`, which ends with a line."""
    if not text.endswith("\n"):
        return ""
    lines = text[:-1].split("\n")
    start = len(lines)
    while start > 0 and "|" in lines[start - 1]:
        start -= 1
    rows = lines[start:]
    if len(rows) >= 2 and DELIMITER_ROW.match(rows[1]):
        return f"{rows[0]}\n{rows[1]}\n"
    return ""
