"""Work that goes on after Slack's 3 seconds for an acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import structlog

from core.errors import BotError, PlatformError

log = structlog.get_logger(platform="slack")

Done = TypeVar("Done")

_ACK_S = 2.5


class BackgroundTasks:
    """Tasks of one connection. `close` gives them some time, then cancels them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, job: Coroutine[Any, Any, Done]) -> asyncio.Task[Done]:
        """Run `job`. Its error is logged, unless the caller awaits the task."""
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def in_time(self, job: Coroutine[Any, Any, None]) -> None:
        """Return when `job` is done, or when Slack needs its acknowledgement; then `job` goes on.

        Raises the error that `job` raised until then.
        """
        task = self.start(job)
        await asyncio.wait({task}, timeout=_ACK_S)
        if task.done():
            task.result()

    async def close(self, wait_s: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=wait_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, BotError):
            log.warning("background_task_failed", **error.log_keys)
        elif error is not None:
            log.error("background_task_failed", exc_info=error)


async def log_failure(call: Awaitable[Any]) -> None:
    """Await a call whose failure changes nothing else."""
    try:
        await call
    except PlatformError as error:
        log.warning("platform_call_failed", **error.log_keys)
