"""A movable deadline for network waits, by the injected clock. Moving it is free."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from types import TracebackType
from typing import Self, TypeVar

from core.clock import Clock

T = TypeVar("T")


class Deadline:
    """`async with Deadline(clock) as deadline`, then `deadline.due = ...` and `await deadline.wait(...)`.

    For one task at a time. One sleeping task serves all the waits of a stream; it interrupts by cancelling, as
    `asyncio.timeout` does. `due` is `math.inf` until set. Time between two waits interrupts nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self.due = math.inf
        self._clock = clock
        self._sleeper: asyncio.Task[None] | None = None
        self._wakes_at = math.inf
        self._waiting: asyncio.Task[object] | None = None
        self._rang = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
            await asyncio.gather(self._sleeper, return_exceptions=True)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """The result of `awaitable`. Raises TimeoutError once the clock has passed `due`."""
        task = asyncio.current_task()
        assert task is not None
        cancelling = task.cancelling()
        self._rang = False
        self._waiting = task
        if self._sleeper is None or self._sleeper.done() or self.due < self._wakes_at:
            self._set()
        try:
            return await awaitable
        except asyncio.CancelledError:
            if self._rang and task.cancelling() <= cancelling + 1:
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None
            if self._rang:
                task.uncancel()

    def _set(self) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._wakes_at = self.due
        self._sleeper = asyncio.create_task(self._sleep()) if self.due < math.inf else None

    async def _sleep(self) -> None:
        while (left_s := self.due - self._clock.monotonic()) > 0:
            self._wakes_at = self.due
            await self._clock.sleep(left_s)
        if self._waiting is not None:
            self._rang = True
            self._waiting.cancel()
