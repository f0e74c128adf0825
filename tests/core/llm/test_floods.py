"""Fifty megabytes from an endpoint, in every form: cut at a limit, asked for once, and never held in memory."""

import asyncio
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from core.errors import Code, ModelError
from core.llm.decompression import PIECE_BYTES, Inflate
from tests.fakes.completions import FakeCompletions, Raw, Reply, Words
from tests.fakes.completions.replies import JSON, Step, chunk, event
from tests.squeezed import squeezed
from tests.waiting import HANG_S

FLOOD_BYTES = 50_000_000
MOST_BYTES = 20_000_000
LETTERS = b"x" * 50_000
TIMES = FLOOD_BYTES // len(LETTERS)
COMMENTS = b": PING\n\n" * 6_250
ENDLESS = (LETTERS,) * TIMES


BOMB = squeezed(LETTERS, TIMES, b'data: {"choices":[{"delta":{"content":"', gzip=True)
BLANK_BOMB = squeezed(b"\n" * 50_000, TIMES, gzip=True)


@dataclass(frozen=True, slots=True)
class Flood:
    reply: Reply
    end: str
    length: int = 0


def events(delta: dict[str, Any]) -> tuple[Step, ...]:
    return (event(chunk(delta)),) * TIMES


NOTHING = (event(chunk({})) * 500,) * TIMES
GZIP = (("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip"))
ONE = event(chunk({"content": "One"}))
CALL = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": LETTERS.decode()}}]}
FLOODS = {
    "words": Flood(Raw(events({"content": LETTERS.decode()}), end="hang"), "length", 400_000),
    "words_in_chinese": Flood(Raw(events({"content": "世" * 50_000}), end="hang"), "length", 400_000),
    "reasoning": Flood(Raw(events({"reasoning_content": LETTERS.decode()}), end="hang"), "length"),
    "arguments": Flood(Raw(events(CALL), end="hang"), "length"),
    "line": Flood(Raw((b'data: {"choices":[{"delta":{"content":"', *ENDLESS)), "length", 400_000),
    "line_after_words": Flood(
        Raw((ONE, b'data: {"choices":[{"delta":{"content":" two', *ENDLESS)), "length", 400_000
    ),
    "nothing_after_words": Flood(Raw((ONE, b"data: ", *ENDLESS)), "length", 3),
    "nothing_in_a_line": Flood(Raw((b"data: ", *ENDLESS)), "garbled"),
    "event_of_lines": Flood(
        Raw((b'data: {"choices":[{"delta":\ndata: {"content":"One"\n', *(b"data: ,\n" * 8_000,) * TIMES)),
        "length",
        3,
    ),
    "line_after_the_end": Flood(Raw((ONE, event(chunk({}, "stop")), b"data: ", *ENDLESS)), "stop", 3),
    "data_lines": Flood(Raw((b"data:\n" * 8_000,) * TIMES), "garbled"),
    "json": Flood(Raw((b'{"choices":[{"message":{"content":"', *ENDLESS), headers=JSON), "length", 400_000),
    "json_reasoning": Flood(
        Raw((b'{"choices":[{"message":{"reasoning_content":"', *ENDLESS), headers=JSON), "length"
    ),
    "json_emoji": Flood(
        Raw(
            (b'{"choices":[{"message":{"content":"One \\ud83d', *(b"\\ude00\\ud83d" * 4_000,) * 1_000),
            headers=JSON,
        ),
        "length",
        87_385,
    ),
    "json_nothing": Flood(Raw((b'{"x":"', *ENDLESS), headers=JSON), "garbled"),
    "page": Flood(Raw((b"<html>", *ENDLESS)), "wrong_url"),
    "error": Flood(Raw((b'{"error":{"message":"', *ENDLESS), 400), "bad_request"),
    "error_page": Flood(Raw((b"<html>", *ENDLESS), 502), "server_error"),
    "comments": Flood(Raw((COMMENTS,) * (TIMES // 5)), "empty"),
    "blank_lines": Flood(Raw((b"\n" * 50_000,) * TIMES), "empty"),
    "empty_events": Flood(Raw(NOTHING, end="hang"), "empty"),
    "empty_events_after_words": Flood(Raw((ONE, *NOTHING), end="hang"), "cut", 3),
    "bomb": Flood(Raw((BOMB,), headers=GZIP), "length", 400_000),
    "blank_bomb": Flood(Raw((BLANK_BOMB,), headers=GZIP), "empty"),
    "error_bomb": Flood(Raw((BOMB,), 500, GZIP), "server_error"),
}


async def test_fifty_megabytes_of_anything_cost_less_than_twenty_of_memory() -> None:
    asked: list[str] = []

    def choose(body: dict[str, Any]) -> Reply:
        asked.append(body["model"])
        return FLOODS[body["model"]].reply if body["model"] in FLOODS else Words("Fine.")

    async with FakeCompletions(default=choose) as fake:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.core.llm.flood", fake.base_url, *FLOODS),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), 6 * HANG_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    rows = [json.loads(line) for line in out.splitlines() if line.startswith(b"[")]
    found = {name: (end, length) for name, end, length, _ in rows}
    assert found == {name: (flood.end, flood.length) for name, flood in FLOODS.items()}
    assert sum(grown for *_, grown in rows) < MOST_BYTES, rows
    assert asked == ["warm-up", *FLOODS]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("encoding", "wbits"), [("gzip", 31), ("deflate", 15), ("deflate", -15), ("x-gzip", 31)]
)
def test_compressed_bytes_come_out_in_small_pieces(encoding: str, wbits: int, size: int) -> None:
    data = bytes(range(256)) * 2_000
    press = zlib.compressobj(wbits=wbits)
    inflate = Inflate(encoding)
    packed = press.compress(data) + press.flush()
    found = [out for piece in pieces(packed, size) for out in inflate.feed(piece)]
    assert b"".join(found) == data
    assert max(map(len, found)) <= PIECE_BYTES


def test_a_body_of_several_members_is_read_to_its_end() -> None:
    member = zlib.compressobj(wbits=31)
    one = member.compress(b"One ") + member.flush()
    assert b"".join(Inflate("gzip").feed(one * 3)) == b"One One One "


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(ModelError) as caught:
        Inflate(encoding)
    assert caught.value.code is Code.GARBLED
