"""How far a text that is still being written can be shown, and what closes it. Pure.

Half a table, fence line or link would be read as something else until its other half comes, so it is held
back, and so is half a word, which might have to go on in another message; bold, italics and code in a line
are closed. All of that looks at the last line alone, and gives up on what grows too long: words that are
shown raw are better than words that are not shown.
"""

from __future__ import annotations

import re
from operator import itemgetter

from core.delivery.markdown.fences import open_fence
from core.delivery.markdown.spoilers import MARK, open_spoiler

_HELD_MAX = 400
_MARKED_MAX = 120
"""Characters of a line that wait for bold or code to be closed, where what was shown can't be taken back."""
_HALF_FENCE = re.compile(r"^[ \t]*(?:`{1,2}|`{3,}[^`]*|~{1,2}|~{3,}.*)$")
_HALF_LINK = re.compile(r"(?:!?\[[^\[\]\n]{0,80}(?:\](?:\([^()\s]{0,300})?)?|<[^\s<>]{0,60})$")
_TAIL = 400
"""Characters at the end of a line in which half a link or mark may stand."""
_DEEPEST = 6
"""Marks inside each other; where more are open, they are no marks but text."""
_HALF_WORD = re.compile(r"(?<=\s)[0-9A-Za-z\u00c0-\u024f]{1,30}$")
_MARK = re.compile(r"`++|\*{1,3}+|_{1,3}+|~~")
_WORD = re.compile(r"[A-Za-z0-9]")


def shown(text: str, *, spoilers: bool = False) -> tuple[int, str]:
    """(how many characters of a growing text to show, what closes the marks in its last line).

    `spoilers`: words between `||` are hidden, and stay so while the second mark has not come.
    """
    keep = _held(text, spoilers=spoilers)
    begin = text.rfind("\n", 0, keep) + 1
    line = text[begin:keep]
    opened = [] if open_fence(text[:begin]) else _open_marks(line)
    hidden = open_spoiler(text[:keep]) if spoilers else None
    if hidden is not None:
        opened = sorted([*opened, (MARK, hidden - begin)], key=itemgetter(1))
    while opened and opened[-1][1] + len(opened[-1][0]) == len(line):  # nothing follows it yet
        keep -= len(opened[-1][0])
        line = line[: opened.pop()[1]]
    return keep, "".join(mark for mark, _ in reversed(opened))


def settled(text: str) -> int:
    """How many characters of a growing text look the same with any continuation."""
    keep = _held(text)
    begin = text.rfind("\n", 0, keep) + 1
    line = text[begin:keep]
    opened = [] if open_fence(text[:begin]) else _open_marks(line)
    if opened and len(line) - opened[0][1] <= _MARKED_MAX:
        return begin + opened[0][1]
    return keep


def _held(text: str, *, spoilers: bool = False) -> int:
    keep = _held_marks(text, spoilers=spoilers)
    half = _HALF_WORD.search(text, max(0, keep - 31)) if keep == len(text) else None
    return half.start() if half else keep


def _held_marks(text: str, *, spoilers: bool) -> int:
    begin = text.rfind("\n") + 1
    line = text[begin:]
    row = line.lstrip().startswith("|") and not (spoilers and line.lstrip().startswith(MARK))
    if len(line) > _HELD_MAX and not row:
        return len(text)
    fence = open_fence(text[:begin])
    if fence is not None:
        rest = line.strip()
        return begin if rest and not rest.strip(fence.marks[0]) else len(text)
    if _HALF_FENCE.match(line):
        return begin
    if row and len(line) <= 2 * _HELD_MAX:
        return _without_lone_head(text, begin)
    if not line:
        return _without_lone_head(text, begin)
    tail = line[-_TAIL:]
    link = _HALF_LINK.search(tail)
    whole = link.start() if link else len(tail.rstrip("*_~`|" if spoilers else "*_~`"))
    return len(text) - len(tail) + whole


def _without_lone_head(text: str, begin: int) -> int:
    """`begin`, or where the line before it begins, if that is the first row of a table and so far its only."""
    before = text.rfind("\n", 0, max(0, begin - 1)) + 1
    above = text[text.rfind("\n", 0, max(0, before - 1)) + 1 : before] if before else ""
    lone = text[before:begin].lstrip().startswith("|") and not above.lstrip().startswith("|")
    return before if lone and begin - before <= _HELD_MAX else begin


def _open_marks(line: str) -> list[tuple[str, int]]:
    """Marks of bold, italics, deletion and code that are open at the end of `line`, with their places."""
    opened: list[tuple[str, int]] = []
    code: tuple[str, int] | None = None
    for found in _MARK.finditer(line):
        mark, at, end = found[0], found.start(), found.end()
        before, after = line[at - 1 : at], line[end : end + 1]
        if code is not None:
            code = None if mark == code[0] else code
        elif mark[0] == "`":
            escaped = before == "\\"
            code = (mark[escaped:], at + escaped) if mark[escaped:] else None
        elif opened and opened[-1][0] == mark and not before.isspace():
            opened.pop()
        elif not after.isspace() and not _WORD.match(before) and before != "\\":
            opened.append((mark, at))
    opened += [code] if code else []
    return opened if len(opened) <= _DEEPEST else []
