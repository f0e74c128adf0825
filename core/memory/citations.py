"""The marks in an answer by which it cites the earlier answers that it was offered. Pure, and linear in the length of
the text.

A model writes `[xkq2]`: three letters of its question, which no text has that a model reads, and the number of what it
cites. Other brackets are the answer's own words. Readers see `[2]`, with a character without a shape behind each
bracket: that tells a citation from the answer's own `[2]`, and no Markdown makes a link of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2s

from core.values.conversation import Ask

OPINIONS = ("cited_up", "cited_down")
"""The buttons for an opinion of the earlier answers that an answer cites."""
MOST_NUMBERS = 99
"""The highest number that can be offered."""

_CONSONANTS = "bcdfghjkmnpqrtvwxz"
_TAG_LENGTH = 3
_JOINER = "\u2060"
"""WORD JOINER: https://www.unicode.org/charts/PDF/U2000.pdf"""
_SHOWN = re.compile(rf"\[{_JOINER}([1-9][0-9]?)\]{_JOINER}?")
_SHOWN_WITH_SPACE = re.compile(rf"[ \t]?{_SHOWN.pattern}")

_OPENING, _CLOSING = r"\\?[\[［【〔(（]", r"\\?[\]］】〕)）]"
_RANGE = r"[-\u2010-\u2015~～]|to|至|到"
_BETWEEN = rf"[,;&/+、，；]|and|和|与|{_RANGE}"
_IS_RANGE = re.compile(_RANGE)
_BEFORE = rf"[ \t]{{0,2}}(?:{_OPENING}){{0,2}}\\?[ ^]{{0,2}}"
_BEGUN = re.compile(
    rf"{_BEFORE}(?P<letters>[{_CONSONANTS}]{{0,{_TAG_LENGTH}}})[ _\-]?[0-9]{{0,2}}\Z", re.IGNORECASE
)
"""The end of a text that may be the beginning of a mark, if these letters are those that its tag begins with."""
_LONGEST_MARK = 160
"""Characters that a mark and the numbers behind it in its brackets may take."""
_KEPT = 128
"""The tags whose patterns are kept."""

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
_SIGN = r"(?:\\[\[\]]|&[A-Za-z0-9#]{2,8};|[^\w\s\[\]`(]|[ _0-9])"
_NUMBER = rf"\[{{1,2}}(?={_SIGN}{{0,13}}[0-9]){_SIGN}{{1,14}}\]{{1,2}}"
"""The text of a link that looks like a citation: without letters, and with a digit."""
_TOKEN = re.compile(
    rf"(?P<link>{_NUMBER})(?=\(\s{{0,20}}<?(?:[A-Za-z][A-Za-z+.\-]{{1,11}}:|/|www\.))"
    rf"|(?P<definition>{_NUMBER})(?=:)|(?P<reference>{_NUMBER})(?=\[[^\d\]\[{_JOINER}])"
    rf"|(?P<shown>{_SHOWN.pattern})"
    r"|[^\n`\[\]\\]+|`{1,99}|\\.?|.",
    re.DOTALL,
)
_MAY_BE_TOKEN = re.compile(
    rf"\[{{1,2}}{_SIGN}{{0,14}}(?:\\|&[A-Za-z0-9#]{{0,8}})?"
    r"(?:\]{1,2}(?:\[|\(\s{0,20}<?[A-Za-z+.\-]{0,12})?)?\Z|\\\Z|\]\Z"
)
_OF_INDEX = re.compile(r"[A-Za-z0-9_)\]]")
"""A character before the bracket of an index: `a[1]`, `f()[1]`, `a[0][1]`."""


def citation_tag(ask: Ask) -> str:
    """The letters of the marks by which the answer to a question cites: the same in each run of its turn."""
    digest = blake2s(f"{ask.place.key} {ask.id}".encode("utf-8", "replace"), digest_size=_TAG_LENGTH).digest()
    return "".join(_CONSONANTS[byte % len(_CONSONANTS)] for byte in digest)


def mark(tag: str, number: int) -> str:
    """The mark that a model writes to cite what has that number."""
    return f"[{tag}{number}]"


def shown_mark(number: int) -> str:
    """The same mark as readers see it."""
    return f"[{_JOINER}{number}]{_JOINER}"


def cited_numbers(text: str) -> tuple[int, ...]:
    """The numbers that an answer cites as readers see it, in their order."""
    return tuple(dict.fromkeys(int(number) for number in _SHOWN.findall(text)))


def without_citations(text: str, keep: Collection[int] = ()) -> str:
    """An answer as readers see it, without its citations, but for those of `keep`: in another answer its numbers mean
    nothing, or something else."""
    if _JOINER not in text:
        return text
    return _SHOWN_WITH_SPACE.sub(lambda found: found[0] if int(found[1]) in keep else "", text)


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The patterns of a tag. To compile them takes longer than to read an answer, and most answers have none of its
    marks."""

    marks: re.Pattern[str]
    item: re.Pattern[str]
    part: re.Pattern[str]
    """A number in a mark, with what is between it and the one before."""


@lru_cache(_KEPT)
def _patterns(tag: str) -> _Patterns:
    item = rf"(?<![A-Za-z0-9]){tag}[ _\-]?[0-9]{{1,2}}(?![A-Za-z0-9])"
    more = rf"(?:[ \t]{{0,2}}(?:{_BETWEEN})[ \t]{{0,2}}(?:{tag}[ _\-]?)?[0-9]{{1,2}}(?![A-Za-z0-9])){{0,8}}"
    source = r"(?:†[^\]】\n]{0,30})?"
    numbers = rf"[ ^]{{0,2}}{item}{more}{source} ?"
    once, twice = (rf"(?:{_OPENING}){{{n}}}{numbers}(?:{_CLOSING}){{{n}}}" for n in (1, 2))
    part = rf"(?P<between>{_BETWEEN})?[ \t]{{0,2}}(?:{tag}[ _\-]?)?(?P<number>[0-9]{{1,2}})"
    return _Patterns(
        re.compile(rf"(?P<spaces>[ \t]{{0,2}})(?:{twice}|{once}|{item})", re.IGNORECASE),
        re.compile(_BEFORE + item, re.IGNORECASE),
        re.compile(part, re.IGNORECASE),
    )


class MarkStream:
    """A text in pieces, in which marks of `tag` become those that readers see, and the numbers that were not `offered`
    are dropped. `feed` returns what can be shown of the text so far, `end` the rest: the same together, however the
    text is cut. A mark is returned whole."""

    def __init__(self, tag: str, offered: Collection[int]) -> None:
        self._tag = tag
        self._offered = frozenset(offered)
        self._held = self._before = ""
        """The text that is not decided yet, behind the character before it."""

    def feed(self, text: str) -> str:
        return self._read(text, final=False)

    def end(self) -> str:
        return self._read("", final=True)

    def _read(self, text: str, *, final: bool) -> str:
        text, shown, at = self._held + text.replace(_JOINER, ""), list[str](), len(self._before)
        patterns = _patterns(self._tag) if self._tag in text.lower() else None
        for found in patterns.marks.finditer(text, at) if patterns else ():
            longest = found.start() + _LONGEST_MARK
            is_open = len(text) < longest and text.find("\n", found.start(), longest) < 0
            if is_open and not final:
                break
            follows = text[found.end() : found.end() + 1]
            shown += text[at : found.start()], self._mark(_patterns(self._tag), found, follows)
            at = found.end()
        end = len(text) if final else self._decided(patterns, text, at)
        shown.append(text[at:end])
        self._before = text[end - 1 : end]
        self._held = self._before + text[end:]
        return "".join(shown)

    def _decided(self, patterns: _Patterns | None, text: str, at: int) -> int:
        """The offset up to which no mark can begin that more text would complete."""
        found = patterns.item.search(text, at) if patterns else None
        return self._begun(text, max(at, len(text) - _LONGEST_MARK)) if found is None else found.start()

    def _begun(self, text: str, at: int) -> int:
        """The offset from `at` at which the beginning of a mark begins that the text ends with."""
        found = _BEGUN.search(text, at)
        while found is not None and not self._tag.startswith(found["letters"].lower()):
            found = _BEGUN.search(text, found.start() + 1)
        return len(text) if found is None else found.start()

    def _mark(self, patterns: _Patterns, found: re.Match[str], follows: str) -> str:
        numbers = dict.fromkeys(number for number in _numbers(patterns, found[0]) if number in self._offered)
        if numbers:
            return found["spaces"] + "".join(map(shown_mark, numbers))
        return found["spaces"] if follows.isalnum() else ""


def _numbers(patterns: _Patterns, marks: str) -> Iterator[int]:
    last = 0
    for part in patterns.part.finditer(marks.partition("†")[0]):
        number = int(part["number"])
        if last and part["between"] and _IS_RANGE.fullmatch(part["between"].lower()):
            yield from range(last + 1, number)
        yield number
        last = number


class CitationStream:
    """The text of an answer in pieces, in which marks of `tag` cite the numbers `offered`, and no link of the answer
    passes for one of them: `[2](url)` becomes `[↗2](url)`, and `[2]: url` no definition. Blocks of code stay as they
    are, but for the marks, which are left out. `feed` returns what can be shown of the text so far, `end` the rest: the
    same together, however the text is cut. Nothing changes where no number was offered."""

    def __init__(self, tag: str, offered: Collection[int]) -> None:
        self._offered = bool(offered)
        self._marks = MarkStream(tag, offered)
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
        """The character before."""
        self._depth = self._cited_depth = 0
        """The number of brackets that are open in the current line, and of those around a citation."""

    def feed(self, text: str) -> str:
        return self._read(self._marks.feed(text), final=False) if self._offered else text

    def end(self) -> str:
        return self._read(self._marks.end(), final=True) if self._offered else ""

    def _read(self, text: str, *, final: bool) -> str:
        text, shown, at = self._held + text, list[str](), 0
        while at < len(text):
            if self._line_begun and not self._verbatim:
                end, words = self._token(text, at, final)
            else:
                end = self._rest_of_line(text, at) if self._line_begun else self._marks_of_line(text, at, final)
                words = _SHOWN_WITH_SPACE.sub("", text[at:end]) if self._verbatim else text[at:end]
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

    def _marks_of_line(self, text: str, at: int, final: bool) -> int:
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
        self._depth = self._cited_depth = 0
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
        else:
            words = self._inert(found, text[end : end + 1])
        self._last, self._at_start = found[0][-1], self._at_start and not found[0].strip(" \t")
        return end, words

    def _inert(self, found: re.Match[str], follows: str) -> str:
        """The words of a token. Neither a link nor a definition of the answer's own passes for a citation."""
        words = found[0]
        if found["shown"]:
            self._cited_depth = self._depth
        elif found["link"]:
            return f"[↗{words[1:]}"
        elif (found["definition"] and self._at_start) or (
            found["reference"] and not _OF_INDEX.match(self._last)
        ):
            return words + _JOINER
        elif words == "[":
            self._depth += 1
        elif words == "]" and self._depth:
            cites = self._cited_depth == self._depth
            self._depth -= 1
            self._cited_depth = min(self._cited_depth, self._depth)
            return words + _JOINER if cites and follows in ("(", "[", ":") else words
        return words
