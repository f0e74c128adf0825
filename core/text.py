"""Pure functions over text that others wrote. Each is linear in the length of its text."""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable

import regex

_UNSEEN_CATEGORIES = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs"))
"""Unicode's general categories of line ends, controls, formats (zero-width, bidi, soft hyphen, tags) and spaces:
https://www.unicode.org/reports/tr44/#General_Category_Values"""
_UNSEEN = frozenset(
    "\u034f"  # combining grapheme joiner
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u17b4\u17b5"  # Khmer vowels without a shape
    "\u2800"  # Braille pattern without a dot
    "\u180b\u180c\u180d\u180f"  # Mongolian variation selectors
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))  # variation selectors
"""Characters without a shape of their own that Unicode files among letters, marks and symbols; most have the property
https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point"""
_SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2\U000110bd\U000110cd")
"""Formats that have a shape: https://www.unicode.org/reports/tr44/#Prepended_Concatenation_Mark"""

DIRECTION_MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""They change the order in which a line is shown:
https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters"""

TRANSCRIPT_MARK = "> \u2060"
"""The start of a quoted transcript in a message of ours. The word joiner is not seen; a model's quote begins without
it."""

_FENCES = re.compile("`{3,}")

_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}

_SIGNS = re.compile(r"[\\*_`~<>\[\]|]")

_SCHEME = re.compile(r"\b[A-Za-z][\w+.-]{0,20}:/{1,3}|\bmailto:")

_OPENING = re.compile(r"(\s*)([#+=-]|\d{1,9}(?=[.)]))?")
_SIGNS_OUTSIDE_URLS = re.compile(r"(https?://[^\s<>\[\]()`|\\]+)|[\\*_`~<>\[\]|]")

_CLUSTER = regex.compile(r"[\ud800-\udbff][\udc00-\udfff]|\X")
"""A grapheme cluster; a surrogate pair, which broken text holds as two characters, is one too."""


def is_blank(text: str) -> bool:
    """True if a reader sees nothing of `text`: it is empty, or holds only line ends, spaces of any width, controls and
    characters without a shape."""
    rest = text.strip()
    return not rest or (is_unseen(rest[0]) and all(map(is_unseen, set(rest))))


def without_transcripts(text: str) -> str:
    """The text of a message of ours without the quoted transcripts at its top, which end with a blank line. Long ones
    go on at the top of the next message, also with the line that separates two of them."""
    quoted = text.removeprefix(">\n").startswith(TRANSCRIPT_MARK)
    return text.partition("\n\n")[2] if quoted else text


def is_unseen(character: str) -> bool:
    """True if a character has no shape: a space, a control, a format, a filler or a variation selector."""
    if character in _UNSEEN:
        return True
    return unicodedata.category(character) in _UNSEEN_CATEGORIES and character not in _SEEN


def longest_start(text: str, size: int, length: Callable[[str], int] = len) -> str:
    """The longest start of `text` of at most `size` by `length`, which counts at least one for a character."""
    head = text[: max(0, size)]
    if length(head) <= size:
        return head
    return head[: bisect_right(range(len(head)), size, key=lambda end: length(head[:end])) - 1]


def shortened(text: str, size: int, mark: str = "…", length: Callable[[str], int] = len) -> str:
    """`text` itself where it has at most `size` by `length`, else its start and `mark`, together at most `size`.

    `mark` has to say that something is left out: `…` in a label, `phrase("text_cut", ...)` in a longer text. The start
    ends between two characters as a reader sees them, and not with blanks.
    """
    if length(text) <= size:
        return text
    start = longest_start(text, size - length(mark), length)
    return start[: cluster_edge(text, len(start))].rstrip() + mark


def cluster_edge(text: str, at: int) -> int:
    """The last place up to `at` that is not inside a grapheme cluster, which is what a reader sees as one character;
    `at` itself where the first cluster reaches it. https://unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries"""
    around = text[at - 1 : at + 1] if at else ""
    if len(around) < 2 or (around.isascii() and around != "\r\n"):
        return at
    edge = 0
    for cluster in _CLUSTER.finditer(text, 0, at + 1):
        edge = cluster.start() if cluster.end() > at else cluster.end()
    return edge or at


def escaped(text: str) -> str:
    """`text` with a backslash before each sign of Markdown that can stand inside a line."""
    return _SIGNS.sub(r"\\\g<0>", text)


def json_line(value: object) -> str:
    """A value as JSON in one line: line feeds are escaped there, and here other line ends too."""
    return json.dumps(value, ensure_ascii=False).translate(_LINE_ENDS)


def quoted(text: str) -> str:
    """`text` as a quote in Markdown that shows each of its characters; those of URLs have no backslash."""
    return "\n".join(map(_quoted_line, text.splitlines()))


def _quoted_line(line: str) -> str:
    opening = _OPENING.match(line)
    indent, sign = (opening[1], opening[2] or "") if opening else ("", "")
    rest = _SIGNS_OUTSIDE_URLS.sub(lambda found: found[1] or f"\\{found[0]}", line[len(indent) + len(sign) :])
    if sign.isdigit():
        sign = f"{sign}\\"
    elif sign:
        sign = f"\\{sign}"
    return f"> {indent.expandtabs(4).replace(' ', chr(0xA0))}{sign}{rest}"


def without_schemes(text: str) -> str:
    """`text` with its addresses taken apart, for the label of a link: some platforms show no link whose label has one,
    and a label that names another place than its link misleads."""
    return _SCHEME.sub("", text)


def fenced(text: str) -> str:
    """`text` in a Markdown fence that is longer than any inside it, so that nothing in it can end the fence."""
    fence = "`" * max([3, *(len(found) + 1 for found in _FENCES.findall(text))])
    return f"{fence}\n{text}\n{fence}"


def number_ranges(numbers: Iterable[int]) -> str:
    """Ascending numbers in short: `0-3, 7`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, one)) for one in ranges)
