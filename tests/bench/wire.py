"""The wire: bytes to deltas without a network, beside openai-python and bare json.loads; then 200 live streams.

All readers get the same bytes in the same pieces, in turn, and the median of their rates is shown. Like is compared
with like: our deltas with openai-python's chunk objects, both from bytes. Its decoder without the objects is shown
beside them; no reader can be 3 times as fast as that one, since bare json.loads over the same lines is not. The live
streams come from a process of its own on another core; lag is from its write to our delta. `make bench only=wire`
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from openai import OpenAI, _streaming
from openai.types.chat import ChatCompletionChunk

from core.clock import SystemClock
from core.llm.chunks import CompletionReader
from core.llm.client import CompletionsClient
from core.llm.sse import SseReader
from core.ports.model import Request
from core.values.conversation import text_message
from core.values.parts import Text
from tests.fakes.completions.replies import DONE, chunk, event, usage_chunk

CHUNKS = 5_000
ROUNDS = 15
TIMES_OPENAI, TIMES_JSON = 3.0, 2.0
STREAMS, WORDS_PER_S, SECONDS, RAMP_S, LAG_MS = 200, 10, 15, 5, 150.0
PIECES = {"an event": 0, "4 KB": 4096}


def main(arguments: list[str]) -> None:
    if arguments == ["serve"]:
        asyncio.run(_serve())
        return
    for name, size_bytes in PIECES.items():
        _decode(name, size_bytes)
    _live()


def _decode(name: str, size_bytes: int) -> None:
    lines = _events()
    data = b"".join(lines)
    pieces = [data[at : at + size_bytes] for at in range(0, len(data), size_bytes)] if size_bytes else lines
    client = OpenAI(api_key="sk-test")
    readers: dict[str, Callable[[], int]] = {
        "json.loads": lambda: _json(lines),
        "parley, to deltas": lambda: _parley(pieces),
        "openai-python, to JSON": lambda: _openai_json(client, pieces),
        "openai-python, to objects": lambda: _openai(client, pieces),
    }
    counts = {reader: read() for reader, read in readers.items()}
    assert counts["parley, to deltas"] == counts["openai-python, to objects"] == CHUNKS, counts
    rates: dict[str, list[float]] = {reader: [] for reader in readers}
    for _ in range(ROUNDS):
        for reader, read in readers.items():
            began = time.process_time()
            read()
            rates[reader].append(CHUNKS / (time.process_time() - began))
    median = {reader: statistics.median(found) for reader, found in rates.items()}
    ours = median["parley, to deltas"]
    print(f"{len(data) / CHUNKS:.0f} bytes a chunk, {name} a piece, chunks a second, median of {ROUNDS}:")
    for reader, rate in median.items():
        print(f"  {reader:<26} {rate:>10,.0f}   {rate / ours:5.2f} of ours")
    times, share = ours / median["openai-python, to objects"], median["json.loads"] / ours
    bare, met = median["openai-python, to JSON"], _verdict(times >= TIMES_OPENAI)
    print(f"  {times:.1f} times openai-python, both to typed values (aim {TIMES_OPENAI:g}: {met});")
    print(f"  json.loads is {share:.2f} times ours (aim {TIMES_JSON:g}: {_verdict(share <= TIMES_JSON)});")
    most = median["json.loads"] / bare
    print(f"  {ours / bare:.1f} times openai-python to JSON alone; json.loads is {most:.1f} times that")


def _events() -> list[bytes]:
    random = Random(1)
    words = [" the", " of", " answer", "世界", "\n", " `code`", " a longer word", " é"]
    deltas = [{"content": random.choice(words)} for _ in range(CHUNKS - 2)]
    made = [event(chunk({"role": "assistant", "content": "Hi"}))] + [event(chunk(delta)) for delta in deltas]
    usage = {"prompt_tokens": 10, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 10}
    end = event(chunk({"content": "."}, "stop") | {"usage": usage})
    return [*made, end, DONE]


def _json(lines: list[bytes]) -> int:
    return sum(1 for line in lines if line != DONE and json.loads(line[6:-2]))


def _parley(pieces: list[bytes]) -> int:
    reader, answer, count = SseReader(), CompletionReader(), 0
    for piece in pieces:
        for found in reader.feed(piece):
            assert isinstance(found, dict)
            count += len(answer.take(found))
    return count + len(answer.end()) - 1


def _openai_json(client: OpenAI, pieces: list[bytes]) -> int:
    decoder: Any = client._make_sse_decoder()
    return sum(1 for found in decoder.iter_bytes(iter(pieces)) if found.data != "[DONE]" and found.json())


def _openai(client: OpenAI, pieces: list[bytes]) -> int:
    module: Any = _streaming
    library = getattr(module, "httpx2", None) or module.httpx

    class Body(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[bytes]:
            return iter(pieces)

    response = library.Response(200, stream=Body(), request=library.Request("POST", "http://127.0.0.1"))
    stream: Any = module.Stream(cast_to=ChatCompletionChunk, response=response, client=client)
    return sum(1 for found in stream if found.choices)


def _live() -> None:
    cores = sorted(os.sched_getaffinity(0))
    server = subprocess.Popen(
        [sys.executable, "-c", "from tests.bench import wire; wire.main(['serve'])"],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores[-1]}),
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        os.sched_setaffinity(0, {cores[0]})
        began_s, waited_s = time.process_time(), _waited_s()
        lags_ms = sorted(asyncio.run(_listen(f"http://127.0.0.1:{port}/v1")))
        cpu = (time.process_time() - began_s) / (SECONDS + RAMP_S)
        kept_waiting = (_waited_s() - waited_s) / (SECONDS + RAMP_S)
    finally:
        server.kill()
        server.wait()
        os.sched_setaffinity(0, cores)
    p99 = lags_ms[len(lags_ms) * 99 // 100]
    print(
        f"{STREAMS} live streams of {WORDS_PER_S} words/s for {SECONDS} s, begun within {RAMP_S} s, on one core:"
    )
    print(
        f"  lag: median {statistics.median(lags_ms):.1f} ms, p99 {p99:.1f} ms, worst {lags_ms[-1]:.1f} ms;",
        end=" ",
    )
    aim = f"aim p99 {LAG_MS:g} ms: {_verdict(p99 <= LAG_MS)}"
    print(f"{cpu:.0%} of the core, kept from it by others for {kept_waiting:.0%} ({aim})")


def _waited_s() -> float:
    """Seconds for which this process waited for a CPU that others held, which no code of ours can change."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


async def _listen(base_url: str) -> list[float]:
    client = CompletionsClient(base_url, "sk-test", SystemClock())
    lags_ms: list[float] = []

    async def one(number: int) -> None:
        await asyncio.sleep(RAMP_S * number / STREAMS)
        async for delta in client.stream(Request((text_message("user", "Hi"),), "test-model")):
            if isinstance(delta, Text):
                lags_ms.append((time.monotonic() - float(delta.text)) * 1000)  # noqa: PERF401

    await asyncio.gather(*(one(number) for number in range(STREAMS)))
    await client.close()
    assert len(lags_ms) == STREAMS * WORDS_PER_S * SECONDS
    return lags_ms


async def _serve() -> None:
    """Streams whose words are the moment at which they are written."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(Random(id(writer)).random() / WORDS_PER_S)
        due = time.monotonic()
        for _ in range(WORDS_PER_S * SECONDS):
            due += 1 / WORDS_PER_S
            await asyncio.sleep(due - time.monotonic())
            writer.write(event(chunk({"content": f"{time.monotonic():.6f} "})))
        writer.write(event(chunk({}, "stop")) + event(usage_chunk({"prompt_tokens": 1})) + DONE)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=STREAMS)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _verdict(good: bool) -> str:
    return "met" if good else "MISSED"
