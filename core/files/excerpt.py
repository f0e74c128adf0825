"""A long text as its beginning and its end, with a note of the part between. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

LONGEST = 30_000
"""Bytes of UTF-8 that the text of a file may have in a prompt."""
_MARK = 100
"""The most bytes of the note of the part left out."""


def excerpt(text: str, limit: int = LONGEST) -> str:
    """`text` itself, or its beginning and its end in at most `limit` bytes, cut at line ends where there are any."""
    if len(text) <= limit and len(text.encode()) <= limit:
        return text
    first = _beginning(text, limit)
    return _joined(first, len(text) - len(first), _end(text[max(len(first), len(text) - limit) :], limit))


def converted_excerpt(text: str, limit: int, convert: Callable[[str], str]) -> str:
    """The excerpt of `convert(text)`. Of a long text only the ends are converted, twice `limit` characters each: that
    may take long, and may make them shorter."""
    size = 2 * limit
    if len(text) <= 2 * size:
        return excerpt(convert(text), limit)
    head, tail = convert(text[:size]), convert(text[-size:])
    first, last = _beginning(head, limit), _end(tail, limit)
    return _joined(first, len(head) - len(first) + len(text) - 2 * size + len(tail), last)


class Excerpt:
    """Collects a text of any length in little memory, and keeps the parts that `excerpt` keeps."""

    def __init__(self) -> None:
        self._head: list[str] = []
        self._head_size = 0
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._dropped = 0

    @property
    def size(self) -> int:
        """Characters added so far."""
        return self._head_size + self._dropped + self._tail_size

    def add(self, text: str) -> None:
        """Append `text` as a line."""
        line = f"{text}\n"
        if self._head_size < LONGEST:
            self._head.append(line)
            self._head_size += len(line)
            return
        self._tail.append(line)
        self._tail_size += len(line)
        while self._tail_size - len(self._tail[0]) >= LONGEST:
            dropped = len(self._tail.popleft())
            self._tail_size -= dropped
            self._dropped += dropped

    def text(self, limit: int = LONGEST) -> str:
        head, tail = "".join(self._head), "".join(self._tail)
        if not self._dropped:
            return excerpt(head + tail, limit)
        first = _beginning(head, limit)
        return _joined(first, self.size - len(first), _end(tail, limit))


def _joined(first: str, rest: int, last: str) -> str:
    """`rest` counts the characters behind `first`, those of `last` too."""
    return f"{first}\n[... {rest - len(last):,} characters left out ...]\n{last}"


def _beginning(text: str, limit: int) -> str:
    """Two thirds of `limit` of the beginning of `text`, up to a line end where that leaves half of them or more."""
    most = limit * 2 // 3
    kept = text[:most].encode()[:most].decode(errors="ignore")
    line_end = kept.rfind("\n")
    return kept[:line_end] if line_end >= len(kept) // 2 else kept


def _end(text: str, limit: int) -> str:
    """A third of `limit` of the end of `text`, from the beginning of a line where that leaves half of it or more."""
    most = max(1, limit // 3 - _MARK)
    kept = text[-most:].encode()[-most:].decode(errors="ignore")
    start = kept.find("\n") + 1
    return kept[start:] if start <= len(kept) // 2 else kept
