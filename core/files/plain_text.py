"""Bytes of text in any usual encoding -> str. Pure, and linear in the length of the text."""

from __future__ import annotations

import re
from itertools import islice

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
"""Byte order marks; those of UTF-32 begin like those of UTF-16: https://www.unicode.org/faq/utf_bom.html#bom4"""
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "gb18030", "gb2312", "latin-1")
"""The encodings that `decode` may use."""

_ASCII = bytes(range(128))
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\f\r\x08\x1b"})
"""Control characters that no text has, terminal output included."""
_SAMPLE = 4096
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def decode(data: bytes) -> str | None:
    """The text of `data`, with `\\n` for line ends; None where it is not text.

    Takes UTF-8; UTF-16 and UTF-32 with a byte order mark; UTF-16 without one that is mostly ASCII; GB18030; Latin-1. A
    damaged character is U+FFFD.
    """
    text = _decoded(data)
    if text is None or "\x00" in text:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if encoding := _utf16(data[:_SAMPLE]):
        return data.decode(encoding, "replace")
    if _is_binary(data):
        return None
    return _utf8(data) or _gb18030(data) or data.decode("latin-1")


def _utf16(sample: bytes) -> str:
    """The encoding of UTF-16 whose bytes at every second place are mostly NULs, and nowhere else."""
    nulls = [sample[start::2].count(0) for start in (0, 1)]
    if max(nulls) < len(sample) * 0.35 or min(nulls) > len(sample) * 0.01:
        return ""
    return "utf-16-be" if nulls[0] > nulls[1] else "utf-16-le"


def _is_binary(data: bytes) -> bool:
    controls = len(data) - len(data.translate(None, _CONTROLS))
    return controls * 100 > len(data) or b"\x00" in data


def _utf8(data: bytes) -> str:
    """The text, where damaged characters are few behind the first of them, as in a log that was cut anywhere."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        sample = data[error.start : error.start + _SAMPLE]
    damaged = sample.decode("utf-8", "replace").count("\ufffd")
    return data.decode("utf-8", "replace") if damaged * 10 <= len(sample.translate(None, _ASCII)) else ""


def _gb18030(data: bytes) -> str:
    """The text, where it reads as Chinese.

    Latin-1 often decodes too, an umlaut and the letter behind it as one rare character; GB2312 lacks most of those.
    """
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    sample = "".join(found.group()[:_SAMPLE] for found in islice(_NOT_ASCII.finditer(text), _SAMPLE))[:_SAMPLE]
    return text if len(sample.encode("gb2312", "ignore")) * 3 >= len(sample) * 2 else ""
