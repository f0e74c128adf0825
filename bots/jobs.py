"""The tasks that run for as long as the program does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Jobs:
    """Tasks that should never end by themselves: an error of one ends the program."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(job))

    async def until(self, end: Coroutine[Any, Any, object]) -> None:
        """Wait for `end`. Raises the error of a job that ends before."""
        waiting = asyncio.create_task(end)
        done, _ = await asyncio.wait({waiting, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Cancel all jobs, the last one first, and wait until they have ended."""
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
