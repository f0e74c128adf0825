"""Finds the blocks and marks that are open at the end of a Markdown text: a fenced block, a table, a quote,
emphasis. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from core.delivery.markdown.parser import Leaf, inline, is_closed, is_prose, lead, leaves

_DEEPEST = 6
"""Marks inside each other; where more are open, they are no marks but text."""
_WORD = re.compile(r"[A-Za-z0-9]")
_INDENTED = re.compile(r"(\A|> ?)( {4,})")


@dataclass(frozen=True, slots=True)
class OpenFence:
    """A fenced block: its start, its opening line, and the prefix of its following lines."""

    start: int
    marks: str
    info: str
    lead: str

    @property
    def closes(self) -> str:
        return self.lead + self.marks

    def opening(self, *, with_info: bool) -> str:
        """The line that opens it again in another text. A block that is indented like the words of a list item needs
        an item around it: further in than three columns, its marks are code."""
        items = _INDENTED.sub(lambda found: found[1] + _items(len(found[2])), self.lead)
        return f"{items}{self.marks}{self.info if with_info else ''}\n"


def _items(columns: int) -> str:
    count = (columns - 2) // 2
    return "- " * count + " " * (columns - 2 * count)


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a text. `start` is the beginning of its last top-level block: the text before it can't change
    any more.

    `marks` are (mark, place) of emphasis, deletion and code that are open, the outermost first. `head` are the first
    two lines of a table whose rows end the text. `quotes` and `lists` are how many of them the last words are in.
    """

    start: int = 0
    fence: OpenFence | None = None
    head: str = ""
    marks: tuple[tuple[str, int], ...] = ()
    quotes: int = 0
    lists: int = 0


@lru_cache(maxsize=16)
def tail(text: str, start: int = 0) -> Tail:
    """`start`: the known beginning of a top-level block; the text before it is not read."""
    source = text[start:]
    if is_prose(source):
        return Tail(start + source.rfind("\n\n") + 2 if "\n\n" in source else start)
    last, found = leaves(source)
    if not found or not _is_last(found[-1], source):
        return Tail(start + last)
    leaf = found[-1]
    where = start + leaf.start
    if leaf.kind == "fence":
        fence = None if is_closed(leaf.token) else _fence(text, leaf, where)
        return Tail(start + last, fence, quotes=leaf.quotes, lists=leaf.lists)
    if leaf.kind == "table":
        rows = source[leaf.start :].split("\n", 2)
        head = f"{rows[0]}\n{rows[1]}\n" if source.endswith("\n") else ""
        return Tail(start + last, head=head, quotes=leaf.quotes, lists=leaf.lists)
    marks = open_marks(text[where:], where) if leaf.kind == "inline" else ()
    return Tail(start + last, marks=marks, quotes=leaf.quotes, lists=leaf.lists)


def _is_last(leaf: Leaf, source: str) -> bool:
    """True if nothing but the end of its last line follows. The lines of an open fenced block go on to the end."""
    return leaf.end >= len(source) or (
        leaf.kind == "fence" and source[leaf.end :].isspace() and not leaf.quotes
    )


def _fence(text: str, leaf: Leaf, where: int) -> OpenFence:
    before = text[where : text.find(leaf.token.markup, where)]
    return OpenFence(where, leaf.token.markup, leaf.token.info.strip(), lead(before))


def open_marks(source: str, where: int = 0) -> tuple[tuple[str, int], ...]:
    """The marks that are open at the end of a paragraph, with their places, counted from `where`; code only on its
    last line."""
    found = inline(source)
    opened: list[tuple[str, int]] = []
    for mark in found.marks:
        if mark.paired or not mark.opens or _WORD.match(source[mark.at - 1 : mark.at]):
            continue
        if opened and opened[-1][1] + len(opened[-1][0]) == mark.at and opened[-1][0][0] == mark.text[0]:
            opened[-1] = (opened[-1][0] + mark.text, opened[-1][1])
        else:
            opened.append((mark.text, mark.at))
    line = source.rfind("\n") + 1
    for span in found.spans:
        if span.kind == "backticks" and span.start >= line and not source[span.start : span.end].strip("`"):
            opened = [one for one in opened if one[1] < span.start]
            opened.append((source[span.start : span.end], span.start))
            break
    return tuple((mark, where + at) for mark, at in opened) if len(opened) <= _DEEPEST else ()
