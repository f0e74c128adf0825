"""Bodies that unpack to far more than they are, made without compressing all of it."""

from __future__ import annotations

import struct
import zlib


def squeezed(unit: bytes, times: int, head: bytes = b"", *, gzip: bool = False) -> bytes:
    """`head` and `times` times `unit`, in the format of zlib or of gzip."""
    blocks = _block(head) + _block(unit) * times + zlib.compressobj(9, wbits=-15).flush()
    check, total = (zlib.crc32, zlib.crc32(head)) if gzip else (zlib.adler32, zlib.adler32(head))
    for _ in range(times):
        total = check(unit, total)
    if not gzip:
        return b"\x78\xda" + blocks + struct.pack(">I", total)
    size = len(head) + times * len(unit)
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + blocks + struct.pack("<II", total, size & 0xFFFFFFFF)


def _block(text: bytes) -> bytes:
    """A part of a stream that refers to nothing before it: https://zlib.net/manual.html (Z_FULL_FLUSH)."""
    press = zlib.compressobj(9, wbits=-15)
    return press.compress(text) + press.flush(zlib.Z_FULL_FLUSH)
