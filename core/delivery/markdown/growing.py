"""The part of an unfinished text that can be shown, and the marks that close it. Pure.

Half a table, fence line or link would be read as something else until its other half comes, so it is held back,
and so is half a word, which might have to go on in another message. Open bold, italics and code are closed. A
construct that grows too long is shown raw, so that its words are not withheld.
"""

from __future__ import annotations

import re
from operator import itemgetter

from core.delivery.markdown.spoilers import MARK, open_spoiler
from core.delivery.markdown.tail import Tail, tail

_HELD_MAX = 400
_MARKED_MAX = 120
"""Characters of a line that wait for bold or code to be closed, where shown text can't be taken back."""
_HALF_FENCE = re.compile(r"^[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)?+(?:`{1,2}|`{3,}[^`]*|~{1,2}|~{3,}.*)$")
_HALF_LINK = re.compile(
    r"(?:!?\[[^\[\]\n]{0,80}(?:\](?:\((?:[^()\s]|\([^()\s]*+\)?+){0,300})?)?|<[^\s<>]{0,60})$"
)
_TAIL = 400
"""Characters at the end of a line that may contain an unfinished link or mark."""
_CLOSING = ("*", "_", "~", "`")
_HALF_WORD = re.compile(r"(?<=\s)[0-9A-Za-z\u00c0-\u024f]{1,30}$")


def shown(
    text: str, *, spoilers: bool = False, words: bool = False, end: Tail | None = None
) -> tuple[int, str]:
    """(the number of characters of a growing text to show, the marks that close those open at its end).

    `spoilers`: words between `||` are hidden, and stay so while the second mark has not come. `words`: half a word is
    shown too. `end`: the `tail` of the text, where it is known.
    """
    end = end or tail(text)
    keep = _held_marks(text, end, spoilers=spoilers) if words else _held(text, end, spoilers=spoilers)
    opened = [mark for mark in _marks(text, keep, end) if mark[1] < keep]
    hidden = open_spoiler(text[:keep]) if spoilers else None
    if hidden is not None:
        opened = sorted([*opened, (MARK, hidden)], key=itemgetter(1))
    while opened and opened[-1][1] + len(opened[-1][0]) >= keep:  # nothing follows it yet
        keep = opened.pop()[1]
    return keep, "".join(mark for mark, _ in reversed(opened))


def settled(text: str, *, end: Tail | None = None) -> int:
    """The number of characters of a growing text that look the same with any continuation."""
    end = end or tail(text)
    keep = _held(text, end)
    opened = [at for _, at in _marks(text, keep, end) if at < keep]
    return opened[0] if opened and keep - opened[0] <= _MARKED_MAX else keep


def _marks(text: str, keep: int, end: Tail) -> tuple[tuple[str, int], ...]:
    """The marks that are open at `keep`. Those that are held back may close them."""
    return tail(text[:keep], end.start).marks if text[keep : keep + 1] in _CLOSING else end.marks


def half_link(text: str, start: int = 0) -> int:
    """The offset of a half-written link, picture or tag at the end of `text`; the length of `text` where there
    is none. It looks back to `start`, and 400 characters at most."""
    found = _HALF_LINK.search(text, max(start, len(text) - _TAIL))
    return found.start() if found else len(text)


def _held(text: str, end: Tail, *, spoilers: bool = False) -> int:
    keep = _held_marks(text, end, spoilers=spoilers)
    half = _HALF_WORD.search(text, max(0, keep - 31)) if keep == len(text) else None
    return half.start() if half else keep


def _held_marks(text: str, end: Tail, *, spoilers: bool) -> int:
    begin = text.rfind("\n") + 1
    line = text[begin:]
    row = line.lstrip().startswith("|") and not (spoilers and line.lstrip().startswith(MARK))
    if len(line) > _HELD_MAX and not row:
        return len(text)
    if end.fence is not None and end.fence.start < begin:
        rest = line.strip().lstrip("> ") if end.quotes else line.strip()
        return begin if rest and not rest.strip(end.fence.marks[0]) else len(text)
    if _HALF_FENCE.match(line):
        return begin
    if (row and len(line) <= 2 * _HELD_MAX) or not line:
        return _without_lone_head(text, begin)
    return min(half_link(text, begin), len(text.rstrip("*_~`|" if spoilers else "*_~`")))


def _without_lone_head(text: str, begin: int) -> int:
    """`begin`, or where the line before it begins, if that is the first row of a table and so far its only."""
    before = text.rfind("\n", 0, max(0, begin - 1)) + 1
    above = text[text.rfind("\n", 0, max(0, before - 1)) + 1 : before] if before else ""
    lone = text[before:begin].lstrip().startswith("|") and not above.lstrip().startswith("|")
    return before if lone and begin - before <= _HELD_MAX else begin
