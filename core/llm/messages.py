"""Messages and their parts in the format of endpoints. Pure.

Format: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, assert_never

from core.files.names import safe_name
from core.i18n import phrase
from core.text import fenced, is_blank
from core.values.conversation import Message, ThreadMessage
from core.values.parts import (
    EarlierAnswers,
    File,
    FileProblem,
    Image,
    Opaque,
    Part,
    Quote,
    Text,
    ToolCall,
    ToolResult,
    ToolsUsed,
    Unread,
)
from core.values.tools import Tool

_SEPARATOR = "\n\n"
_NOT_IN_NAMES = re.compile("[^a-zA-Z0-9_-]")
_RESULT = "(Parley: the tool {name} was called for this answer. It gave:)\n{text}"


def message_to_text(message: Message) -> str:
    """All text of a message, including its tool calls."""
    return _join(_words(part) for part in message.parts)


def whole_text(line: ThreadMessage) -> str:
    """All text of a message of a thread, including its quotes and files."""
    return message_to_text(Message("user", (Text(line.text), *line.attached)))


def image_to_words(image: Image) -> str:
    """The text that replaces an image. A model can't mistake it for the image's content."""
    return _unseen(image.name)


def description_to_words(image: Image, model: str, description: str) -> str:
    """The text that replaces an image described by `model`. It is one line, so that text in the image can't pass for
    another message."""
    return f"({_named('picture', image.name)}, described by {model}: {' '.join(description.split())})"


def is_empty(message: Message) -> bool:
    """True if a message holds only white space."""
    return all(isinstance(part, Text) and is_blank(part.text) for part in message.parts)


def message_to_json(message: Message, endpoint: str = "") -> list[dict[str, Any]]:
    """The endpoint's messages for one message: one, or one for each tool result.

    Fields that Parley does not read go back only to the `endpoint` that sent them (`Opaque`).
    Tools: https://platform.openai.com/docs/guides/function-calling
    """
    if message.role == "tool":
        results = (part for part in message.parts if isinstance(part, ToolResult))
        return [{"role": "tool", "tool_call_id": part.call_id, "content": part.text} for part in results]
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    made: dict[str, Any] = {"role": message.role, "content": _content(message, calls)}
    own = [
        part for part in message.parts if isinstance(part, Opaque) and endpoint and part.endpoint == endpoint
    ]
    if calls:
        made["tool_calls"] = [_call_to_json(call, extra=bool(own)) for call in calls]
    for part in own:
        made = _to_object(part.fields) | made
    return [made]


def calls_to_words(messages: Sequence[Message]) -> list[Message]:
    """`messages` without tool calls: the results of the tools are in messages of the user, for a model that
    takes no tools or not these calls."""
    said: list[Message] = []
    names: dict[str, str] = {}
    for message in messages:
        names |= {part.id: part.name for part in message.parts if isinstance(part, ToolCall)}
        if message.role == "tool":
            words = [
                Text(_RESULT.format(name=names.get(part.call_id, ""), text=fenced(part.text)))
                for part in message.parts
                if isinstance(part, ToolResult)
            ]
            said.append(Message("user", tuple(words)))
        elif parts := tuple(part for part in message.parts if not isinstance(part, ToolCall | Opaque)):
            said.append(message if len(parts) == len(message.parts) else replace(message, parts=parts))
    return said


def _content(message: Message, calls: list[ToolCall]) -> str | list[dict[str, Any]]:
    """The text, or a list of texts and images: https://platform.openai.com/docs/guides/images-vision

    Only user messages may hold images.
    """
    said = [part for part in message.parts if part not in calls]
    if message.role != "user":
        said = [Text(image_to_words(part)) if isinstance(part, Image) else part for part in said]
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


def tool_to_json(tool: Tool) -> dict[str, Any]:
    """A tool in the format of endpoints."""
    function = {"name": tool.name, "description": tool.description, "parameters": _to_object(tool.parameters)}
    return {"type": "function", "function": function}


def _call_to_json(call: ToolCall, *, extra: bool) -> dict[str, Any]:
    """The call as it came, so far as endpoints take it: chat templates parse the arguments, and names are checked."""
    function = {"name": _NOT_IN_NAMES.sub("_", call.name)[:64], "arguments": call.arguments}
    if not is_object(call.arguments):
        function["arguments"] = "{}"
    made = {"id": call.id, "type": "function", "function": function}
    return _to_object(call.extra) | made if extra else made


def is_object(text: str) -> bool:
    """True if `text` is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _to_object(text: str) -> dict[str, Any]:
    return json.loads(text) if is_object(text) else {}


def _words(part: Part) -> str:
    match part:
        case Text(text) | ToolResult(_, text) | ToolCall(_, _, text) | EarlierAnswers(text):
            return text
        case Quote():
            return _quote_to_text(part)
        case File():
            return _file_to_text(part)
        case Unread(kind):
            return f"(The message also holds {phrase(f'unread_{kind}', 'en')}, which can't be read here.)"
        case ToolsUsed(names):
            return f"(Parley: tools were called for the answer above: {', '.join(names)}.)"
        case Image() | Opaque():
            return ""
    assert_never(part)


def _unseen(name: str) -> str:
    return f"({_named('picture', name)} was attached, but you cannot see it.)"


def _quote_to_text(quote: Quote) -> str:
    """The quote with every line marked, so that quoted text can't pass for another message."""
    source = " ".join(" in ".join(filter(None, (quote.author or "Somebody", quote.place))).split())
    head = f"This replies to what {source} wrote:" if quote.reply else f"{source} wrote:"
    return "\n".join([head, *(f"> {line}" for line in quote.text.splitlines())])


def _file_to_text(file: File) -> str:
    """The text in a fence longer than any inside it."""
    name = _named("file", file.name)
    if file.problem is FileProblem.UNSEEN:
        return _unseen(file.name)
    if file.problem is not None:
        return f"({name} was attached, but you cannot read it: {phrase(f'file_problem_{file.problem}', 'en')}.)"
    if not file.text:
        return f"({name} was attached. Its content is not part of this conversation.)"
    return f"{name}:\n{fenced(file.text)}"


def _named(kind: str, name: str) -> str:
    words = safe_name(name)
    return f"The {kind} {words}" if words else f"A {kind}"


def _join(texts: Iterable[str]) -> str:
    return _SEPARATOR.join(filter(None, texts))
