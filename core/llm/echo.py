"""Finds the parts of an endpoint's error text that repeat the request. Pure.

Endpoints quote requests in refusals: partly, escaped as JSON or HTML, in another case, on one line. A quotation is
therefore a run of RUN letters and digits that the request contains too, ignoring all other characters. A Chinese,
Japanese or Korean character counts as four letters, since it carries about as much information.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

RUN = 16
"""Letters in a row that make a quotation. Shorter runs, and single long words, coincide by chance."""
MARK = "[…]"
"""The replacement of a quotation."""

_PIECE = re.compile(r"\\+u[0-9a-fA-F]{4}|\\+[nrtbf]|&(?:#\w{1,7}|[a-z]{2,8});|[^\W_]")
_ASCII_BETWEEN = {code: None for code in range(128) if not chr(code).isalnum()}
_WIDE = re.compile("[⺀-鿿가-힯豈-﫿\U00020000-\U0003ffff]")
_PART_OF_A_NAME = re.compile(r"[-/:.\d]")
_APART = "\0"
_STEP = 8
_PART = RUN - _STEP + 1
_LONGEST_WORD = 40


@dataclass(frozen=True)
class SentRequest:
    """The content of a request. `model`: the requested name. `texts`: the contents of its messages. `tools`: the names
    of those that may be called. `rounds`: the answers with calls in it. `endpoint`: its name in `Opaque`."""

    model: str = ""
    texts: tuple[str, ...] = ()
    tools: frozenset[str] = frozenset()
    rounds: int = 0
    endpoint: str = ""

    @cached_property
    def letters(self) -> str:
        return _APART.join(_letters(text) for text in self.texts)

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        """The model's name; None if it could be an ordinary word."""
        if len(self.model) < 4 or not _PART_OF_A_NAME.search(self.model):
            return None
        return re.compile(rf"(?<![\w/.-])(?:models/)?{re.escape(self.model)}(?![\w/-]|\.\w)", re.IGNORECASE)

    @cached_property
    def _question(self) -> re.Pattern[str] | None:
        """The last message if it is too short for a run, with and without its author's name."""
        last = self.texts[-1].strip() if self.texts else ""
        short = {text for text in (last, last.partition(": ")[2]) if 3 <= len(_letters(text)) < RUN}
        if not short:
            return None
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, short))})(?!\w)", re.IGNORECASE)

    def without_model(self, said: str) -> str:
        """`said` with the word `model` in place of the model's name."""
        return self._names.sub("model", said) if self._names else said

    def holds(self, said: str) -> bool:
        """True if the request contains all of `said`."""
        return bool(letters := _letters(said)) and letters in self.letters

    def cut_from(self, said: str) -> str:
        """`said` with MARK in place of each quotation, extended to whole words."""
        parts, at = [], 0
        for start, end in self._quotations(said):
            parts += [said[at:start], MARK]
            at = max(at, end)
        whole = "".join([*parts, said[at:]])
        return self._question.sub(MARK, whole) if self._question else whole

    def _quotations(self, said: str) -> Iterator[tuple[int, int]]:
        """The spans of the quotations, in order. Linear in the lengths of `said` and of the request."""
        pieces = [
            (letter, match.start(), match.end())
            for match in _PIECE.finditer(said)
            for letter in _piece_to_letters(match[0])
        ]
        letters = "".join(letter for letter, _, _ in pieces)
        starts = range(len(letters) - RUN + 1)
        shared = self._shared({letters[at : at + RUN] for at in starts})
        quoted = bytearray(len(letters))
        for at in starts:
            if letters[at : at + RUN] in shared:
                quoted[at : at + RUN] = b"q" * RUN
        for run in re.finditer(b"q+", quoted):
            yield _word_start(said, pieces[run.start()][1]), _word_end(said, pieces[run.end() - 1][2])

    def _shared(self, runs: set[str]) -> set[str]:
        """The runs of `runs` that the request contains too. Every eighth position of the request is checked,
        and the positions before it only if its letters are known."""
        sent, parts = self.letters, {run[at : at + _PART] for run in runs for at in range(_STEP)}
        places = (at for at in range(0, len(sent), _STEP) if sent[at : at + _PART] in parts)
        near = (max(0, at - back) for at in places for back in range(_STEP))
        return {run for at in near if (run := sent[at : at + RUN]) in runs}


NOTHING = SentRequest()


def _letters(text: str) -> str:
    """The letters and digits of `text` in one case, with escapes resolved."""
    if "\\" in text or "&" in text:
        text = _PIECE.sub(lambda match: _unescaped(match[0]), text)
    text = text.casefold()
    if text.isascii():
        return text.translate(_ASCII_BETWEEN)
    return _WIDE.sub(r"\g<0>\g<0>\g<0>\g<0>", "".join(filter(str.isalnum, text)))


def _piece_to_letters(piece: str) -> str:
    return piece.lower() if piece.isascii() and len(piece) == 1 else _letters(_unescaped(piece))


def _unescaped(piece: str) -> str:
    if piece[0] == "\\":
        return chr(int(piece[-4:], 16)) if "u" in piece else " "
    return html.unescape(piece) if piece[0] == "&" else piece


def _word_start(text: str, at: int) -> int:
    """The start of the word that `at` is inside."""
    word = re.search(r"[a-zA-Z0-9]*\Z", text[max(0, at - _LONGEST_WORD) : at])
    return at - len(word[0]) if word else at


def _word_end(text: str, at: int) -> int:
    word = re.match("[a-zA-Z0-9]*", text[at : at + _LONGEST_WORD])
    return at + len(word[0]) if word else at
