"""Text cut into pages that read well alone: no fence or table is left open at a page's end.

A page is cut at a paragraph, else a line, else a word, else between two characters, always as late as it
can. Where a cut falls depends on the text before it alone, so pages that are full never change as text grows
(save where tables are set as code, and a row that comes late makes the rows before it wider).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.delivery.markdown.dialect import DELIMITER_ROW, typeset
from core.delivery.markdown.fences import Fence, open_fence
from core.delivery.markdown.spoilers import MARK, open_spoiler, operator
from core.text import longest_start
from core.values.outgoing import page_length

Unit = Literal["utf8", "utf16"]

_MAX_REOPENED_SHARE = 0.25
"""A fence's info line or a table's head that is longer than this share of a page is not repeated, and a fence of more
marks is plain text: so that what a cut makes necessary always leaves room for words."""


@dataclass(frozen=True, slots=True)
class PageFormat:
    """What a page is cut for: its size, whether the platform needs it typeset, and whether it knows spoilers."""

    size: int
    unit: Unit
    typeset: bool = False
    spoilers: bool = False

    def set(self, text: str) -> str:
        """`text` as the platform is given it."""
        return typeset(text) if self.typeset else text

    @property
    def share(self) -> int:
        """The longest that what a cut makes necessary may be, at each end of a page."""
        return int(self.size * _MAX_REOPENED_SHARE)

    def length(self, text: str) -> int:
        return page_length(text, self.unit)

    def start(self, text: str, size: int) -> str:
        """As much of `text` as is at most `size` long."""
        return longest_start(text, size, self.length)

    def excess(self, text: str) -> int:
        """By how much `text` as the platform is given it is too long; at most 0 where it fits."""
        return self.length(self.set(text)) - self.size

    def piece(self, body: str, opens: str) -> Piece:
        return Piece(body, opens, self.closes(opens + body))

    def closes(self, text: str, *, whole: bool = False) -> str:
        """What has to follow `text` so that no fence and no spoiler is open. `whole`: no more words will come, so two
        bars between blanks were no spoiler."""
        fence = open_fence(text, self.share)
        closes = "" if fence is None else fence.marks if text.endswith("\n") else "\n" + fence.marks
        hidden = self._hidden(text, fence)
        return closes if hidden is None or (whole and operator(text, hidden)) else closes + MARK

    def reopens(self, text: str) -> str:
        """What the page after `text` begins with, so that it goes on inside the same fence, table or spoiler."""
        fence = open_fence(text, self.share)
        opens = _reopened(fence, self) if fence else self._head(text)
        if self._hidden(text, fence) is None:
            return opens
        return f"{MARK}\n{opens}" if opens else MARK

    def _hidden(self, text: str, fence: Fence | None) -> int | None:
        return open_spoiler(text[: fence.start] if fence else text) if self.spoilers else None

    def _head(self, text: str) -> str:
        head = _table_head(text)
        return head if self.length(head) <= self.share else ""


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
        piece = first_piece(text, opens, PageFormat(size, unit))
        pieces.append(piece)
        text = text[len(piece.body) :]
        opens = PageFormat(size, unit).reopens(piece.opens + piece.body) if text else ""
    return pieces


def first_piece(text: str, opens: str, make_page_format: PageFormat, least: int = 0) -> Piece:
    """The first page of `text`, which goes on what `opens` opens: all of it, or cut to fit.

    `least` characters stand on the page already and can't be taken back; at least one is always taken.
    """
    text = text[: make_page_format.size + 1]  # more is never needed, and what is not looked at costs nothing
    if len(opens) + len(text) <= make_page_format.size:
        whole = make_page_format.piece(text, opens)
        if make_page_format.excess(whole.text) <= 0:
            return whole
    window = make_page_format.start(text, make_page_format.size - make_page_format.length(opens))
    body = _fitted(window, opens, make_page_format)
    if len(body) < least:
        at = max(window.rfind(mark, least) for mark in "\n ") + 1
        body = window[: max(at, least)] if at > 0 else text[: max(least, len(window))]
    if not body:  # there is no room for what it goes on
        return Piece(make_page_format.start(text, make_page_format.size) or text[:1])
    return make_page_format.piece(body, opens)


def _fitted(window: str, opens: str, make_page_format: PageFormat) -> str:
    """`window` cut so that it fits between `opens` and what closes it; empty where nothing does. Each turn of the
    loop makes it shorter."""
    reserve = 0  # what may be open must be closed, however the text may go on
    if fence := open_fence(opens + window, make_page_format.share):
        reserve += make_page_format.length(fence.marks) + 1
    if make_page_format.spoilers and open_spoiler(opens + window) is not None:
        reserve += len(MARK)
    window = make_page_format.start(window, make_page_format.size - make_page_format.length(opens) - reserve)
    body = _cut(window)
    while body and (excess := make_page_format.excess(make_page_format.piece(body, opens).text)) > 0:
        if make_page_format.typeset and _rows_from(body) < len(body):
            body = _fewer_rows(body, opens, make_page_format)
        else:
            body = _cut(make_page_format.start(body, make_page_format.length(body) - excess))
    return body


def _rows_from(body: str) -> int:
    """Where the rows at the end of `body` begin that can be left to the next page: not at its very start."""
    at = len(body)
    while (row := body.rfind("\n", 0, at - 1) + 1) and body.startswith("|", row):
        at = row
    return at


def _fewer_rows(body: str, opens: str, make_page_format: PageFormat) -> str:
    """`body` with fewer of the rows at its end, so that it fits, or with none: set as code, a row may be much longer
    than it is written."""
    start = _rows_from(body)
    ends = [start, *(at + 1 for at in range(start, len(body) - 1) if body[at] == "\n")]
    few, many = 0, len(ends)
    while many - few > 1:
        middle = (few + many) // 2
        fits = make_page_format.excess(make_page_format.piece(body[: ends[middle]], opens).text) <= 0
        few, many = (middle, many) if fits else (few, middle)
    return _without_head(body[: ends[few]])


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


def _reopened(fence: Fence, make_page_format: PageFormat) -> str:
    opened = fence.opening + "\n"
    return opened if make_page_format.length(opened) <= make_page_format.share else fence.marks + "\n"


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
