"""`python -m tests.fuzz [count] [seed]`: prints the seed first, so that whatever it finds can be found again."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import resource
import secrets
import sys
import time
from collections import Counter
from random import Random

import structlog

from tests.fuzz.streams import joined, problem, read, stream

HANG_S = 60
MEMORY_BYTES = 100 * 1024 * 1024
"""A line may take 8 MB, and is held as bytes, as text and in pieces."""


async def fuzz(count: int, seed: int) -> Counter[str]:
    """The count of each outcome. Raises AssertionError that names the stream which broke a rule."""
    outcomes: Counter[str] = Counter()
    for number in range(count):
        pieces, end = stream(Random(f"{seed}/{number}"))
        name = f"stream {number} of seed {seed}"
        try:
            deltas, error = await read(pieces, end)
            whole = await read([b"".join(pieces)], end) if number % 4 == 0 else None
        except Exception as failure:
            raise AssertionError(f"{name}: {failure!r}: {pieces!r:.2000}") from failure
        wrong = problem(pieces, end, deltas, error)
        assert not wrong, f"{name}: {wrong}: {pieces!r:.2000}"
        if whole is not None:
            assert (joined(whole[0]), whole[1]) == (joined(deltas), error), (
                f"{name}: cuts count: {pieces!r:.2000}"
            )
        outcomes[error or "answered"] += 1
    return outcomes


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else secrets.randbelow(1_000_000)
    print(f"{count} streams, seed {seed}", flush=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    began, before_bytes = time.monotonic(), _memory_bytes()
    outcomes: Counter[str] = Counter()
    batch = max(1, count // 20)
    for start in range(0, count, batch):
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        outcomes += asyncio.run(fuzz(min(batch, count - start), seed + start))
        faulthandler.cancel_dump_traceback_later()
    grown_bytes = _memory_bytes() - before_bytes
    for name, times in outcomes.most_common():
        print(f"{times:>8}  {name}")
    print(f"{time.monotonic() - began:.0f} s, memory grew by {grown_bytes / 2**20:.0f} MB")
    assert grown_bytes < MEMORY_BYTES, "memory is not bounded"


def _memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
