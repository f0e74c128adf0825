"""The reply of a child process as bytes: the length of a JSON header in 4 bytes, the header, the contents. Pure.

The child is not trusted: reading any reply of it raises FileError or nothing.
"""

from __future__ import annotations

import json
from typing import Any

from core.files.excerpt import LONGEST
from core.ports.files import Extracted, ExtractedText, FileError, Picture, ScannedPages
from core.values.parts import FileProblem

LONGEST_REPLY = 24_000_000
"""Bytes: six pictures of 3.5 MB, and their header."""
_LENGTH = 4
_MEDIA_TYPES = ("image/jpeg", "image/png")


def reply_to_bytes(reply: Extracted | FileError) -> bytes:
    """The bytes that a child writes to stdout before it ends."""
    match reply:
        case FileError():
            return _packed({"problem": reply.problem, "detail": reply.detail})
        case ExtractedText(text):
            return _packed({"text": text})
        case Picture():
            return _packed({"picture": _size(reply)}, reply.content)
        case ScannedPages(pages):
            return _packed({"pages": [_size(page) for page in pages]}, *(page.content for page in pages))


def bytes_to_reply(data: bytes) -> Extracted:
    """Raises FileError: the child's own, or CRASHED where the reply is not whole."""
    try:
        return _read(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileError(FileProblem.CRASHED, f"malformed reply: {type(error).__name__}") from None


def _packed(header: dict[str, Any], *contents: bytes) -> bytes:
    encoded = json.dumps(header).encode()
    return b"".join((len(encoded).to_bytes(_LENGTH, "big"), encoded, *contents))


def _size(picture: Picture) -> list[Any]:
    return [len(picture.content), picture.media_type, picture.width, picture.height]


def _read(data: bytes) -> Extracted:
    start = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
    header, contents = json.loads(data[_LENGTH:start]), memoryview(data)[start:]
    if "problem" in header:
        raise FileError(FileProblem(header["problem"]), str(header["detail"])[:200])
    if "text" in header:
        return ExtractedText(str(header["text"])[: 2 * LONGEST])
    if "picture" in header:
        return _picture(header["picture"], contents)[0]
    pages = []
    for size in header["pages"]:
        page, contents = _picture(size, contents)
        pages.append(page)
    return ScannedPages(tuple(pages))


def _picture(size: list[Any], contents: memoryview) -> tuple[Picture, memoryview]:
    length, media_type, width, height = size
    if not 0 < length <= len(contents) or media_type not in _MEDIA_TYPES:
        raise ValueError
    return Picture(bytes(contents[:length]), media_type, int(width), int(height)), contents[length:]
