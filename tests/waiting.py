"""Waiting for what must come. How long it may take at the most is no claim about Parley: a busy machine is slow."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

HANG_S = 30.0
"""After this a test gives up."""


async def until(predicate: Callable[[], T | None], timeout_s: float = HANG_S) -> T:
    """The first true value of `predicate`. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not (value := predicate()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        return value


AT_ONCE_S = 1.0
"""What is promised at once takes no longer, on a busy machine too."""
