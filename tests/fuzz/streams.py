"""Streams of an endpoint gone wrong in every way at once, and what must hold of any of them.

The grammar is that of real streams, so that most of them get past the first line; then bytes are changed, lost,
doubled and cut. Everything follows from the seed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from random import Random
from typing import Any

import httpx

from core.errors import ModelError
from core.llm.deadline import Deadline
from core.llm.response_reader import ReadTimeouts, ResponseReader
from core.llm.sse import LINE_LIMIT_BYTES
from core.values.deltas import Delta, Ended, Thinking
from core.values.parts import Text
from tests.fakes.clock import FakeClock
from tests.fakes.completions import QUIRKS, Raw

Failure = TimeoutError | httpx.HTTPError | ModelError
WORDS = [
    "Hi",
    " there",
    "世界",
    "🎉",
    "\ud83c",
    "\udf89",
    "<think>",
    "</think>",
    "<",
    "\u2028",
    "\n",
    "",
    "x" * 300,
]
ODD: list[Any] = [None, "", 0, -1, True, 1e308, [], {}, [None], {"text": "x"}, [{"text": "y"}], "stop", "error"]
KEYS = [
    "id",
    "choices",
    "delta",
    "content",
    "finish_reason",
    "usage",
    "error",
    "tool_calls",
    "index",
    "function",
]
LINES = [
    b": ping",
    b"event: error",
    b"event: x",
    b"id: 7",
    b"retry: 1",
    b"error: {",
    b"data",
    b"data:",
    b"data: [DONE]",
]
ENDS = [b"\n\n", b"\n\n", b"\n\n", b"\n", b"\r\n\r\n", b"\r\r", b"\r\n", b""]
JUNK = b'{}[]":,\\\r\n\x00\xff\xef\xbb\xbf<dataerror 0e+'
RECORDED = [
    reply.body
    for quirk in QUIRKS.values()
    if isinstance(reply := quirk.reply, Raw) and len(reply.body) < 50_000
]
BIG = b'data: {"x": "' + b"x" * (LINE_LIMIT_BYTES + 1000)


def stream(random: Random) -> tuple[list[bytes], Failure | None]:
    """The bytes as they come, and how they end: well, or by an exception of the wire."""
    if random.random() < 0.00005:
        return [BIG, BIG], None
    data = random.choice(RECORDED) if random.random() < 0.2 else b"".join(_lines(random))
    if random.random() < 0.5:
        data = _spoilt(random, data)
    failures: list[Failure | None] = [TimeoutError(), httpx.ReadError(""), httpx.RemoteProtocolError("")]
    return _cut(random, data), random.choice(failures) if random.random() < 0.2 else None


async def read(pieces: list[bytes], end: Failure | None = None) -> tuple[list[Delta], str]:
    """The deltas, and the name of the error, through the reader, the wire and the client's own rules."""

    async def arriving() -> AsyncGenerator[bytes, None]:
        for piece in filter(None, pieces):
            yield piece
        if end is not None:
            raise end

    deltas: list[Delta] = []
    clock = FakeClock()
    async with Deadline(clock) as alarm:
        reading = ResponseReader(alarm, clock, ReadTimeouts(), "sk-test")
        try:
            async for delta in reading.deltas(arriving()):
                deltas.append(delta)  # noqa: PERF401
        except ModelError as error:
            return deltas, str(error.code)
        except (TimeoutError, httpx.HTTPError) as error:
            return deltas, type(error).__name__
    return deltas, ""


def problem(pieces: list[bytes], end: Failure | None, deltas: list[Delta], error: str) -> str:
    """The problems of this reading of a stream, or nothing."""
    ended = [delta for delta in deltas if isinstance(delta, Ended)]
    if error and ended:
        return "both an end and an error"
    if not error and deltas[-1:] != ended:
        return "neither an end nor an error, or something after the end"
    if error in ("TimeoutError", "ReadError", "RemoteProtocolError") and end is None:
        return f"{error} out of nowhere"
    words = "".join(delta.text for delta in deltas if isinstance(delta, Text | Thinking))
    if len(words) > sum(map(len, pieces)):
        return "more came out than went in"
    try:
        words.encode()
    except UnicodeEncodeError:
        return "half a character came out"
    return ""


def joined(deltas: list[Delta]) -> list[Delta]:
    """Deltas with neighbouring words put together: how they were cut does not count."""
    merged: list[Delta] = []
    for delta in deltas:
        last = merged[-1] if merged else None
        if isinstance(delta, Text) and isinstance(last, Text):
            merged[-1] = Text(last.text + delta.text)
        elif isinstance(delta, Thinking) and isinstance(last, Thinking):
            merged[-1] = Thinking(last.text + delta.text)
        else:
            merged.append(delta)
    return merged


def _lines(random: Random) -> Iterator[bytes]:
    if random.random() < 0.1:
        yield random.choice([b"\xef\xbb\xbf", b"\n\n", b" ", b"<html>", b"["])
    for _ in range(random.randrange(12)):
        line = random.choice(LINES) if random.random() < 0.2 else _data(random)
        yield line + random.choice(ENDS)
    if random.random() < 0.7:
        yield b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def _data(random: Random) -> bytes:
    prefix = random.choice([b"data: ", b"data: ", b"data: ", b"data:", b"", b"error: "])
    return prefix + json.dumps(_chunk(random), ensure_ascii=random.random() < 0.5).encode("utf-8", "replace")


def _chunk(random: Random) -> Any:
    delta: dict[str, Any] = {}
    if random.random() < 0.8:
        delta["content"] = random.choice(WORDS)
    if random.random() < 0.1:
        delta[random.choice(["reasoning", "reasoning_content", "refusal"])] = random.choice(WORDS)
    if random.random() < 0.15:
        function = {
            "name": random.choice(["f", None, ""]),
            "arguments": random.choice(["{", "}", "", {"a": 1}, None]),
        }
        call = {
            "index": random.choice([0, 1, None, "0"]),
            "id": random.choice(["a", "b", ""]),
            "function": function,
        }
        delta["tool_calls"] = [call] * random.randrange(3)
    choice = {
        "index": 0,
        "delta": delta,
        "finish_reason": random.choice([None] * 8 + ["stop", "length", "odd"]),
    }
    chunk: dict[str, Any] = {"id": "c", "model": "m", "choices": [choice]}
    if random.random() < 0.1:
        chunk["usage"] = {"prompt_tokens": random.choice(ODD), "completion_tokens": 3}
    if random.random() < 0.05:
        chunk["error"] = random.choice([{"message": "no", "code": 429}, "no", [], {"x": ["y"]}])
    return _twisted(random, chunk) if random.random() < 0.3 else chunk


def _twisted(random: Random, value: Any, depth: int = 0) -> Any:
    """`value` with something of another type somewhere in it."""
    if depth > 4 or random.random() < 0.2:
        return random.choice(ODD)
    if isinstance(value, dict) and value:
        key = random.choice(list(value))
        more = {random.choice(KEYS): random.choice(ODD)} if random.random() < 0.3 else {}
        return value | {key: _twisted(random, value[key], depth + 1)} | more
    if isinstance(value, list) and value:
        return [_twisted(random, value[0], depth + 1), *value[1:]]
    return random.choice(ODD)


def _spoilt(random: Random, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(random.randrange(1, 5)):
        at = random.randrange(len(spoilt) + 1)
        match random.randrange(4):
            case 0:
                spoilt[at:at] = random.choices(JUNK, k=random.randrange(1, 6))
            case 1:
                del spoilt[at : at + random.randrange(1, 20)]
            case 2:
                spoilt[at:at] = spoilt[at : at + random.randrange(60)]
            case 3:
                del spoilt[at:]
    return bytes(spoilt)


def _cut(random: Random, data: bytes) -> list[bytes]:
    """In pieces as sockets give them: all at once, here and there, or byte by byte."""
    if random.random() < 0.1 and len(data) < 2_000:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(8)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end]
