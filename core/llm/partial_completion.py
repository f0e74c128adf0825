"""Reads the beginning of a completion, or of one event of it, that exceeds the memory limit. Pure."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

_TEXT_BYTES = 1024 * 1024
"""Larger than the text of an answer may be."""
_CONTENT = re.compile(rb'"content"\s{0,8}:\s{0,8}"')
_DECODER = JSONDecoder(strict=False)
_LONGEST_ESCAPE = 6
"""Length of the longest JSON escape, such as `\\u4e16`."""


def beginning_to_completion(body: bytes | bytearray) -> dict[str, Any] | None:
    """A completion with the text in `body`, ended by the length limit. None if `body` is not a completion."""
    if b'"choices"' not in body:
        return None
    found = _CONTENT.search(body)
    text = _text(body[found.end() : found.end() + _TEXT_BYTES]) if found else ""
    return {"choices": [{"delta": {"content": text}, "finish_reason": "length"}]}


def _text(data: bytes | bytearray) -> str:
    """The JSON string at the start of `data`, without a character that its end cuts."""
    escaped = data.decode("utf-8", "ignore")
    for missing in range(_LONGEST_ESCAPE):
        try:
            text, _ = _DECODER.raw_decode(f'"{escaped[: len(escaped) - missing]}"')
        except JSONDecodeError:
            continue
        return str(text)
    return ""
