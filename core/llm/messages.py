"""Messages and their parts as an endpoint takes them. Pure.

Format: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import Any, assert_never

from core.text import is_blank
from core.values.conversation import Message
from core.values.parts import File, Image, Part, Quote, Text, ToolCall, ToolResult

_FENCES = re.compile("`{3,}")
_SEPARATOR = "\n\n"


def message_to_text(message: Message) -> str:
    """All words of a message, those of its tool calls too."""
    return _join(_words(part) for part in message.parts)


def without_images(message: Message) -> Message:
    """The message without its pictures."""
    return replace(message, parts=tuple(part for part in message.parts if not isinstance(part, Image)))


def is_empty(message: Message) -> bool:
    """Whether a message holds nothing but white space."""
    return all(isinstance(part, Text) and is_blank(part.text) for part in message.parts)


def message_to_json(message: Message) -> list[dict[str, Any]]:
    """A message as the endpoint's messages: one, or one for each tool result.

    Tools: https://platform.openai.com/docs/guides/function-calling
    """
    if message.role == "tool":
        results = (part for part in message.parts if isinstance(part, ToolResult))
        return [{"role": "tool", "tool_call_id": part.call_id, "content": part.text} for part in results]
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    made: dict[str, Any] = {"role": message.role, "content": _content(message, calls)}
    if calls:
        made["tool_calls"] = [_call_to_json(call) for call in calls]
    return [made]


def _content(message: Message, calls: list[ToolCall]) -> str | list[dict[str, Any]]:
    """The text, or a list of texts and pictures: https://platform.openai.com/docs/guides/images-vision"""
    said = [part for part in message.parts if part not in calls]
    if not any(isinstance(part, Image) for part in said):
        return _join(_words(part) for part in said)
    content: list[dict[str, Any]] = []
    for pictures, parts in groupby(said, lambda part: isinstance(part, Image)):
        if pictures:
            content += [
                {"type": "image_url", "image_url": {"url": part.url}}
                for part in parts
                if isinstance(part, Image)
            ]
        elif not is_blank(text := _join(_words(part) for part in parts)):
            content.append({"type": "text", "text": text})
    return content


def _call_to_json(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _words(part: Part) -> str:
    match part:
        case Text(text) | ToolResult(_, text) | ToolCall(_, _, text):
            return text
        case Quote():
            return _quote_to_text(part)
        case File():
            return _file_to_text(part)
        case Image():
            return ""
    assert_never(part)


def _quote_to_text(quote: Quote) -> str:
    """Every line is marked, so that no quoted words read as another message."""
    source = " ".join(" in ".join(filter(None, (quote.author or "Somebody", quote.place))).split())
    return "\n".join([f"{source} wrote:", *(f"> {line}" for line in quote.text.splitlines())])


def _file_to_text(file: File) -> str:
    """The text stands in a fence that is longer than any in it."""
    name = " ".join(file.name.split())
    if file.problem:
        return f"(The file {name} can't be read: {file.problem})"
    fence = "`" * max([3, *(len(found) + 1 for found in _FENCES.findall(file.text))])
    return f"The file {name}:\n{fence}\n{file.text}\n{fence}"


def _join(texts: Iterable[str]) -> str:
    return _SEPARATOR.join(filter(None, texts))
