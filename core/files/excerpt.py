"""A long text as its beginning and its end, with words for what is between. Pure."""

from __future__ import annotations

from collections import deque

LONGEST = 30_000
"""Bytes of UTF-8 that the text of a file may have in a prompt."""
_HEAD = 20_000
_TAIL = LONGEST - _HEAD - 100


def excerpt(text: str) -> str:
    """`text` itself, or its first 20 kB and its last 10 kB, cut at line ends where there are any."""
    if len(text) <= LONGEST and len(text.encode()) <= LONGEST:
        return text
    first = _beginning(text)
    return _joined(first, len(text) - len(first), _end(text[max(len(first), len(text) - _TAIL) :]))


class Excerpt:
    """Collects a text of any length in little memory, and keeps of it what `excerpt` keeps."""

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
        while self._tail_size - len(self._tail[0]) >= _TAIL:
            dropped = len(self._tail.popleft())
            self._tail_size -= dropped
            self._dropped += dropped

    def text(self) -> str:
        head, tail = "".join(self._head), "".join(self._tail)
        if not self._dropped:
            return excerpt(head + tail)
        first = _beginning(head)
        return _joined(first, self.size - len(first), _end(tail))


def _joined(first: str, rest: int, last: str) -> str:
    """`rest` counts the characters behind `first`, those of `last` too."""
    return f"{first}\n[... {rest - len(last):,} characters left out ...]\n{last}"


def _beginning(text: str) -> str:
    """At most 20 kB of the beginning of `text`, up to a line end where that leaves half of them or more."""
    kept = text[:_HEAD].encode()[:_HEAD].decode(errors="ignore")
    line_end = kept.rfind("\n")
    return kept[:line_end] if line_end >= len(kept) // 2 else kept


def _end(text: str) -> str:
    """At most 10 kB of the end of `text`, from the beginning of a line where that leaves half of them or more."""
    kept = text[-_TAIL:].encode()[-_TAIL:].decode(errors="ignore")
    start = kept.find("\n") + 1
    return kept[start:] if start <= len(kept) // 2 else kept
