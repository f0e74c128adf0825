"""Numbers such as `[2]` in an answer, by which a model cites the earlier answers that it was offered. Pure, and linear
in the length of the text.

A number that was not offered is dropped. Other brackets stay as they are: those in code, links `[1](url)`, definitions
`[1]: url` and `[^1]: words`, and indexes such as `a[1]`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

OPINIONS = ("cited_up", "cited_down")
"""The buttons for an opinion of the earlier answers that an answer cites."""
MOST_NUMBERS = 99
"""The highest number that can be offered."""

_PREFIX_LENGTH = 240
"""Characters at the beginning of a line that may decide which kind of line it is."""
_INFO_LENGTH = 100
"""Characters behind the marks of a fence that are looked at."""
_LONGEST_TICKS = 99
_PREFIX = re.compile(
    r"(?P<indent>[ \t\r]{0,64})(?P<marks>(?:>[ \t]{0,3}|(?P<item>[-*+]|[0-9]{1,9}[.)])[ \t]{1,4}){0,8})"
    r"(?P<fence>`{3,99}|~{3,99})?"
)
_MAY_BE_PREFIX = re.compile(r"[ \t\r>\-*+0-9.)`~]*\Z")
_IN_SPAN = re.compile(r"[^`\n]+|`{1,99}|\n")
_TOKEN = re.compile(
    r"[^\n`\[\\ \t]+(?:[ \t][^\n`\[\\ \t]+)*"
    r"|(?P<spaces>[ \t]{0,2})\[(?P<number>[1-9][0-9]?)\]"
    r"|`{1,99}|\\.?|.",
    re.DOTALL,
)
_MAY_BE_TOKEN = re.compile(r"[ \t]{0,2}(?:\[(?:[1-9][0-9]?\]?)?)?\Z|\\\Z")
_OF_INDEX = re.compile(r"[A-Za-z0-9_)\]]")
"""A character before the bracket of an index: `a[1]`, `f()[1]`, `a[0][1]`."""


class CitationStream:
    """The text of an answer in pieces, in which only the numbers `offered` may be cited. `feed` returns what can be
    shown of the text so far, `end` the rest: the same together, however the text is cut. Nothing changes where no
    number was offered. `cited` are the numbers found so far, in their order."""

    def __init__(self, offered: Collection[int]) -> None:
        self.cited: dict[int, None] = {}
        self._offered = frozenset(offered)
        self._held = ""
        self._line_begun = False
        """The marks at the beginning of the current line are read."""
        self._at_start = False
        """Nothing behind these marks is read."""
        self._after_blank = True
        self._in_list = False
        self._verbatim = False
        """The current line is indented code, or within a fence."""
        self._fence = ""
        """The marks that opened the fence that is open."""
        self._span = ""
        """The backticks that opened the code span that is open. One that nothing closes ends with its paragraph."""
        self._last = ""
        """The character before; empty behind a citation."""

    def feed(self, text: str) -> str:
        return self._read(text, final=False) if self._offered else text

    def end(self) -> str:
        return self._read("", final=True)

    def _read(self, text: str, *, final: bool) -> str:
        text, shown, at = self._held + text, list[str](), 0
        while at < len(text):
            if self._line_begun and not self._verbatim:
                end, words = self._token(text, at, final)
            else:
                end = self._rest_of_line(text, at) if self._line_begun else self._marks(text, at, final)
                words = text[at:end]
            if end < 0:
                break
            shown.append(words)
            at = end
        self._held = text[at:]
        return "".join(shown)

    def _rest_of_line(self, text: str, at: int) -> int:
        end = text.find("\n", at) + 1
        self._line_begun = not end
        return end or len(text)

    def _marks(self, text: str, at: int, final: bool) -> int:
        """Read the marks at the beginning of a line. Returns the offset behind them, or -1 where more of the line
        has to be known."""
        beginning = text[at : at + _PREFIX_LENGTH]
        if not final and len(beginning) < _PREFIX_LENGTH and _MAY_BE_PREFIX.match(beginning):
            return -1
        found = _PREFIX.match(beginning)
        assert found is not None
        end, fence = at + found.end(), found["fence"] or ""
        info, ended, _ = text[end : end + _INFO_LENGTH].partition("\n")
        if fence and not (final or ended or "`" in info or len(info) == _INFO_LENGTH):
            return -1
        blank = not (fence or found["marks"]) and text[end : end + 1] in ("\n", "")
        self._line_begun, self._at_start, self._last = True, True, "\n"
        if self._fence:
            self._verbatim = True
            self._fence = "" if fence.startswith(self._fence) and not info.strip() else self._fence
        elif fence and (fence[0] == "~" or "`" not in info):
            self._verbatim, self._fence, self._span = True, fence, ""
        elif blank:
            self._verbatim, self._span = False, ""
        else:
            end -= len(fence)
            is_indented = len(found["indent"].expandtabs(4)) >= 4 and not found["marks"]
            self._in_list = bool(found["item"]) or (
                self._in_list and not (self._after_blank and not found["indent"])
            )
            self._verbatim = is_indented and not self._in_list and (self._verbatim or self._after_blank)
        self._after_blank = blank
        return end

    def _token(self, text: str, at: int, final: bool) -> tuple[int, str]:
        """Read a piece of a line. Returns the offset behind it, or -1 where more has to be known, and the characters
        that are shown of it."""
        found = (_IN_SPAN if self._span else _TOKEN).match(text, at)
        assert found is not None
        end, words = found.end(), found[0]
        ticks = words if words[0] == "`" else ""
        cut = ticks and end == len(text) and len(ticks) < _LONGEST_TICKS
        if not final and (cut or (not self._span and _MAY_BE_TOKEN.match(text, at))):
            return -1, ""
        self._line_begun = words[-1] != "\n"
        if self._span:
            self._span = "" if ticks == self._span else self._span
        elif ticks:
            self._span = ticks
        elif "[" in words and found["number"] and self._may_cite(found["spaces"], text[end : end + 1]):
            self._last, self._at_start = "", False
            if (number := int(found["number"])) in self._offered:
                self.cited[number] = None
                return end, words
            return end, found["spaces"] if text[end : end + 1].isalnum() else ""
        self._last, self._at_start = words[-1], False
        return end, words

    def _may_cite(self, spaces: str, follows: str) -> bool:
        """True if a number in brackets is no link, definition or index. `spaces` are before it."""
        if follows == "(" or (follows == ":" and self._at_start):
            return False
        return bool(spaces) or not _OF_INDEX.match(self._last)


def cited_numbers(text: str, offered: Collection[int]) -> tuple[int, ...]:
    """The numbers of `offered` that a whole answer cites, in their order."""
    stream = CitationStream(offered)
    stream.feed(text)
    stream.end()
    return tuple(stream.cited)
