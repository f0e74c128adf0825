"""The tasks that run for as long as the program does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from core.clock import Clock

LOOK_S = 1.0
"""Seconds between two looks whether this process leads."""


async def while_leading(
    leads: Callable[[], bool], clock: Clock, job: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Run `job` while this process leads, until cancelled: of several replicas one does it. Two may for a moment, so
    that it has to bear that."""
    running: asyncio.Task[None] | None = None
    try:
        while True:
            if leads() and running is None:
                running = asyncio.create_task(job())
            elif running is not None and not leads():
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                running = None
            if running is not None and running.done():
                running.result()
            await clock.sleep(LOOK_S)
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class Jobs:
    """Tasks that should never end by themselves: an error of one ends the program."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._some_ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `job`. One that is cancelled is forgotten."""
        task = asyncio.create_task(job)
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled() and task in self._tasks:
            self._tasks.remove(task)
        if not task.cancelled() and not self._some_ended.done():
            self._some_ended.set_result(None)

    async def until(self, end: Coroutine[Any, Any, object]) -> None:
        """Wait for `end`. Raises the error of a job that ends before."""
        waiting = asyncio.create_task(end)
        waiting.add_done_callback(self._ended)
        await self._some_ended
        waiting.cancel()
        for task in (waiting, *self._tasks):
            if task.done() and not task.cancelled():
                task.result()

    async def stop(self) -> None:
        """Cancel all jobs, the last one first, and wait until they have ended."""
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
