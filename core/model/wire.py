"""Chunks of a chat completion in, deltas out. Pure. A whole completion is one chunk that says it all.

Endpoints differ in almost every field (null, missing, empty, of another type), so nothing is taken on trust.
Format: https://platform.openai.com/docs/api-reference/chat/streaming; the departures from it are those of
real servers, each a case of `tests/fakes/completions/quirks.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.errors import Code, ModelError
from core.model.bodies import looks_like_error
from core.model.echo import NOTHING, Sent
from core.model.faults import fault, from_chunk
from core.types import Calling, Delta, Ended, EndReason, Text, Thinking, Usage

_NOT_YET = frozenset({"null", "none"})
"""What some gateways make of a `null` on the way."""
_FAILED = frozenset({"error", "network_error", "insufficient_system_resource"})
_REASONS: dict[str, EndReason] = {
    "length": EndReason.LENGTH,
    "max_tokens": EndReason.LENGTH,
    "max_output_tokens": EndReason.LENGTH,
    "tool_calls": EndReason.TOOLS,
    "function_call": EndReason.TOOLS,
    "tool_use": EndReason.TOOLS,
    "content_filter": EndReason.POLICY,
    "safety": EndReason.POLICY,
    "sensitive": EndReason.POLICY,
    "refusal": EndReason.POLICY,
    "recitation": EndReason.POLICY,
    "prohibited_content": EndReason.POLICY,
    "blocklist": EndReason.POLICY,
}
_STOPS = frozenset({"stop", "end_turn", "eos", "eos_token", "stop_sequence", "abort", "load"})

_OPEN, _CLOSE = "<think>", "</think>"
_OPENING = re.compile(rf"\s*{_OPEN}")
_HALVES = re.compile("[\ud800-\udfff]")
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")
_MOST_TOKENS = 1_000_000_000
"""A larger count is no count, and no database takes it."""


class Answer:
    """One answer as it arrives. `take` each chunk, then `end`: deltas come out in order, `Ended` last.

    Only a finish reason makes an answer whole. `finish` is the first that came, as the endpoint wrote it; it
    may be one that says the answer failed. `words` counts the pieces of text, reasoning and tool calls. `error` is
    what the endpoint itself reported before the answer was finished, words beside it come out first. What goes
    wrong after the finish is kept in `ignored`, for the log.
    """

    def __init__(self, key: str = "", sent: Sent = NOTHING) -> None:
        self.finish = ""
        self.ignored = ""
        self.error: ModelError | None = None
        self.begun = False
        self.words = 0
        self._key = key
        self._sent = sent
        self._model = ""
        self._usage: dict[str, Any] | None = None
        self._refused = False
        self._wrote = False
        self._in_messages = False
        self._calls: list[_Call] = []
        self._tags: _Tags | None = _Tags()
        self._half = ""

    def take(self, chunk: dict[str, Any]) -> list[Delta]:
        """Nothing comes out once there is an `error`."""
        if self.error is not None:
            return []
        self.begun = True
        if "error" in chunk or "base_resp" in chunk or not chunk.get("choices"):
            self._check(chunk)
        usage = chunk.get("usage")
        if usage and isinstance(usage, dict) and (usage.get("prompt_tokens") or usage.get("completion_tokens")):
            self._usage = usage
        choices = chunk.get("choices")
        if not choices or not isinstance(choices, list) or not isinstance(choices[0], dict):
            return []
        # Whatever its index: we ask for one, and there are gateways that count the blocks of an answer in it.
        choice = choices[0]
        if "error" in choice:
            self._check({"error": choice["error"]})
        delta = choice.get("delta")
        whole = not delta
        if whole and (self._in_messages or not self.words):  # else it repeats what has come, as MiniMax does
            delta = choice.get("message")
            self._in_messages = bool(delta)
        deltas = self._delta(delta, whole) if delta and isinstance(delta, dict) else []
        finish = choice.get("finish_reason")
        if finish and not self.finish and isinstance(finish, str) and finish.lower() not in _NOT_YET:
            model = chunk.get("model")
            self._model = model if isinstance(model, str) else ""
            self.finish = finish
        return deltas

    def end(self) -> list[Delta]:
        """What was held back, the tool calls, and `Ended`.

        Raises ModelError: `error`, CUT, EMPTY, GARBLED, or ERROR_IN_STREAM where the finish reason says so.
        """
        if self.error is not None:
            raise self.error
        if not self.finish:
            raise fault(Code.CUT, "no finish reason came") if self.begun else fault(Code.EMPTY, "nothing came")
        finish = self.finish.lower()
        if finish in _FAILED:
            raise fault(Code.ERROR_IN_STREAM, f"finish reason {finish!r}")
        if finish not in _REASONS and finish not in _STOPS:
            self.ignored = self.ignored or f"unknown finish reason {finish[:40]!r}, taken as stop"
        reason = _REASONS.get(finish, EndReason.STOP)
        deltas: list[Delta] = []
        if self._tags is not None:
            deltas += self._seen(self._tags.end())
        calls = [call for call in self._calls if call.complete] if reason is not EndReason.LENGTH else []
        deltas += [Calling(call.id or f"call_{n}", call.name, call.arguments) for n, call in enumerate(calls)]
        if calls:
            reason = EndReason.TOOLS
        elif self._refused and reason is EndReason.STOP:
            reason = EndReason.POLICY
        if not self._wrote and not calls and reason in (EndReason.STOP, EndReason.TOOLS):
            if self._calls:
                raise fault(Code.GARBLED, "the arguments of a tool call are not JSON")
            raise fault(Code.EMPTY, f"finish reason {finish[:40]!r}, but no text and no tool call")
        if reason is EndReason.TOOLS and not calls:
            reason = EndReason.STOP
        deltas.append(Ended(reason, _usage(self._usage), self._model))
        return deltas

    def _check(self, chunk: dict[str, Any]) -> None:
        if looks_like_error(chunk):
            error = from_chunk(chunk, self._key, self._sent)
            if self.finish:
                self.ignored = self.ignored or error.detail
            else:
                self.error = error

    def _delta(self, delta: dict[str, Any], whole: bool) -> list[Delta]:
        deltas: list[Delta] = []
        if len(delta) > 1 or "content" not in delta:
            for name in _REASONING:
                thought = delta.get(name)
                if thought and (words := _words(thought)):
                    self.words += 1
                    deltas.append(Thinking(_whole(words)))
                    break
            if (calls := delta.get("tool_calls")) and isinstance(calls, list):
                self.words += 1
                self._call(calls, whole)
            if (refusal := delta.get("refusal")) and isinstance(refusal, str):
                self.words += 1
                self._refused = True
                deltas += self._seen([Text(_whole(refusal))])
        content = delta.get("content")
        if content:
            self.words += 1
            if not isinstance(content, str):
                content = _words(content)
            if self._half or (not content.isascii() and _HALVES.search(content)):
                content = self._mend(content)
            if not content:
                return deltas
            if self._tags is None:
                self._wrote = True
                deltas.append(Text(content))
            else:
                deltas += self._seen(self._tags.feed(content))
                if self._tags.over:
                    self._tags = None
        return deltas

    def _seen(self, deltas: list[Delta]) -> list[Delta]:
        self._wrote = self._wrote or any(isinstance(delta, Text) for delta in deltas)
        return deltas

    def _mend(self, text: str) -> str:
        """Escapes in JSON can cut a character in two: a first half waits for its second, one alone is U+FFFD."""
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return _whole(text)

    def _call(self, parts: list[Any], whole: bool) -> None:
        """Which call a part belongs to: by its index, unless another id says that a new call has begun (some
        endpoints give none, LiteLLM gives all of them 0); without both, to the last."""
        for number, part in enumerate(parts):
            if not isinstance(part, dict):
                continue
            index, id_ = part.get("index", number if whole else None), part.get("id")
            id_ = id_ if isinstance(id_, str) else ""
            call = next((c for c in reversed(self._calls) if index is None or c.index == index), None)
            if call is None or (id_ and id_ != call.id and (call.id or index is None)):
                call = _Call(index)
                self._calls.append(call)
            call.id = call.id or id_
            function = part.get("function")
            if isinstance(function, dict):
                call.add(function.get("name"), function.get("arguments"))


@dataclass(slots=True)
class _Call:
    index: object
    id: str = ""
    name: str = ""
    arguments: str = ""

    def add(self, name: object, arguments: object) -> None:
        """The name comes whole, once; arguments come in pieces, or from some as an object."""
        if isinstance(name, str) and not self.name:
            self.name = name
        if isinstance(arguments, str):
            self.arguments += arguments
        elif isinstance(arguments, dict):
            self.arguments += json.dumps(arguments)

    @property
    def complete(self) -> bool:
        """May it be run? Arguments that were cut off are no JSON; no arguments at all are allowed."""
        if not self.name:
            return False
        try:
            json.loads(self.arguments or "{}")
        except (ValueError, RecursionError):
            return False
        return True


class _Tags:
    """Takes every `<think>...</think>` at the very start of a message out of its text, wherever it is cut."""

    def __init__(self) -> None:
        self.over = False
        self._inside = False
        self._trim = False
        self._held = ""

    def feed(self, text: str) -> list[Delta]:
        return list(self._feed(text))

    def end(self) -> list[Delta]:
        held, self._held = self._held.lstrip() if self._trim else self._held, ""
        if not held:
            return []
        return [Thinking(held) if self._inside else Text(held)]

    def _feed(self, text: str) -> Iterator[Delta]:
        held, at = self._held + text, 0
        while True:
            if not self._inside:
                opening = _OPENING.match(held, at)
                if opening is None:
                    break
                self._inside, self._trim, at = True, False, opening.end()
            close = held.find(_CLOSE, at)
            end = close if close >= 0 else len(held) - _overlap(held[at:], _CLOSE)
            if end > at:
                yield Thinking(held[at:end])
            if close < 0:
                self._held = held[end:]
                return
            self._inside, self._trim, at = False, True, close + len(_CLOSE)
        self._held = held[at:]
        start = self._held.lstrip()
        if not _OPEN.startswith(start):
            text, self._held = start if self._trim else self._held, ""
            self.over = True
            yield Text(text)


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)


def _whole(text: str) -> str:
    """`text` without half characters: two halves become one, one alone U+FFFD."""
    if text.isascii() or not _HALVES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _words(value: object) -> str:
    """The text in a string, or in a list of parts with a `text` (reasoning_details, content parts)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [part.get("text") or part.get("summary") for part in value if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    return ""


def _usage(value: dict[str, Any] | None) -> Usage | None:
    if value is None:
        return None
    details = value.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else 0
    prompt, completion = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    return Usage(prompt, completion, _count(reasoning)) if prompt or completion else None


def _count(value: object) -> int:
    return value if type(value) is int and 0 < value <= _MOST_TOKENS else 0
