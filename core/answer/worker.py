"""Lanes over the ledger: one task a busy place, so turns of a place run one at a time, in order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable

import structlog

from core.types import Turn

log = structlog.get_logger()


class Lanes:
    """Runs submitted turns with `answer`; places don't wait for each other. All on the event loop's thread."""

    def __init__(self, answer: Callable[[Turn], Awaitable[None]]) -> None:
        self._answer = answer
        self._waiting: dict[str, list[tuple[int, Turn]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._highest_id = 0
        self._known: set[int] = set()
        self._draining = False

    @property
    def highest_id(self) -> int:
        """The newest turn ever submitted: what another process stored comes after it."""
        return self._highest_id

    def submit(self, turn: Turn) -> None:
        """Queue a stored turn. Twice the same is once. While draining it stays in the ledger."""
        self._highest_id = max(self._highest_id, turn.id)
        if self._draining or turn.id in self._known:
            return
        self._known.add(turn.id)
        place = turn.ask.place.key
        heapq.heappush(self._waiting.setdefault(place, []), (turn.id, turn))
        if place not in self._tasks:
            self._tasks[place] = asyncio.create_task(self._run(place), name=f"lane {place}")

    async def _run(self, place: str) -> None:
        queue = self._waiting[place]
        try:
            while queue and not self._draining:
                _, turn = heapq.heappop(queue)
                try:
                    await self._answer(turn)
                except Exception:
                    log.exception("turn failed", turn=turn.id, place=place)
                finally:
                    self._known.discard(turn.id)
        finally:
            del self._tasks[place], self._waiting[place]

    async def drain(self, grace_s: float) -> int:
        """Start nothing new, give what runs `grace_s` to end, cancel the rest and say how many those were."""
        self._draining = True
        running = set(self._tasks.values())
        if not running:
            return 0
        _, late = await asyncio.wait(running, timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)
