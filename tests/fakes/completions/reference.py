"""The form of a request: the fields that endpoints take, and the order of messages that they require.

Source: the field list of the reference endpoint (https://zrapi.org/v1/chat/completions), and `stream_options`,
`max_completion_tokens`, `tool_choice` of https://platform.openai.com/docs/api-reference/chat/create.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

FIELDS = {"model", "messages", "stream", "stream_options", "temperature", "tools", "tool_choice"} | {
    "max_tokens",
    "max_completion_tokens",
}
MOST_TOOLS = 128
MESSAGE_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "tool_calls", "reasoning_content", "reasoning", "reasoning_details"},
    "tool": {"role", "content", "tool_call_id"},
}


def request_body_problems(body: Any) -> list[str]:
    """Everything an endpoint could object to, in words; empty if the request is sound."""
    if not isinstance(body, dict):
        return ["the body is not an object"]
    return [*_field_problems(body), *tool_problems(body), *_message_problems(body.get("messages"))]


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


def tool_problems(body: dict[str, Any]) -> Iterator[str]:
    """The problems for which endpoints refuse tools, calls and results."""
    if "tools" in body and not _are_tools(body["tools"]):
        yield "tools is not a list of functions"
    elif len(body.get("tools", ())) > MOST_TOOLS:
        yield f"tools has more than {MOST_TOOLS} entries"
    if "tool_choice" in body and "tools" not in body:
        yield "tool_choice without tools"
    waiting: set[str] = set()
    messages = body.get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        if not isinstance(message, dict):
            continue
        where, role = f"messages[{number}]", message.get("role")
        if role != "tool" and waiting:
            yield f"{where} comes before the answers of tool calls {sorted(waiting)}"
            waiting = set()
        if role == "tool" and message.get("tool_call_id") not in waiting:
            yield f"{where} answers no tool call"
        if role == "tool" and not isinstance(message.get("content"), str):
            yield f"{where} has a content of a tool that is no text"
        waiting.discard(message.get("tool_call_id", ""))
        if "tool_calls" in message:
            if not _are_calls(message["tool_calls"]):
                yield f"{where} has malformed tool_calls"
            else:
                waiting |= {call["id"] for call in message["tool_calls"]}
    if waiting:
        yield f"tool calls {sorted(waiting)} have no answer"


def _message_problems(messages: Any) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "messages is not a list with something in it"
        return
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    if next((role for role in roles if role != "system"), None) != "user":
        yield "the first message after the system's is not the user's"
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
            case {"type": "function", "function": {"name": str(name), "parameters": {"type": kind}}}:
                return _is_name(name) and kind == "object"
            case {"type": "function", "function": {"name": str(name)}}:
                return _is_name(name) and "parameters" not in tool["function"]
        return False

    if not isinstance(tools, list) or not tools or not all(is_tool(tool) for tool in tools):
        return False
    return len({tool["function"]["name"] for tool in tools}) == len(tools)


def _are_calls(calls: Any) -> bool:
    def is_call(call: Any) -> bool:
        match call:
            case {"id": str(id_), "type": "function", "function": {"name": str(name), "arguments": str(text)}}:
                return bool(id_) and _is_name(name) and _is_object(text)
        return False

    if not isinstance(calls, list) or not calls or not all(is_call(call) for call in calls):
        return False
    return len({call["id"] for call in calls}) == len(calls)


def _is_name(name: str) -> bool:
    return re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) is not None


def _is_object(text: str) -> bool:
    """Chat templates parse the arguments of calls: https://github.com/vllm-project/vllm"""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
