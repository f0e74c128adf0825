"""What a request may look like: the fields that endpoints take, and the order of messages they insist on.

Source: the field list of the reference endpoint (https://zrapi.org/v1/chat/completions), and `stream_options`,
`max_completion_tokens`, `tool_choice` of https://platform.openai.com/docs/api-reference/chat/create.
"""

from collections.abc import Iterator
from typing import Any

FIELDS = {"model", "messages", "stream", "stream_options", "temperature", "tools", "tool_choice"} | {
    "max_tokens",
    "max_completion_tokens",
}
MESSAGE_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "tool_calls"},
    "tool": {"role", "content", "tool_call_id"},
}


def request_body_problems(body: Any) -> list[str]:
    """Everything an endpoint could object to, in words; empty if the request is sound."""
    if not isinstance(body, dict):
        return ["the body is not an object"]
    return [*_field_problems(body), *_message_problems(body.get("messages"))]


def _field_problems(body: dict[str, Any]) -> Iterator[str]:
    for name in sorted(body.keys() - FIELDS):
        yield f"unknown field {name}"
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "model is not a string"
    if not isinstance(body.get("stream", False), bool):
        yield "stream is not a boolean"
    if "stream_options" in body:
        if body["stream_options"] != {"include_usage": True}:
            yield "stream_options is not {include_usage: true}"
        if body.get("stream") is not True:
            yield "stream_options without stream"
    if "temperature" in body and not (_is_number(body["temperature"]) and 0 <= body["temperature"] <= 2):
        yield "temperature is not a number from 0 to 2"
    for name in ("max_tokens", "max_completion_tokens"):
        if name in body and not (type(body[name]) is int and body[name] > 0):
            yield f"{name} is not a positive whole number"
    if {"max_tokens", "max_completion_tokens"} <= body.keys():
        yield "max_tokens and max_completion_tokens together"
    if "tools" in body and not _are_tools(body["tools"]):
        yield "tools is not a list of functions"
    if "tool_choice" in body and "tools" not in body:
        yield "tool_choice without tools"


def _message_problems(messages: Any) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "messages is not a list with something in it"
        return
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    if next((role for role in roles if role != "system"), None) != "user":
        yield "the first message after the system's is not the user's"
    waiting: set[str] = set()
    for number, (role, message) in enumerate(zip(roles, messages, strict=True)):
        where = f"messages[{number}]"
        if role not in MESSAGE_FIELDS:
            yield f"{where} has no known role"
            continue
        for name in sorted(message.keys() - MESSAGE_FIELDS[role]):
            yield f"{where} has an unknown field {name}"
        calls = message.get("tool_calls")
        if not _is_content(message.get("content")) and not (role == "assistant" and calls):
            yield f"{where} has no content"
        if role != "tool" and waiting:
            yield f"{where} comes before the answers of tool calls {sorted(waiting)}"
            waiting = set()
        if role == "tool" and message.get("tool_call_id") not in waiting:
            yield f"{where} answers no tool call"
        waiting.discard(message.get("tool_call_id", ""))
        if "tool_calls" in message:
            if not _are_calls(calls):
                yield f"{where} has malformed tool_calls"
            else:
                waiting |= {call["id"] for call in calls}
    if waiting:
        yield f"tool calls {sorted(waiting)} have no answer"


def _is_content(content: Any) -> bool:
    if isinstance(content, str):
        return True
    return isinstance(content, list) and bool(content) and all(_is_part(part) for part in content)


def _is_part(part: Any) -> bool:
    match part:
        case {"type": "text", "text": str()} | {"type": "image_url", "image_url": {"url": str()}}:
            return len(part) == 2
    return False


def _are_tools(tools: Any) -> bool:
    def is_tool(tool: Any) -> bool:
        match tool:
            case {"type": "function", "function": {"name": str(name)}}:
                return (
                    0 < len(name) <= 64 and name.replace("_", "").replace("-", "").isalnum() and name.isascii()
                )
        return False

    return isinstance(tools, list) and bool(tools) and all(is_tool(tool) for tool in tools)


def _are_calls(calls: Any) -> bool:
    def is_call(call: Any) -> bool:
        match call:
            case {"id": str(), "type": "function", "function": {"name": str(), "arguments": str()}}:
                return True
        return False

    return isinstance(calls, list) and bool(calls) and all(is_call(call) for call in calls)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
