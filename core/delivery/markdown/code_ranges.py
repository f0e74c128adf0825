"""Where a Markdown text is surely code. Pure, and linear in the length of the text.

What platforms do with mentions depends on it, so whatever another reader of Markdown might take for words is not code
here: a span has to begin and end on one line (https://spec.commonmark.org/0.31.2/#code-spans), and a line of a block
in a list has to be indented as the block is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter

from core.delivery.markdown.fences import Fence, fences

Range = tuple[int, int]

_RUN = re.compile(r"`++")
_PARAGRAPH_END = re.compile(r"^[ \t]*+$", re.MULTILINE)


def code_ranges(text: str, *, cells: bool = True) -> list[Range]:
    """The (start, end) of what is code, in order: the lines within fenced blocks, and spans without their marks.

    `cells`: the reader knows tables, so a span may end at a bar.
    """
    if "`" not in text and "~~~" not in text:
        return []
    ranges: list[Range] = []
    at = 0
    for block in fences(text):
        ranges += _spans(text, at, block.start, cells)
        ranges += _lines(text, block)
        at = block.end
    return ranges + list(_spans(text, at, len(text), cells))


def within(ranges: Sequence[Range], at: int) -> bool:
    """Whether one of the ordered `ranges` holds the place `at`."""
    index = bisect_right(ranges, at, key=itemgetter(0)) - 1
    return index >= 0 and at < ranges[index][1]


def _lines(text: str, block: Fence) -> Iterator[Range]:
    begin = text.find("\n", block.start, block.end) + 1 or block.end
    end = text.rfind("\n", begin, block.end) + 1 if block.closed else block.end
    if not block.columns:
        yield begin, max(begin, end)
        return
    while begin < end:
        after = text.find("\n", begin, end) + 1 or end
        line = text[begin:after].expandtabs(4)
        if len(line) - len(line.lstrip(" ")) >= block.columns:
            yield begin, after
        begin = after


def _spans(text: str, start: int, end: int, cells: bool) -> Iterator[Range]:
    """Spans up to the first line of a paragraph that another reader might pair in another way."""
    clear, at = True, start
    while at < end:
        after = text.find("\n", at, end) + 1 or end
        if _PARAGRAPH_END.match(text, at, after):
            clear = True
        if clear:
            spans, clear = _spans_of_line(text, at, after)
            yield from (span for span in spans if not cells or text.find("|", *span) < 0)
        at = after


def _spans_of_line(text: str, start: int, end: int) -> tuple[list[Range], bool]:
    """(spans, whether every run of backticks on the line has its pair)."""
    runs = [found.span() for found in _RUN.finditer(text, start, end)]
    pairs = _pairs(runs)
    spans: list[Range] = []
    number, begin = 0, start
    while number < len(runs):
        opens = runs[number]
        closes = pairs[number]
        if closes is None or not _plain(text, begin, opens[0]):
            return spans, False
        spans.append((opens[1], runs[closes][0]))
        number, begin = closes + 1, runs[closes][1]
    return spans, True


def _pairs(runs: list[Range]) -> list[int | None]:
    """For each run the next one that is as long."""
    next_of: dict[int, int] = {}
    pairs: list[int | None] = [None] * len(runs)
    for number in range(len(runs) - 1, -1, -1):
        length = runs[number][1] - runs[number][0]
        pairs[number] = next_of.get(length)
        next_of[length] = number
    return pairs


def _plain(text: str, start: int, end: int) -> bool:
    """Whether nothing between two spans makes the next backtick another thing: an escape, a tag, an address."""
    return text.find("<", start, end) < 0 and not text.endswith("\\", start, end)
