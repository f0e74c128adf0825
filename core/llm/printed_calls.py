"""Reads tool calls that a model prints as text, because its server does not know its format. Pure.

Formats: Hermes and Qwen (`<tool_call>`, https://qwen.readthedocs.io), Llama (`<|python_tag|>`, `<function=...>`,
https://www.llama.com/docs/model-cards-and-prompt-formats), Mistral (`[TOOL_CALLS]`, https://docs.mistral.ai), Gemma
(`<|tool_call>`, https://ai.google.dev/gemma/docs), InternLM (`<|action_start|>`, https://github.com/InternLM/InternLM),
and JSON in a fence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

MOST_CHARS = 4_096
"""Longer printed calls are shown as text."""

Printed = tuple[str, str]
"""A name, and arguments as JSON text."""
_Found = tuple[list[Printed], str] | None
"""The calls at the beginning of a text, and the rest of it."""

_DECODER = json.JSONDecoder(strict=False)
_FENCES = ("```json", "```tool_call", "```")
_IN_FENCE = tuple(
    f'{opening}"{name}"' for opening in ("{", "[{") for name in ("name", "function", "tool", "arguments")
)
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_END_TOKENS = re.compile(r"(?:\s|<\|(?:eom_id|eot_id|im_end)\|>|</s>)+")
_KEY = re.compile(r"([{,]\s*)([A-Za-z_][\w.-]*)\s*:")
_NAME = re.compile(r"\s*([\w.-]{1,64})\s*(?:\[ARGS\])?\s*")
_FUNCTION = re.compile(r"\s*<function=([\w.-]{1,64})>")
_PARAMETER = re.compile(r"\s*<parameter=([^<>\s]{1,64})>")


class PrintedCallFilter:
    """Holds back a text in arbitrary pieces while it may be calls of `offered` tools, up to MOST_CHARS characters.

    `over` is set as soon as it can't be: later pieces need no filtering. `calls` are those that it was.
    """

    def __init__(self, offered: frozenset[str]) -> None:
        self.over = False
        self.calls: list[Printed] = []
        self._offered = offered
        self._held = ""

    def feed(self, text: str) -> str:
        """The text to show now."""
        self._held += text
        if len(self._held) <= MOST_CHARS and _may_open(self._held):
            return ""
        held, self._held, self.over = self._held, "", True
        return held

    def end(self) -> str:
        """The text to show at the end: the held text, or the text behind the calls."""
        held, self._held, self.over = self._held, "", True
        self.calls, rest = printed_to_calls(held, self._offered)
        return rest


def printed_to_calls(text: str, offered: frozenset[str]) -> tuple[list[Printed], str]:
    """The calls that open `text`, and the rest. No call, and the whole text, unless every call is complete and its name
    is `offered`."""
    calls: list[Printed] = []
    rest = text.strip()
    while found := next((found for opening, read in _FORMS if (found := _read(rest, opening, read))), None):
        some, rest = found
        calls += some
        rest = _END_TOKENS.sub("", rest, count=1) if _END_TOKENS.match(rest) else rest
    whole = calls and all(name in offered for name, _ in calls) and not any(map(rest.startswith, _OPENINGS))
    return (calls, rest) if whole else ([], text)


def _may_open(held: str) -> bool:
    """True if a text that begins with `held` may open with a call."""
    if any(opening.startswith(held) for opening in (*_OPENINGS, *_FENCES)):
        return True
    if held.startswith("```"):
        language, _, body = held[3:].partition("\n")
        start = "".join(body[:200].split())
        return f"```{language.strip()}" in _FENCES and any(
            start.startswith(one) or one.startswith(start) for one in _IN_FENCE
        )
    return held.startswith(_OPENINGS)


def _read(text: str, opening: str, read: Callable[[str], _Found]) -> _Found:
    if not text.startswith(opening):
        return None
    try:
        return read(text.removeprefix(opening))
    except (ValueError, RecursionError):
        return None


def _in_tags(close: str) -> Callable[[str], _Found]:
    """Reads JSON, or a function in tags, up to the tag `close`; to the end of the JSON where that is empty."""

    def read(text: str) -> _Found:
        found = _function(text) if _FUNCTION.match(text) else _json(text.removeprefix("<|plugin|>"))
        if found is None or not found[1].lstrip().startswith(close):
            return None
        return found[0], found[1].lstrip().removeprefix(close)

    return read


def _json(text: str) -> _Found:
    """Calls as one JSON value."""
    start = len(text) - len(text.lstrip())
    value, end = _DECODER.raw_decode(text, start)
    calls = [_call(one) for one in (value if isinstance(value, list) else [value])]
    known = [call for call in calls if call is not None]
    return (known, text[end:]) if known and len(known) == len(calls) else None


def _call(value: Any) -> Printed | None:
    """A call as an object with a name and arguments, as OpenAI's `function` or alone."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = value.get("name") or value.get("function") or value.get("tool")
    arguments = next((value[key] for key in _ARGUMENTS if key in value), None)
    if not isinstance(name, str) or not isinstance(arguments, dict | str):
        return None
    return name, arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _function(text: str) -> _Found:
    """`<function=NAME>` with one JSON object or with parameters in tags, and `</function>`."""
    opening = _FUNCTION.match(text)
    if opening is None:
        return None
    body, close, rest = text[opening.end() :].partition("</function>")
    if not close:
        return None
    arguments = json.loads(body, strict=False) if body.lstrip().startswith("{") else _parameters(body)
    return ([(opening[1], json.dumps(arguments, ensure_ascii=False))], rest) if arguments is not None else None


def _parameters(body: str) -> dict[str, Any] | None:
    """The values of `<parameter=NAME>` tags, which are JSON or text. None if anything else is there."""
    arguments: dict[str, Any] = {}
    while parameter := _PARAMETER.match(body):
        value, close, body = body[parameter.end() :].partition("</parameter>")
        if not close:
            return None
        arguments[parameter[1]] = _value(value.removeprefix("\n").removesuffix("\n"))
    return None if body.strip() else arguments


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _mistral(text: str) -> _Found:
    """A list of calls, or a name and its arguments."""
    if text.lstrip().startswith("["):
        return _json(text)
    name = _NAME.match(text)
    if name is None:
        return None
    arguments, end = _DECODER.raw_decode(text, name.end())
    if not isinstance(arguments, dict):
        return None
    return [(name[1], json.dumps(arguments, ensure_ascii=False))], text[end:]


def _gemma(text: str) -> _Found:
    """`call:NAME{...}`: keys without quotes, and texts between `<|"|>`."""
    body, close, rest = text.partition("<tool_call|>")
    name = _NAME.match(body.strip().removeprefix("call:"))
    if not close or name is None:
        return None
    parts = body.strip().removeprefix("call:")[name.end() :].split('<|"|>')
    written = (
        json.dumps(part, ensure_ascii=False) if number % 2 else _KEY.sub(r'\1"\2":', part)
        for number, part in enumerate(parts)
    )
    arguments = json.loads("".join(written))
    if not isinstance(arguments, dict):
        return None
    return [(name[1], json.dumps(arguments, ensure_ascii=False))], rest


def _fenced(text: str) -> _Found:
    """Calls in a fence with nothing behind it: with more text they are an example."""
    found = _json(text)
    if found is None or found[1].strip() != "```":
        return None
    return found[0], ""


_FORMS: tuple[tuple[str, Callable[[str], _Found]], ...] = (
    ("<tool_call>", _in_tags("</tool_call>")),
    ("<function=", lambda text: _function(f"<function={text}")),
    ("<|python_tag|>", _in_tags("")),
    ("[TOOL_CALLS]", _mistral),
    ("<|tool_call>", _gemma),
    ("<|action_start|>", _in_tags("<|action_end|>")),
    *((fence, _fenced) for fence in _FENCES),
)
_OPENINGS = tuple(opening for opening, _ in _FORMS if opening not in _FENCES)
