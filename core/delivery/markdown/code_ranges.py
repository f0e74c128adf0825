"""Finds the parts of a Markdown text that are certainly code. Pure, and linear in the length of the text.

Mentions are handled by these ranges, so text that another parser might not take for code is not code here: a span must
begin and end on one line (https://spec.commonmark.org/0.31.2/#code-spans).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter

from core.delivery.markdown.parser import Leaf, Range, inline, is_closed, leaves


def code_ranges(text: str, *, cells: bool = True) -> list[Range]:
    """The (start, end) of each part, in order: the lines within fenced blocks, and spans without their marks.

    `cells`: the reader supports tables, so a span may end at a bar.
    """
    if "`" not in text and "~~~" not in text:
        return []
    ranges: list[Range] = []
    for leaf in leaves(text)[1]:
        if leaf.kind == "fence":
            ranges.append(_lines(text, leaf))
        elif leaf.kind == "table":
            for start, end in _rows(text, leaf):
                ranges += _spans(text, start, end, cells)
        elif leaf.kind == "inline":
            ranges += _spans(text, leaf.start, leaf.end, cells)
    return ranges


def within(ranges: Sequence[Range], at: int) -> bool:
    """True if one of the ordered `ranges` holds the place `at`."""
    index = bisect_right(ranges, at, key=itemgetter(0)) - 1
    return index >= 0 and at < ranges[index][1]


def _lines(text: str, leaf: Leaf) -> Range:
    begin = text.find("\n", leaf.start, leaf.end) + 1 or leaf.end
    end = text.rfind("\n", begin, leaf.end - 1) + 1 if is_closed(leaf.token) else leaf.end
    return begin, max(begin, end)


def _rows(text: str, leaf: Leaf) -> Iterator[Range]:
    at = leaf.start
    while at < leaf.end:
        end = text.find("\n", at, leaf.end) + 1 or leaf.end
        yield at, end
        at = end


def _spans(text: str, start: int, end: int, cells: bool) -> Iterator[Range]:
    """Spans up to the first that another reader might pair in another way: one behind a tag, an address or an escaped
    backtick, one over lines, or a run of backticks without a pair."""
    at = start
    for span in inline(text[start:end]).spans:
        if span.kind != "backticks":
            continue
        begin, finish = start + span.start, start + span.end
        written = text[begin:finish]
        size = len(written) - len(written.lstrip("`"))
        if not written.strip("`") or "\n" in written or "<" in text[at:begin] or "\\`" in text[at:begin]:
            return
        if not cells or "|" not in written:
            yield begin + size, finish - size
        at = finish
