"""Words that are hidden between `||` until a reader asks for them. Pure, and linear in the length of the text.

https://support.discord.com/hc/en-us/articles/360022320632
"""

from __future__ import annotations

import re

from core.delivery.markdown.code_ranges import code_ranges, within

MARK = "||"
_HIDDEN = re.compile(r"\\.|`++|\|\|")
"""Escapes, backticks and marks."""
_TOKEN = re.compile(rf"{_HIDDEN.pattern}|^[ \t]*+\|(?!\|)[^\n]*+", re.MULTILINE)
"""The same, and rows of tables, in which two bars are an empty cell. Where a spoiler is open they close it."""


def open_spoiler(text: str) -> int | None:
    """The position of the mark that hides the end of `text`. Marks in code do not count."""
    if MARK not in text:
        return None
    code = code_ranges(text, cells=False)
    edges = {edge for span in code for edge in span}
    last_line = text.rfind("\n") + 1
    opened: int | None = None
    position = 0
    while found := (_TOKEN if opened is None else _HIDDEN).search(text, position):
        at, token, position = found.start(), found[0], found.end()
        if token[0] == "`" and at >= last_line and not edges & {at, found.end()}:
            break  # code that is not written to its end
        if token != MARK or within(code, at):
            continue
        opened = at if opened is None else None if at > opened + len(MARK) else opened
    return opened


def operator(text: str, at: int) -> bool:
    """True if the mark at `at` that nothing closes may be two bars between blanks, as in `a || b`."""
    return at > 0 and text[at + len(MARK) : at + len(MARK) + 1].isspace()
