"""Answers of a completions endpoint as values: which bytes, in which pieces, when, and how it ends."""

import json
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Literal

Json = dict[str, Any]
Headers = tuple[tuple[str, str], ...]
Step = bytes | float

SSE: Headers = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache"))
JSON: Headers = (("Content-Type", "application/json"),)
HTML: Headers = (("Content-Type", "text/html; charset=utf-8"),)
PLAIN: Headers = (("Content-Type", "text/plain; charset=utf-8"),)
DONE = b"data: [DONE]\n\n"
ID = "chatcmpl-test"
CREATED = 1760000000


@dataclass(frozen=True, slots=True)
class Raw:
    """Exact bytes. In `steps` bytes are sent as they are, a float is a pause in seconds.

    `framing`: "chunked" (each bytes step is one HTTP chunk), "length" (Content-Length), "eof" (HTTP/1.0, the
    close is the end), "verbatim" (after the head nothing is added). `status` 0 sends no head at all.
    `end`: "close" is a proper end; "cut" closes too early (FIN without the last chunk, or short of the length),
    "reset" sends RST, "half" sends FIN but keeps the socket, "hang" falls silent until the client leaves.
    """

    steps: tuple[Step, ...]
    status: int = 200
    headers: Headers = SSE
    framing: Literal["chunked", "length", "eof", "verbatim"] = "chunked"
    end: Literal["close", "cut", "reset", "half", "hang"] = "close"
    after_s: float = 0.0

    @property
    def body(self) -> bytes:
        return b"".join(step for step in self.steps if isinstance(step, bytes))

    @property
    def head(self) -> bytes:
        if not self.status:
            return b""
        headers = list(self.headers)
        if self.framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
        elif self.framing == "length":
            missing_bytes = 0 if self.end == "close" else 100
            headers.append(("Content-Length", str(len(self.body) + missing_bytes)))
        version = "1.0" if self.framing == "eof" else "1.1"
        lines = [f"HTTP/{version} {self.status} {_reason(self.status)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode()

    def timeline(self) -> list[tuple[float, bytes]]:
        """Every write with its moment, in seconds after the request was read."""
        at_s = self.after_s
        writes = [(at_s, self.head)] if self.status else []
        for step in self.steps:
            if isinstance(step, bytes):
                writes.append((at_s, http_chunk(step) if self.framing == "chunked" else step))
            else:
                at_s += step
        if self.framing == "chunked" and self.end == "close":
            writes.append((at_s, b"0\r\n\r\n"))
        elif self.steps and not isinstance(self.steps[-1], bytes):
            writes.append((at_s, b""))  # a pause before the end counts too
        return writes

    def on_wire(self, body: Json) -> "Raw":
        return self


@dataclass(frozen=True, slots=True)
class Words:
    """`text` word by word, `per_s` words a second (None: at once). Whole JSON if the request does not stream.

    Like OpenAI it sends usage in a stream only if `stream_options.include_usage` asks for it.
    `calls` are tool calls as (id, name, arguments), without an id where it is empty; `extras` are further keys of each.
    `head_after_s` delays even the status line.
    """

    text: str
    per_s: float | None = None
    finish: str = "stop"
    usage: bool = True
    reasoning: str | None = None
    first_after_s: float = 0.0
    head_after_s: float = 0.0
    calls: tuple[tuple[str, str, str], ...] = ()
    extras: tuple[Json, ...] = ()

    def on_wire(self, body: Json) -> Raw:
        if not body.get("stream"):
            answer = completion(
                self.text, self.finish, reasoning=self.reasoning, calls=self.calls, request=body
            )
            for call, extra in zip(
                answer["choices"][0]["message"].get("tool_calls", ()), self.extras, strict=False
            ):
                call |= extra
            if not self.usage:
                del answer["usage"]
            return Raw((encode(answer),), 200, JSON, "length", "close", self._head_s(False))
        model = str(body.get("model"))
        deltas: list[Json] = [{"reasoning_content": word} for word in split_words(self.reasoning or "")]
        deltas += [{"content": word} for word in split_words(self.text)]
        for index, (call_id, name, arguments) in enumerate(self.calls):
            first = call_delta(index, call_id or None, name, "")
            first["tool_calls"][0] |= dict(enumerate(self.extras)).get(index, {})
            deltas.append(first)
            deltas += [call_delta(index, None, None, arguments[n : n + 8]) for n in range(0, len(arguments), 8)]
        pause_s = 1 / self.per_s if self.per_s else 0.0
        steps: list[Step] = [event(chunk({"role": "assistant", "content": ""}, model=model))]
        for number, delta in enumerate(deltas):
            wait_s = pause_s if number else self.first_after_s
            steps += [wait_s] if wait_s else []
            steps.append(event(chunk(delta, model=model)))
        if not deltas and self.first_after_s:
            steps.append(self.first_after_s)
        steps.append(event(chunk({}, "tool_calls" if self.calls else self.finish, model=model)))
        if self.usage and (body.get("stream_options") or {}).get("include_usage"):
            steps.append(event(usage_chunk(count_tokens(body, len(deltas)), model=model)))
        return Raw((*steps, DONE), after_s=self._head_s(True))

    def _head_s(self, streams: bool) -> float:
        return self.head_after_s + (0.0 if streams else self.first_after_s)


@dataclass(frozen=True, slots=True)
class Citing(Words):
    """Words with `[2]` where the model cites the second of the earlier answers in its request: it writes the mark that
    the request gives as `cite`."""

    def on_wire(self, body: Json) -> Raw:
        marks = {number: mark for mark, number in _MARK.findall(json.dumps(body["messages"]))}
        cited = _NUMBER.sub(lambda found: marks.get(found[1], found[0]), self.text)
        return Words.on_wire(replace(self, text=cited), body)


_MARK = re.compile(r'cite[\\"]+: [\\"]+(\[[a-z]+([0-9]+)\])')
_NUMBER = re.compile(r"\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Whole:
    """One JSON completion, even if a stream was asked for."""

    text: str
    finish: str = "stop"

    def on_wire(self, body: Json) -> Raw:
        answer = completion(self.text, self.finish, request=body)
        return Raw((encode(answer),), 200, JSON, "length")


@dataclass(frozen=True, slots=True)
class Status:
    """A plain HTTP response. A dict is sent as JSON, other text as HTML if it starts with "<"."""

    code: int
    body: Json | str = ""
    headers: Headers = ()

    def on_wire(self, body: Json) -> Raw:
        if isinstance(self.body, dict):
            data, kind = encode(self.body), JSON
        else:
            data, kind = self.body.encode(), HTML if self.body.startswith("<") else PLAIN
        return Raw((data,), self.code, (*kind, *self.headers), "length")


@dataclass(frozen=True, slots=True)
class Refused:
    """The connection is reset without one byte of answer. For a refused connect see `closed_port_url`."""

    def on_wire(self, body: Json) -> Raw:
        return Raw((), status=0, framing="verbatim", end="reset")


Reply = Words | Whole | Status | Raw | Refused


def redirect(status: int, location: str) -> Raw:
    headers = (*HTML, ("Location", location))
    return Raw((b"<html><body>Moved</body></html>",), status, headers, "length")


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(value: object) -> bytes:
    return b"data: " + encode(value) + b"\n\n"


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def dribble(data: bytes, size_bytes: int = 7, pause_s: float = 0.0) -> tuple[Step, ...]:
    """`data` in pieces of `size_bytes`, cutting through characters and line ends alike."""
    pieces: list[Step] = []
    for start in range(0, len(data), size_bytes):
        pieces += [pause_s] if pause_s and start else []
        pieces.append(data[start : start + size_bytes])
    return tuple(pieces)


def split_words(text: str) -> list[str]:
    """Words with the white space after them; Chinese by the character. Joined they are `text`."""
    wide = "\u2e80-\u9fff\uff00-\uffef"
    return re.findall(rf"[{wide}]\s*|[^\s{wide}]+\s*|\s+", text)


def chunk(delta: Json | None, finish: str | None = None, *, model: str = "test-model", **more: Any) -> Json:
    return _chunk([{"index": 0, "delta": delta, "finish_reason": finish}], model) | more


def usage_chunk(usage: Json, *, model: str = "test-model") -> Json:
    return _chunk([], model) | {"usage": usage}


def call_delta(index: int | None, call_id: str | None, name: str | None, arguments: str | None) -> Json:
    """One tool call delta; what is None is left out of it."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call: Json = {} if index is None else {"index": index}
    if call_id is not None:
        call |= {"id": call_id, "type": "function"}
    return {"tool_calls": [call | {"function": function}]}


def completion(
    text: str | None,
    finish: str = "stop",
    *,
    reasoning: str | None = None,
    calls: tuple[tuple[str, str, str], ...] = (),
    request: Json | None = None,
) -> Json:
    message: Json = {"role": "assistant", "content": text}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call_id, name, arguments in calls
        ]
    request = request or {}
    return {
        "id": ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": str(request.get("model", "test-model")),
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else finish}],
        "usage": count_tokens(request, len(split_words(text or ""))),
    }


def count_tokens(request: Json, completion_tokens: int) -> Json:
    prompt_tokens = len(encode(request.get("messages", []))) // 4
    total_tokens = prompt_tokens + completion_tokens
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": total_tokens,
    }


def _chunk(choices: list[Json], model: str) -> Json:
    return {
        "id": ID,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": choices,
    }


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
