"""Decompresses bodies in bounded pieces, so that a body that grows a thousandfold is never held in memory as a whole.
Pure.

https://www.rfc-editor.org/rfc/rfc9110#name-content-codings
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from core.errors import Code
from core.llm.errors import fault

PIECE_BYTES = 64 * 1024
_ANY_HEADER = 47  # zlib.MAX_WBITS + 32: gzip or zlib, recognised by its first bytes
_NO_HEADER = -15  # what some servers call deflate
_HEADER_BYTES = 2


class Inflate:
    """A decompressor for the Content-Encoding `encoding`. Raises ModelError(GARBLED) for an encoding that was not
    requested, and for a body that is not in it."""

    def __init__(self, encoding: str) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise fault(Code.GARBLED, f"content encoding {encoding[:40]!r}, which was not asked for")
        self._plain = encoding in ("", "identity")
        self._zlib = zlib.decompressobj(_ANY_HEADER) if encoding != "deflate" else None
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """`data` decompressed, in pieces of at most PIECE_BYTES."""
        if self._plain:
            yield data
            return
        if self._zlib is None:
            data = self._head = self._head + data
            if len(data) < _HEADER_BYTES:
                return
            self._zlib = zlib.decompressobj(_ANY_HEADER if _has_header(data) else _NO_HEADER)
        try:
            while data:
                if self._zlib.eof:  # a file of several members
                    self._zlib = zlib.decompressobj(_ANY_HEADER)
                piece = self._zlib.decompress(data, PIECE_BYTES)
                data = self._zlib.unconsumed_tail or self._zlib.unused_data
                if piece:
                    yield piece
        except zlib.error as error:
            raise fault(Code.GARBLED, f"compressed body: {error}") from None


def _has_header(data: bytes) -> bool:
    """https://www.rfc-editor.org/rfc/rfc1950#section-2.2"""
    return data[0] & 15 == 8 and (data[0] * 256 + data[1]) % 31 == 0
