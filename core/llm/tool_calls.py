"""Assembles streamed tool calls: an id and a name, then arguments in pieces. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from core.llm.opaque_fields import OpaqueFields
from core.values.parts import ToolCall

MOST_CALLS = 128
"""Maximum calls in one answer, equal to OpenAI's maximum number of tools:
https://platform.openai.com/docs/api-reference/chat/create"""

_READ = frozenset({"index", "id", "type", "function"})
_CONTROLS = re.compile("[\x00-\x1f]")
_BROKEN = object()


class ToolCallAssembler:
    """The calls of one answer. `length` counts the characters of all arguments; `full` is set if an answer has more
    than `most_chars` of them or more than MOST_CALLS calls."""

    def __init__(self, most_chars: int, rounds: int = 0) -> None:
        """`rounds`: the earlier answers with calls, so that ids of calls without one are unique."""
        self.length = 0
        self._rounds = rounds
        self._most_chars = most_chars
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def full(self) -> bool:
        return self.length > self._most_chars or len(self._calls) > MOST_CALLS

    def add(self, parts: list[Any], *, whole: bool) -> str:
        """Add pieces to their calls: by index, unless another id begins a new call (some endpoints send no index,
        LiteLLM sends 0 for all); without both, to the last call. Returns the new arguments."""
        new: list[str] = []
        for number, part in enumerate(parts):
            if self.full:
                break
            if isinstance(part, dict):
                new.append(self._add(part, part.get("index", number if whole else None)))
        return "".join(new)

    def named(self) -> list[ToolCall]:
        """The calls that have a name, whether or not their arguments are whole. Their ids are unique in the answer."""
        calls: dict[str, ToolCall] = {}
        for number, call in enumerate(self._calls):
            if call.name:
                own = f"call{self._rounds:02}{number:03}"
                id_ = own if not call.id or call.id in calls else call.id
                calls[id_] = ToolCall(id_, call.name, _repaired(call.text), call.extra.to_json())
        return list(calls.values())

    def _add(self, part: dict[str, Any], index: object) -> str:
        id_ = part.get("id")
        id_ = id_ if isinstance(id_, str) else ""
        call = next((c for c in reversed(self._calls) if index is None or c.index == index), None)
        if call is None or (id_ and id_ != call.id and (call.id or index is None)):
            call = _Call(index, [])
            self._calls.append(call)
        call.id = call.id or id_
        call.extra.add(part)
        function = part.get("function")
        if isinstance(function, dict):
            new = call.add(function.get("name"), function.get("arguments"))
            self.length += len(new)
            return new
        return ""


@dataclass(slots=True)
class _Call:
    index: object
    arguments: list[str]
    id: str = ""
    name: str = ""
    extra: OpaqueFields = field(default_factory=lambda: OpaqueFields(_READ))

    def add(self, name: object, arguments: object) -> str:
        """The name comes whole, once; arguments come in pieces, or from some as an object. Returns the piece."""
        if isinstance(name, str) and not self.name:
            self.name = name
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        if not isinstance(arguments, str) or not arguments:
            return ""
        self.arguments.append(arguments)
        return arguments

    @property
    def text(self) -> str:
        return "".join(self.arguments)


def is_whole(call: ToolCall) -> bool:
    """True if the arguments are JSON, or none. Arguments that were cut off are no JSON."""
    return not call.arguments.strip() or _parse(call.arguments) is not _BROKEN


def _repaired(arguments: str) -> str:
    """The arguments; as strict JSON where they have raw control characters, or are an object inside a string."""
    value = _parse(arguments)
    if isinstance(value, str) and isinstance(_parse(value), dict):
        return value
    if value is _BROKEN or not _CONTROLS.search(arguments):
        return arguments
    return json.dumps(value, ensure_ascii=False)


def _parse(text: str) -> object:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _BROKEN
