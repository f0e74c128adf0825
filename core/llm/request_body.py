"""What is sent: a request as the JSON body of a chat completion, in the form that its endpoint takes. Pure.

Format: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from core.llm.messages import is_empty, message_to_json
from core.llm.request_repairs import FURTHER, ROLES, STREAM, SYSTEM
from core.ports.model import Request
from core.values.conversation import Message, Role, text_message

BEGINNING_MISSING = "(The beginning of this conversation is missing.)"
"""Stands for the user's first message where a list begins with an answer, which alternating templates refuse."""
GO_ON = "Go on."


def request_to_body(request: Request, repairs: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The body without the fields in `repairs`, and in the form that the others of `core.llm.request_repairs` ask for.
    Of the two names for the longest answer the other is used.

    `stream_options` is the one field sent unasked: without it there is no usage in a stream.
    """
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            made for message in _messages(request.messages, repairs) for made in message_to_json(message)
        ],
        "stream": STREAM not in repairs,
    }
    if body["stream"]:
        body["stream_options"] = {"include_usage": True}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_completion_tokens" if "max_tokens" in repairs else "max_tokens"] = request.max_tokens
    return {name: value for name, value in body.items() if name == STREAM or name not in repairs}


def repaired(request: Request, repairs: frozenset[str], refused: str) -> frozenset[str] | None:
    """`repairs` with one more for what was `refused`, or None where none would change the request."""
    body = request_to_body(request, repairs)
    for name in (refused, FURTHER.get(refused, "")):
        if name and name not in repairs and request_to_body(request, repairs | {name}) != body:
            return repairs | {name}
    return None


def _messages(messages: Iterable[Message], repairs: frozenset[str]) -> list[Message]:
    """Never one without words: strict endpoints refuse the whole list for it."""
    kept = [message for message in messages if not is_empty(message)]
    if SYSTEM in repairs:
        return _alternating(_without_system(kept))
    return _alternating(kept) if ROLES in repairs else kept


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The system's text before the words of the first user message; neighbours of one role are joined later."""
    return [replace(message, role="user") if message.role == "system" else message for message in messages]


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """At most one system message, then user and assistant in turns from user to user. Every word stays, in order."""
    said: list[Message] = []
    for message in messages:
        begins = not said or said[-1].role == "system"
        if message.role == "assistant" and begins:
            said.append(text_message("user", BEGINNING_MISSING))
        role: Role = "user" if message.role == "system" and said and said[-1].role != "system" else message.role
        if said and said[-1].role == role:
            said[-1] = replace(said[-1], parts=said[-1].parts + message.parts)
        else:
            said.append(replace(message, role=role))
    if said and said[-1].role == "assistant":
        said.append(text_message("user", GO_ON))
    return said
