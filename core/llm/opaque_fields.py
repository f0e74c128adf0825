"""Gathers the fields of a streamed answer that Parley does not read. Pure.

Some endpoints refuse the results of tool calls unless such fields come back with the calls: `reasoning_content` of
https://api-docs.deepseek.com/guides/thinking_mode, `extra_content` of https://ai.google.dev/gemini-api/docs/openai,
`reasoning_details` of https://openrouter.ai/docs/guides/best-practices/reasoning-tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MOST_CHARS = 400_000
"""The largest size of the fields of one answer, in characters of JSON. Larger ones are not kept: a part of them
would not be the value that the endpoint sent."""
_READ = frozenset({"role", "content", "tool_calls", "function_call", "refusal", "annotations", "audio", "name"})
"""Fields of an answer that Parley reads, and fields that endpoints do not take in a request."""
_PIECES = ("text", "summary", "data")
"""The keys of an entry of a list whose values come in pieces."""


class OpaqueFields:
    """The fields of one answer but those in `read`. Texts are joined over the pieces, and the entries of a list by
    their `index` and `type`; of other values the last one counts."""

    def __init__(self, read: frozenset[str] = _READ) -> None:
        self._read = read
        self._texts: dict[str, list[str]] = {}
        self._values: dict[str, Any] = {}
        self._length = 0

    def add(self, fields: Mapping[str, Any]) -> None:
        """Add the fields of one piece of the answer."""
        for name, value in fields.items():
            if name in self._read or value is None or value in ("", [], {}) or self._length > MOST_CHARS:
                continue
            self._length += len(name) + len(value if isinstance(value, str) else json.dumps(value))
            if isinstance(value, str):
                self._texts.setdefault(name, []).append(value)
            elif isinstance(value, list):
                _extend(self._values.setdefault(name, []), value)
            else:
                self._values[name] = value

    def to_json(self) -> str:
        """The fields as a JSON object; empty without any, and where they are larger than MOST_CHARS."""
        fields = self._values | {name: "".join(pieces) for name, pieces in self._texts.items()}
        return json.dumps(fields, ensure_ascii=False) if fields and self._length <= MOST_CHARS else ""


def _extend(entries: object, more: list[Any]) -> None:
    """Add entries to a list; one that goes on with the last entry is joined to it."""
    if not isinstance(entries, list):
        return
    for entry in more:
        last = entries[-1] if entries else None
        if isinstance(entry, dict) and isinstance(last, dict) and _same(last, entry):
            for key, value in entry.items():
                joined = key in _PIECES and isinstance(value, str) and isinstance(last.get(key), str)
                if value is not None:
                    last[key] = last[key] + value if joined else value
        else:
            entries.append(dict(entry) if isinstance(entry, dict) else entry)


def _same(last: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    return "index" in entry and (last.get("index"), last.get("type")) == (entry["index"], entry.get("type"))
