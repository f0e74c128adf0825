"""A process of its own that reads answers without an end, for `test_floods`: prints what became of each and by how
many bytes its peak of memory has grown."""

from __future__ import annotations

import asyncio
import json
import resource
import sys

from core.clock import SystemClock
from core.errors import ModelError
from core.llm.client import CompletionsClient
from core.llm.response_reader import ReadTimeouts
from core.ports.model import Request
from core.values.conversation import text_message
from core.values.deltas import Ended
from core.values.parts import Text

PATIENCE = ReadTimeouts(first_word_s=60, gap_s=60, finish_s=60, tail_s=0.1)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def ask(client: CompletionsClient, model: str) -> tuple[str, int]:
    """The end of the stream, and the number of characters that came."""
    length, end = 0, ""
    try:
        async for delta in client.stream(Request((text_message("user", "Hi"),), model)):
            if isinstance(delta, Text):
                length += len(delta.text)
            elif isinstance(delta, Ended):
                end = str(delta.reason)
    except ModelError as error:
        end = str(error.code)
    return end, length


async def main(base_url: str, models: list[str]) -> None:
    client = CompletionsClient(base_url, "sk-test", SystemClock(), PATIENCE)
    await ask(client, "warm-up")
    for model in models:
        before = peak_bytes()
        end, length = await ask(client, model)
        print(json.dumps([model, end, length, peak_bytes() - before]), flush=True)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
