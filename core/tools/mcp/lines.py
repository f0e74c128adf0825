"""Lines of bounded length out of bytes that arrive in pieces. Pure, and linear in the number of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

KEPT_END = 256
"""Bytes that are kept of either end of a line that is too long."""


@dataclass(frozen=True, slots=True)
class LongLine:
    """The ends of a line that is longer than allowed."""

    head: bytes
    tail: bytes


class Lines:
    """Splits bytes at line feeds. Holds at most `longest` bytes of a line that has not ended."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._line = bytearray()
        self._tail = b""
        self._long = False

    def feed(self, data: bytes) -> Iterator[bytearray | LongLine]:
        """The lines that end in `data`, without their line feeds."""
        *ended, rest = data.split(b"\n")
        for part in ended:
            self._add(part)
            yield self.end()
        self._add(rest)

    def end(self) -> bytearray | LongLine:
        """The line so far. The next one begins."""
        line = LongLine(bytes(self._line), self._tail) if self._long else self._line
        self._line, self._tail, self._long = bytearray(), b"", False
        return line

    def _add(self, part: bytes) -> None:
        if not self._long and len(self._line) + len(part) <= self._longest:
            self._line += part
            return
        if not self._long:
            self._tail = bytes(self._line[-KEPT_END:])
            self._line = (self._line[:KEPT_END] + part[:KEPT_END])[:KEPT_END]
            self._long = True
        self._tail = (self._tail + part[-KEPT_END:])[-KEPT_END:]
