"""The number of tokens of JSON messages, before they are parsed. Pure, and linear in the number of bytes."""

from __future__ import annotations

import re

MOST_TOKENS = 65_000
"""Strings, commas and opening brackets of a message. Parsed, each takes up to 200 bytes and 1 µs of the event loop."""

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|(?P<escape>\\?)\Z)|[,\[{]', re.DOTALL)
_EVENT_PART = re.compile(rb"(?P<blank>(?>\r\n|\r|\n){2,})|(?P<line_end>\r\n|\r|\n)|[^\r\n]++")
"""https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream"""
_LINE_END = b"\r\n"


def has_too_many_tokens(message: bytes | bytearray) -> bool:
    """True if parsing the message would take too much memory and time."""
    most = sum(map(message.count, (b",", b"[", b"{", b'"')))
    return most > MOST_TOKENS and TokenCounter().feed(message)


class TokenCounter:
    """Counts the tokens of one message that comes in pieces."""

    def __init__(self) -> None:
        self._count = 0
        self._open = b""  # the beginning of a string that goes on in the next piece

    def end_line(self) -> None:
        """Close a string that is open: JSON has no line end within one."""
        self._open = b""

    def feed(self, piece: bytes | bytearray) -> bool:
        """True once the message has too many tokens."""
        self._count -= bool(self._open)
        for token in _TOKEN.finditer(self._open + piece):
            self._count += 1
            if self._count > MOST_TOKENS:
                return True
            self._open = b"" if token["escape"] is None else b'"' + token["escape"]
        return False


class EventTokenCounter:
    """Counts the tokens of each message of an event stream that comes in pieces. A quote in a comment or another field
    opens no string for the lines behind it."""

    def __init__(self) -> None:
        self._message = TokenCounter()
        self._line_end = b""

    def feed(self, piece: bytes) -> bool:
        """True once a message has too many tokens."""
        for part in _EVENT_PART.finditer(self._line_end + piece):
            if part["blank"] is not None:
                self._message = TokenCounter()
            elif part["line_end"] is not None:
                self._message.end_line()
            elif self._message.feed(part[0]):
                return True
        self._line_end = piece[len(piece.rstrip(_LINE_END)) :][-len(_LINE_END) :]
        return False
