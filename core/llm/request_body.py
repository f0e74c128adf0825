"""Builds the JSON body of a chat completion request. Pure.

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
"""The user message that is inserted before a leading answer, because alternating templates refuse a list that begins
with one."""
GO_ON = "Go on."


def request_to_body(request: Request, repairs: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The body without the fields in `repairs`, and in the form that other repairs of `core.llm.request_repairs` ask
    for. A repair of one name of the maximum answer length sends the other name.

    `stream_options` is always sent: without it a stream has no usage.
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
    """`repairs` with one more for the `refused` part, or None if none would change the request."""
    body = request_to_body(request, repairs)
    for name in (refused, FURTHER.get(refused, "")):
        if name and name not in repairs and request_to_body(request, repairs | {name}) != body:
            return repairs | {name}
    return None


def _messages(messages: Iterable[Message], repairs: frozenset[str]) -> list[Message]:
    """The messages without empty ones, for which strict endpoints refuse the whole list."""
    kept = [message for message in messages if not is_empty(message)]
    if SYSTEM in repairs:
        return _alternating(_without_system(kept))
    return _alternating(kept) if ROLES in repairs else kept


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The messages with the system text before the first user message. Neighbours of one role are joined later."""
    return [replace(message, role="user") if message.role == "system" else message for message in messages]


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """At most one system message, then user and assistant alternately, from user to user. All text stays, in order."""
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
