"""Builds the JSON body of a chat completion request. Pure.

Format: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from core.llm.messages import calls_to_words, is_empty, message_to_json, tool_to_json
from core.llm.request_repairs import (
    FURTHER,
    OPAQUE,
    REASONING,
    ROLES,
    SIGNATURE,
    STREAM,
    SYSTEM,
    TOOL_CHOICE,
    TOOL_SCHEMA,
    TOOLS,
)
from core.ports.model import Request
from core.values.conversation import Message, Role, text_message

BEGINNING_MISSING = "(The beginning of this conversation is missing.)"
"""The user message that is inserted before a leading answer, because alternating templates refuse a list that begins
with one."""
GO_ON = "Go on."
_WITHOUT_TOOLS = frozenset({TOOLS, TOOL_SCHEMA, SIGNATURE})


def request_to_body(
    request: Request, repairs: frozenset[str] = frozenset(), endpoint: str = ""
) -> dict[str, Any]:
    """The body without the fields in `repairs`, and in the form that other repairs of `core.llm.request_repairs` ask
    for. A repair of one name of the maximum answer length sends the other name. `endpoint`: whose opaque fields go back
    (`Opaque.endpoint`).

    `stream_options` is always sent: without it a stream has no usage. `parallel_tool_calls` is never sent: few
    endpoints know it. Without tools there are no tool calls in the messages either, which some endpoints refuse.
    """
    tools = sends_tools(request, repairs)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": _messages_to_json(
            request.messages if tools else calls_to_words(request.messages), repairs, endpoint
        ),
        "stream": STREAM not in repairs,
    }
    if tools:
        body["tools"] = [tool_to_json(tool) for tool in request.tools]
        body |= {} if request.may_call else {"tool_choice": "none"}
    if body["stream"]:
        body["stream_options"] = {"include_usage": True}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_completion_tokens" if "max_tokens" in repairs else "max_tokens"] = request.max_tokens
    return {name: value for name, value in body.items() if name == STREAM or name not in repairs}


def repaired(
    request: Request, repairs: frozenset[str], refused: str, endpoint: str = ""
) -> frozenset[str] | None:
    """`repairs` with one more for the `refused` part, or None if none would change the request."""
    body = request_to_body(request, repairs, endpoint)
    for name in (refused, FURTHER.get(refused, "")):
        if name and name not in repairs and request_to_body(request, repairs | {name}, endpoint) != body:
            return repairs | {name}
    return None


def sends_tools(request: Request, repairs: frozenset[str]) -> bool:
    """True if the body has tools. Without `tool_choice` nothing but their absence keeps a model from calling them."""
    without = _WITHOUT_TOOLS if request.may_call else _WITHOUT_TOOLS | {TOOL_CHOICE}
    return bool(request.tools) and not without & repairs


def _messages_to_json(
    messages: Iterable[Message], repairs: frozenset[str], endpoint: str
) -> list[dict[str, Any]]:
    sender = "" if OPAQUE in repairs else endpoint
    made = [one for message in _messages(messages, repairs) for one in message_to_json(message, sender)]
    if REASONING in repairs:
        made = [{REASONING: ""} | one if one["role"] == "assistant" else one for one in made]
    return made


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
