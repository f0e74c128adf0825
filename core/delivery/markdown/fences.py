"""Fenced code blocks of a Markdown text, as CommonMark reads them. Pure, and linear in the length of the text.

https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_ITEM = r"(?:[-*+]|\d{1,9}[.)])[ \t]+"
_LINE = re.compile(
    rf"^(?P<before>[ \t]*+(?P<item>{_ITEM})?)(?P<marks>`{{3,}}+|~{{3,}}+)(?P<info>[^\n]*+)", re.MULTILINE
)
_MARGIN = re.compile(rf"^(?:(?P<item>[ \t]*+{_ITEM})|(?=\S))", re.MULTILINE)
_DEEPEST = 3
"""Columns by which a fence may be indented; one more makes indented code of it."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: `text[start:end]`, from its opening line to its closing line, without the last line end.

    `marks` and `info` are those of the opening line, `columns` is where its marks begin. A block that is not
    `closed` goes on to the end of the text.
    """

    start: int
    end: int
    marks: str
    info: str
    columns: int
    closed: bool = False

    @property
    def opening(self) -> str:
        """The line that opens it again in another text."""
        return " " * min(self.columns, _DEEPEST) + self.marks + self.info


class _Margin:
    """Where the text of the list item above a line begins, in columns. Each line is looked at once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._columns = self._at = 0

    def above(self, start: int) -> int:
        for found in _MARGIN.finditer(self._text, self._at, start):
            self._columns = _columns(found["item"]) if found["item"] else 0
        self._at = start
        return self._columns

    def skip(self, end: int) -> None:
        """Code is no list."""
        self._at = end


def fences(text: str, longest: int | None = None) -> Iterator[Fence]:
    """The fenced blocks of `text` in order; only the last can be open. Blocks in quotes are not looked for.

    A run of more than `longest` marks opens nothing: it is plain text.
    """
    if "```" not in text and "~~~" not in text:
        return
    margin, opened = _Margin(text), None
    for line in _LINE.finditer(text):
        if opened is None:
            opened = _opened(line, margin, longest)
        elif _ends(line, opened):
            yield Fence(opened.start, line.end(), opened.marks, opened.info, opened.columns, closed=True)
            margin.skip(line.end())
            opened = None
    if opened is not None:
        yield opened


def open_fence(text: str, longest: int | None = None) -> Fence | None:
    """The block that is open at the end of `text`."""
    last = next(iter(deque(fences(text, longest), maxlen=1)), None)
    return None if last is None or last.closed else last


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """`text` with what is not in fenced blocks changed. A part that is changed begins and ends with whole lines."""
    parts, at = [], 0
    for block in fences(text):
        parts += [change(text[at : block.start]), text[block.start : block.end]]
        at = block.end
    return "".join(parts) + change(text[at:])


def _opened(line: re.Match[str], margin: _Margin, longest: int | None) -> Fence | None:
    marks, info, columns = line["marks"], line["info"], _columns(line["before"])
    if (marks[0] == "`" and "`" in info) or (longest is not None and len(marks) > longest):
        return None
    indent = columns - (len(line["item"]) if line["item"] else 0)
    if indent > _DEEPEST and indent > _DEEPEST + margin.above(line.start()):
        return None
    return Fence(line.start(), len(line.string), marks, info.strip(), columns)


def _ends(line: re.Match[str], opened: Fence) -> bool:
    """A block in a list item ends at any indentation: the list itself is not read."""
    marks = line["marks"]
    deep = _columns(line["before"]) > _DEEPEST and not opened.columns
    same = marks[0] == opened.marks[0] and len(marks) >= len(opened.marks)
    return same and not deep and not line["item"] and not line["info"].strip()


def _columns(text: str) -> int:
    return len(text.expandtabs(4)) if text else 0
