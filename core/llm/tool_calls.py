"""Assembles streamed tool calls: an id and a name, then arguments in pieces. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.values.parts import ToolCall

MOST_CALLS = 128
"""Maximum calls in one answer, equal to OpenAI's maximum number of tools:
https://platform.openai.com/docs/api-reference/chat/create"""


class ToolCallAssembler:
    """The calls of one answer. `length` counts the characters of all arguments; `full` is set if an answer has more
    than `most_chars` of them or more than MOST_CALLS calls."""

    def __init__(self, most_chars: int) -> None:
        self.length = 0
        self._most_chars = most_chars
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def full(self) -> bool:
        return self.length > self._most_chars or len(self._calls) > MOST_CALLS

    def add(self, parts: list[Any], *, whole: bool) -> None:
        """Add pieces to their calls: by index, unless another id begins a new call (some endpoints send no index,
        LiteLLM sends 0 for all); without both, to the last call."""
        for number, part in enumerate(parts):
            if self.full:
                return
            if isinstance(part, dict):
                self._add(part, part.get("index", number if whole else None))

    def complete(self) -> Iterator[ToolCall]:
        """The calls with complete arguments."""
        calls = (call for call in self._calls if call.complete)
        return (ToolCall(call.id or f"call_{n}", call.name, call.text) for n, call in enumerate(calls))

    def _add(self, part: dict[str, Any], index: object) -> None:
        id_ = part.get("id")
        id_ = id_ if isinstance(id_, str) else ""
        call = next((c for c in reversed(self._calls) if index is None or c.index == index), None)
        if call is None or (id_ and id_ != call.id and (call.id or index is None)):
            call = _Call(index, [])
            self._calls.append(call)
        call.id = call.id or id_
        function = part.get("function")
        if isinstance(function, dict):
            self.length += call.add(function.get("name"), function.get("arguments"))


@dataclass(slots=True)
class _Call:
    index: object
    arguments: list[str]
    id: str = ""
    name: str = ""

    def add(self, name: object, arguments: object) -> int:
        """The name comes whole, once; arguments come in pieces, or from some as an object. How many characters."""
        if isinstance(name, str) and not self.name:
            self.name = name
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        if not isinstance(arguments, str) or not arguments:
            return 0
        self.arguments.append(arguments)
        return len(arguments)

    @property
    def text(self) -> str:
        return "".join(self.arguments)

    @property
    def complete(self) -> bool:
        """May it be run? Arguments that were cut off are no JSON; no arguments at all are allowed."""
        if not self.name:
            return False
        try:
            json.loads(self.text or "{}", strict=False)
        except (ValueError, RecursionError):
            return False
        return True
