"""Separates reasoning in tags, every `<think>...</think>` at the start of a message, from the text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.text import is_blank
from core.values.deltas import Thinking
from core.values.parts import Text

_OPEN, _CLOSE = "<think>", "</think>"
_OPENING = re.compile(rf"\s*{_OPEN}")


class ReasoningFilter:
    """Removes reasoning, and white space before the first word, from a text in arbitrary pieces. `over` is set at
    the first word: later pieces need no filtering."""

    def __init__(self) -> None:
        self.over = False
        self._inside = False
        self._held = ""

    def feed(self, text: str) -> list[Text | Thinking]:
        return list(self._feed(text))

    def end(self) -> list[Text | Thinking]:
        held, self._held = self._held, ""
        if self._inside:
            return [Thinking(held)] if held else []
        return [] if is_blank(held) else [Text(held)]

    def _feed(self, text: str) -> Iterator[Text | Thinking]:
        held, at = self._held + text, 0
        while True:
            if not self._inside:
                opening = _OPENING.match(held, at)
                if opening is None:
                    break
                self._inside, at = True, opening.end()
            close = held.find(_CLOSE, at)
            end = close if close >= 0 else len(held) - _overlap(held[at:], _CLOSE)
            if end > at:
                yield Thinking(held[at:end])
            if close < 0:
                self._held = held[end:]
                return
            self._inside, at = False, close + len(_CLOSE)
        self._held = held[at:].lstrip()
        if is_blank(self._held):
            self._held = ""
        elif not _OPEN.startswith(self._held):
            words, self._held, self.over = self._held, "", True
            yield Text(words)


def _overlap(text: str, tag: str) -> int:
    """The length of the longest end of `text` that may be the beginning of `tag`."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)
