"""Text cut into pages that read well alone: marks that are open at a page's end are closed there and opened
again.

A page is cut at a paragraph, else a line, else a word or Chinese punctuation, else between two grapheme clusters,
always as late as it can; never in a link, a formula or a row of a table that fits. Where a cut falls depends on the
text before it alone, so pages that are full never change as text grows (save where tables are set as code, and a row
that comes late makes the rows before it wider).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

from core.delivery.markdown.dialect import DELIMITER_ROW, typeset
from core.delivery.markdown.growing import half_link
from core.delivery.markdown.parser import Leaf, Range, inline, leaves
from core.delivery.markdown.spoilers import MARK, open_spoiler, operator
from core.delivery.markdown.tail import OpenFence, Tail, tail
from core.text import TRANSCRIPT_MARK, cluster_edge, longest_start
from core.values.outgoing import page_length

Unit = Literal["utf8", "utf16"]

_MAX_REOPENED_SHARE = 0.25
"""A fence's info line, a table's head or quote marks that are longer than this share of a page are not
repeated, and a fence of more marks is plain text: so that the marks of a cut always leave most of a page to the
text."""
_BREAKS = (
    re.compile(r"\n\n+"),
    re.compile(r"\n(?=\S)"),
    re.compile(r"\n"),
    re.compile(r"[ \t]+|[。，、；：！？…）」』】》〉]+[”’」』）]*(?=.)"),
)
"""Positions at which a page may end, the best first."""


@dataclass(frozen=True, slots=True)
class PageFormat:
    """The format of a platform's pages: their size, whether the platform needs them typeset, and whether it
    knows spoilers and tables."""

    size: int
    unit: Unit
    typeset: bool = False
    spoilers: bool = False
    tables: bool = False

    def set(self, text: str) -> str:
        """`text` as the platform is given it."""
        return typeset(text, tables=self.tables) if self.typeset else text

    @property
    def share(self) -> int:
        """The most characters for the marks of a cut, at each end of a page."""
        return int(self.size * _MAX_REOPENED_SHARE)

    def length(self, text: str) -> int:
        return page_length(text, self.unit)

    def start(self, text: str, size: int) -> str:
        """The longest beginning of `text` that is at most `size` long."""
        return longest_start(text, size, self.length)

    def excess(self, text: str) -> int:
        """The number of units by which `text`, in the platform's form, is too long; at most 0 if it fits."""
        return self.length(self.set(text)) - self.size

    def piece(self, body: str, opens: str) -> Piece:
        return Piece(body, opens, self.closed(opens + body))

    def closed(self, text: str, *, whole: bool = False, end: Tail | None = None) -> str:
        """`text` and the marks that close it. `whole`: no more words will come, so two bars between blanks were
        no spoiler, and marks that nothing closes were none. `end`: the `tail` of `text`, if known.
        """
        end = end or tail(text)
        fence = self._fence(end)
        if fence is not None:
            closed = text + fence.closes if text.endswith("\n") else f"{text}\n{fence.closes}"
        elif end.marks and not whole:  # behind a blank they close nothing
            closed = text.rstrip(" \n") + "".join(mark for mark, _ in reversed(end.marks))
        else:
            closed = text
        hidden = self._hidden(text, fence)
        return closed if hidden is None or (whole and operator(text, hidden)) else closed + MARK

    def reopens(self, text: str) -> str:
        """The beginning of the page after `text`, which reopens its block, spoiler and marks."""
        end = tail(text)
        fence = self._fence(end)
        opens = self._fence_opens(fence, text) if fence else self._leaf_opens(end, text)
        if self._hidden(text, fence) is None:
            return opens
        return f"{MARK}\n{opens}" if end.head or fence else f"{MARK}{opens}"

    def _fence(self, end: Tail) -> OpenFence | None:
        return end.fence if end.fence and self.length(end.fence.closes) <= self.share else None

    def _fence_opens(self, fence: OpenFence, text: str) -> str:
        opens = fence.opening(with_info=True)
        if self.length(opens) > self.share:
            opens = fence.opening(with_info=False)
        return opens if text.endswith("\n") else opens + fence.lead

    def _leaf_opens(self, end: Tail, text: str) -> str:
        """A line that is cut goes on in its quote, a transcript as a transcript. After a whole line the next one says
        itself what it is in."""
        whole_line = text.endswith("\n")
        heard = text.startswith(TRANSCRIPT_MARK, text.rfind("\n") + 1)
        quotes = TRANSCRIPT_MARK if heard else "> " * end.quotes
        marks = "" if whole_line and (end.quotes or end.lists) else "".join(mark for mark, _ in end.marks)
        opens = end.head + ("" if whole_line else quotes) + marks
        return opens if self.length(opens) <= self.share else ""

    def _hidden(self, text: str, fence: OpenFence | None) -> int | None:
        return open_spoiler(text[: fence.start] if fence else text) if self.spoilers else None


@dataclass(frozen=True, slots=True)
class Piece:
    """One page: `body` is the author's own text; `text` is the page behind `opens`, with closing marks."""

    body: str
    opens: str
    text: str


def split(text: str, size: int, unit: Unit) -> list[Piece]:
    """Cut `text` into pieces whose texts are at most `size` long; the bodies joined are `text` again."""
    pieces: list[Piece] = []
    page_format, opens = PageFormat(size, unit), ""
    while text:
        piece = first_piece(text, opens, page_format)
        words = piece.opens + piece.body
        text = text[len(piece.body) :]
        pieces.append(piece if text else Piece(piece.body, opens, page_format.closed(words, whole=True)))
        opens = page_format.reopens(words) if text else ""
    return pieces


def first_piece(text: str, opens: str, page_format: PageFormat, least: int = 0) -> Piece:
    """The first page of `text` after the opening marks `opens`: all of it, or cut to fit.

    The page already shows `least` characters, which can't be taken back; at least one is always taken.
    """
    text = text[: page_format.size + 1]  # a page never needs more
    if len(opens) + len(text) <= page_format.size:
        whole = page_format.piece(text, opens)
        if page_format.excess(whole.text) <= 0:
            return whole
    window = page_format.start(text, page_format.size - page_format.length(opens))
    body = _fitted(window, text, opens, page_format)
    if len(body) < least:
        at = max(window.rfind(mark, least) for mark in "\n ") + 1
        body = window[: max(at, least)] if at > 0 else text[: max(least, len(window))]
    if not body:  # `opens` fills the page
        body = page_format.start(text, page_format.size) or text[:1]
        return Piece(body, "", body)
    return page_format.piece(body, opens)


def _fitted(window: str, text: str, opens: str, page_format: PageFormat) -> str:
    """`window`, with which `text` begins, cut so that it fits between `opens` and the marks that close it;
    empty where nothing does. Each turn of the loop makes it shorter."""
    # The marks that may be open are closed for any continuation of the text, also where the line has not ended.
    line = window.rstrip("\n")
    reserve = page_format.length(page_format.piece(line, opens).text) - page_format.length(opens + line)
    window = page_format.start(window, page_format.size - page_format.length(opens) - max(0, reserve))
    body = _cut(window, text, opens)
    while body and (excess := page_format.excess(page_format.piece(body, opens).text)) > 0:
        if page_format.typeset and not page_format.tables and _rows_from(body) < len(body):
            body = _fewer_rows(body, opens, page_format)
        else:
            body = _cut(page_format.start(body, page_format.length(body) - excess), text, opens)
    return body


def _rows_from(body: str) -> int:
    """The offset of the rows at the end of `body` that can move to the next page. It is not 0."""
    at = len(body)
    while (row := body.rfind("\n", 0, at - 1) + 1) and body.startswith("|", row):
        at = row
    return at


def _fewer_rows(body: str, opens: str, page_format: PageFormat) -> str:
    """`body` with fewer of the rows at its end, so that it fits, or with none: set as code, a row may be much longer
    than it is written."""
    start = _rows_from(body)
    ends = [start, *(at + 1 for at in range(start, len(body) - 1) if body[at] == "\n")]
    few, many = 0, len(ends)
    while many - few > 1:
        middle = (few + many) // 2
        fits = page_format.excess(page_format.piece(body[: ends[middle]], opens).text) <= 0
        few, many = (middle, many) if fits else (few, middle)
    return _without_head(body[: ends[few]])


def _cut(window: str, text: str, opens: str) -> str:
    """`window`, with which `text` begins, up to its best break in the second half, else to the last character that
    is whole. A row of a table is not broken, wherever it begins."""
    line = window.rfind("\n") + 1
    if line and window.startswith("|", line):
        return _without_head(window[:line])
    kept = _kept(opens + window, len(opens))
    for breaks in _BREAKS:
        ends = [found.end() for found in breaks.finditer(window, len(window) // 2)]
        if at := next((end for end in reversed(ends) if _whole(kept, end) == end), 0):
            return window[:at]
    at = _whole(kept, cluster_edge(text, len(window)))
    return window[: at or cluster_edge(text, len(window))]


def _kept(text: str, opens: int) -> list[Range]:
    """Ordered ranges that a page does not end in, behind the first `opens` characters: links, pictures,
    formulas, entities, marks of emphasis with the character beside them, and half a link at the end."""
    kept: list[Range] = []
    for leaf in leaves(text)[1]:
        if leaf.kind == "inline":
            kept += _kept_inline(text, leaf)
        elif leaf.kind == "math_block":
            kept.append((leaf.start, leaf.end))
    half = half_link(text, text.rfind("\n") + 1)
    merged: list[Range] = []
    for start, end in sorted([*kept, (half, len(text) + 1)]):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [(start - opens, end - opens) for start, end in merged]


def _kept_inline(text: str, leaf: Leaf) -> list[Range]:
    found = inline(text[leaf.start : leaf.end])
    kept = [
        (leaf.start + span.start, leaf.start + span.end) for span in found.spans if span.kind != "backticks"
    ]
    for mark in found.marks:
        at, size = leaf.start + mark.at, len(mark.text)
        kept.append((at - mark.closes, at + size + mark.opens))
    return kept


def _whole(kept: list[Range], at: int) -> int:
    """`at`, or where the range begins that it is in."""
    index = bisect_right(kept, at, key=itemgetter(0)) - 1
    return kept[index][0] if index >= 0 and kept[index][0] < at < kept[index][1] else at


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
