"""PlaceQueues over the ledger: one task a busy place, so turns of a place run one at a time, in order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from core.errors import StoreError
from core.values.conversation import Turn

log = structlog.get_logger()

PATIENCE_S = 10.0
"""How long a question may wait behind others of its place before the person is told."""

Do = Callable[[Turn], Awaitable[None]]
Tell = Callable[[Turn, Turn], Awaitable[None]]


async def at_once(*_turns: Turn) -> None:
    """Return at once."""


class PlaceQueues:
    """Runs submitted turns with `answer`; places don't wait for each other. All on the event loop's thread.

    A turn begins when `hold` returns. `tell_waiting` is called for a turn that has waited for `patience_s`, with
    the one before it in the line; it is cancelled when the turn begins. `on_begin` gets the platform of a turn that
    begins, and the seconds since it was submitted.
    """

    def __init__(
        self,
        answer: Do,
        *,
        hold: Do = at_once,
        tell_waiting: Tell = at_once,
        patience_s: float = PATIENCE_S,
        on_begin: Callable[[str, float], None] = lambda _platform, _seconds: None,
    ) -> None:
        self._answer = answer
        self._hold = hold
        self._tell_waiting = tell_waiting
        self._patience_s = patience_s
        self._on_begin = on_begin
        self._waiting: dict[str, list[tuple[datetime, int, Turn]]] = {}
        self._running: dict[str, Turn] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._telling: dict[int, asyncio.Task[None]] = {}
        self._highest_id = 0
        self._known: dict[int, float] = {}
        """When each turn was submitted, by the event loop's clock."""
        self._draining = False

    @property
    def highest_id(self) -> int:
        """The newest turn ever submitted: what another process stored comes after it."""
        return self._highest_id

    @property
    def known(self) -> frozenset[int]:
        """The turns that wait or run here now."""
        return frozenset(self._known)

    @property
    def waiting(self) -> int:
        """How many turns have not begun."""
        return len(self._known) - len(self._running)

    @property
    def running(self) -> int:
        """How many turns have begun and not ended."""
        return len(self._running)

    def submit(self, turn: Turn) -> None:
        """Queue a stored turn. Twice the same is once. While draining it stays in the ledger."""
        self._highest_id = max(self._highest_id, turn.id)
        if self._draining or turn.id in self._known:
            return
        loop = asyncio.get_running_loop()
        self._known[turn.id] = loop.time()
        place = turn.ask.place.key
        # Of those that wait, the one that was said first goes first: a redelivery may be late.
        heapq.heappush(self._waiting.setdefault(place, []), (turn.ask.at, turn.id, turn))
        if place in self._tasks:
            self._timers[turn.id] = loop.call_later(self._patience_s, self._begin_telling, turn)
        else:
            self._tasks[place] = asyncio.create_task(self._run(place), name=f"lane {place}")

    async def _run(self, place: str) -> None:
        queue = self._waiting[place]
        try:
            while queue and not self._draining:
                await self._held(queue[0][-1])
                if self._draining:
                    break
                _, _, turn = heapq.heappop(queue)
                self._running[place] = turn
                waited_s = asyncio.get_running_loop().time() - self._known[turn.id]
                self._on_begin(turn.ask.place.platform, waited_s)
                try:
                    await self._stop_telling(turn)
                    await self._answer(turn)
                except Exception:
                    log.exception("turn_crashed", turn=turn.id, place=place)
                finally:
                    del self._known[turn.id]
                    del self._running[place]
        finally:
            del self._tasks[place], self._waiting[place]

    async def _held(self, turn: Turn) -> None:
        """Wait until the turn may begin. After an error it begins too: otherwise it would be lost without a word."""
        try:
            await self._hold(turn)
        except Exception:
            log.exception("turn_hold_crashed", turn=turn.id)

    def _begin_telling(self, turn: Turn) -> None:
        del self._timers[turn.id]
        if not self._draining:
            self._telling[turn.id] = asyncio.create_task(self._tell(turn))

    async def _tell(self, turn: Turn) -> None:
        try:
            if before := self._before(turn):
                await self._tell_waiting(turn, before)
        except StoreError as error:
            log.warning("waiting_notice_failed", turn=turn.id, **error.log_keys)
        except Exception:
            log.exception("waiting_notice_crashed", turn=turn.id)

    def _before(self, turn: Turn) -> Turn | None:
        """Whose answer comes right before that of `turn`, which waits."""
        place = turn.ask.place.key
        line = [other for *_, other in sorted(self._waiting[place], key=lambda entry: entry[:2])]
        place_in_line = next(n for n, other in enumerate(line) if other.id == turn.id)
        return line[place_in_line - 1] if place_in_line else self._running.get(place)

    async def _stop_telling(self, turn: Turn) -> None:
        """It waits no longer."""
        if timer := self._timers.pop(turn.id, None):
            timer.cancel()
        if telling := self._telling.pop(turn.id, None):
            telling.cancel()
            await asyncio.wait({telling})

    async def drain(self, grace_s: float) -> int:
        """Start nothing new, give what runs `grace_s` to end, cancel the rest and say how many those were. What is
        only held has not begun, and is nothing to wait for."""
        self._draining = True
        for timer in self._timers.values():
            timer.cancel()
        for telling in self._telling.values():
            telling.cancel()
        for place, task in self._tasks.items():
            if place not in self._running:
                task.cancel()
        running = {task for place, task in self._tasks.items() if place in self._running}
        await asyncio.sleep(0)
        if not running:
            return 0
        _, late = await asyncio.wait(running, timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)
