"""PlaceQueues: the turns of a place run one at a time, in order. Work in the background comes last."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import datetime

import structlog

from core.errors import StoreError
from core.turns.interrupts import Interrupt
from core.turns.ownership import SOLE_OWNER, Ownership
from core.turns.running import RunningTurn, RunningTurns
from core.values.conversation import Turn
from core.values.places import Place

log = structlog.get_logger()

PATIENCE_S = 10.0
"""Seconds that a question waits behind others of its place before a notice says so."""

_Entry = tuple[bool, datetime, int, RunningTurn]
Hold = Callable[[Turn], Awaitable[None]]
Answer = Callable[[RunningTurn], Awaitable[None]]
ShowWaiting = Callable[[RunningTurn, RunningTurn], Awaitable[None]]


async def at_once(*_: object) -> None:
    """Return at once."""


class PlaceQueues:
    """Runs submitted turns with `answer`, one task for each busy place. All on the event loop's thread.

    Turns of places that `ownership` does not own stay in the ledger.

    A turn begins when `hold` returns. `tell_waiting` is called for a turn that has waited for `patience_s`, with
    the one before it in the queue; it is cancelled when the turn begins. `on_begin` gets the platform of a
    turn that begins, and the seconds since it was submitted.
    """

    def __init__(
        self,
        answer: Answer,
        running_turns: RunningTurns,
        *,
        hold: Hold = at_once,
        tell_waiting: ShowWaiting = at_once,
        patience_s: float = PATIENCE_S,
        on_begin: Callable[[str, float], None] = lambda _platform, _seconds: None,
        ownership: Ownership = SOLE_OWNER,
    ) -> None:
        self._answer = answer
        self._running_turns = running_turns
        self._hold = hold
        self._tell_waiting = tell_waiting
        self._patience_s = patience_s
        self._on_begin = on_begin
        self._ownership = ownership
        self._waiting: dict[str, list[_Entry]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._holds: dict[str, tuple[RunningTurn, asyncio.Timeout]] = {}
        """The turn of each place that is held now, and the end of that."""
        self._highest_id = 0
        self._draining = False

    @property
    def highest_id(self) -> int:
        """The newest turn ever submitted. Turns that another process stored later have higher ids."""
        return self._highest_id

    @property
    def known(self) -> frozenset[int]:
        """The ids of the turns that wait or run here now."""
        return self._running_turns.ids

    @property
    def busy(self) -> list[Place]:
        """The places where turns wait or run here. Work in the background does not count once nothing begins any
        more."""
        return [
            one.turn.ask.place
            for one in self._running_turns
            if not (self._draining and one.turn.ask.in_background)
        ]

    @property
    def waiting(self) -> int:
        """The number of turns that have not begun."""
        return sum(not one.begun for one in self._running_turns)

    @property
    def running(self) -> int:
        """The number of turns that have begun and not ended."""
        return sum(one.begun for one in self._running_turns)

    @property
    def oldest_waiting_s(self) -> float:
        """Seconds for which the turn waits that has waited for longest; 0 where none waits."""
        now_s = asyncio.get_running_loop().time()
        return max((now_s - one.submitted_s for one in self._running_turns if not one.begun), default=0.0)

    def submit(self, turn: Turn) -> None:
        """Queue a stored turn of an owned place, once. While draining it stays in the ledger."""
        self._highest_id = max(self._highest_id, turn.id)
        if self._draining or turn.id in self._running_turns or not self._owned(turn):
            return
        running = self._running_turns.add(turn)
        running.submitted_s = asyncio.get_running_loop().time()
        running.epoch = self._ownership.epoch(turn.ask.place) or 0
        place = turn.ask.place.key
        # Of those that wait, the one that was asked first goes first: a platform may deliver it again, late.
        entry = (turn.ask.in_background, turn.ask.at, turn.id, running)
        heapq.heappush(self._waiting.setdefault(place, []), entry)
        self._interrupt_background(turn)
        held, holding = self._holds.get(place, (None, None))
        if holding is not None and held is not self._waiting[place][0][-1] and not holding.expired():
            holding.reschedule(asyncio.get_running_loop().time())  # what comes first now may begin earlier
        if place in self._tasks:
            running.waiting_notice = asyncio.create_task(self._show_waiting(running))
        else:
            # Not in the context of this turn's event, which the next turns of the place do not belong to.
            run = self._run(place)
            self._tasks[place] = asyncio.create_task(run, name=f"place {place}", context=Context())

    def _interrupt_background(self, turn: Turn) -> None:
        """No question waits for work in the background of its place."""
        if turn.ask.in_background:
            return
        for one in self._running_turns:
            if one.begun and one.turn.ask.in_background and one.turn.ask.place.key == turn.ask.place.key:
                one.interrupt(Interrupt.STOPPED)

    async def _run(self, place: str) -> None:
        queue = self._waiting[place]
        try:
            while queue and not self._draining:
                await self._held(place)
                if not queue or self._draining or not self._owned(queue[0][-1].turn):
                    break
                entry = heapq.heappop(queue)
                running = entry[-1]
                running.begun = True
                running.epoch = self._ownership.epoch(running.turn.ask.place) or 0
                waited_s = asyncio.get_running_loop().time() - running.submitted_s
                if not running.turn.ask.in_background:
                    self._on_begin(running.turn.ask.place.platform, waited_s)
                try:
                    await self._stop_showing(running)
                    with running.trace.answering():
                        await self._answer(running)
                except Exception:
                    log.exception("turn_crashed", turn=running.id, place=place)
                if running.before is not None and not self._draining:
                    self._requeue(entry, running.before)
                    continue
                # Cancelled, the turn stays: its last checkpoint is still to be stored.
                self._running_turns.remove(running.id)
        finally:
            del self._tasks[place]
            self._leave(self._waiting.pop(place))

    def _leave(self, queue: list[_Entry]) -> None:
        """Drop turns that do not begin here: the place was lost, and may be gained again before `release` hears of it.
        They stay in the ledger."""
        if self._draining:
            return
        for *_, running in queue:
            if running.waiting_notice is not None:
                running.waiting_notice.cancel()
            running.trace.drop()
            self._running_turns.remove(running.id)

    def _requeue(self, entry: _Entry, before: Turn) -> None:
        """Queue a turn again, behind the one that has to be answered first, unless that one has just failed here."""
        running = entry[-1]
        running.before, running.begun, running.in_order = None, False, before.id != running.behind
        running.behind = before.id
        heapq.heappush(self._waiting[running.turn.ask.place.key], entry)
        if running.in_order:
            self.submit(before)

    async def _held(self, place: str) -> None:
        """Wait until the first turn of the queue may begin. After an error it begins too: otherwise it would end in
        silence."""
        queue, first = self._waiting[place], None
        while queue and first is not queue[0][-1]:
            first = queue[0][-1]
            try:
                async with asyncio.timeout(None) as holding:
                    self._holds[place] = first, holding
                    await self._hold_one(first.turn)
            except TimeoutError:
                pass  # another one comes first now
            finally:
                del self._holds[place]

    async def _hold_one(self, turn: Turn) -> None:
        try:
            await self._hold(turn)
        except Exception:
            log.exception("turn_hold_crashed", turn=turn.id)

    async def _show_waiting(self, running: RunningTurn) -> None:
        await asyncio.sleep(running.submitted_s + self._patience_s - asyncio.get_running_loop().time())
        try:
            if before := self._before(running):
                await self._tell_waiting(running, before)
        except StoreError as error:
            log.warning("waiting_notice_failed", turn=running.id, **error.log_keys)
        except Exception:
            log.exception("waiting_notice_crashed", turn=running.id)

    def _before(self, running: RunningTurn) -> RunningTurn | None:
        """The turn whose answer comes right before that of `running`, which waits."""
        place = running.turn.ask.place.key
        queue = [other for *_, other in sorted(self._waiting[place], key=lambda entry: entry[:3])]
        position = queue.index(running)
        if position:
            return queue[position - 1]
        return next((one for one in self._running_turns if one.begun and one.turn.ask.place.key == place), None)

    async def _stop_showing(self, running: RunningTurn) -> None:
        """The turn begins: it does not wait any more."""
        if (notice := running.waiting_notice) is not None:
            notice.cancel()
            await asyncio.wait({notice})

    def _owned(self, turn: Turn) -> bool:
        return self._ownership.epoch(turn.ask.place) is not None

    async def release(self) -> None:
        """Drop the turns of places that are not owned any more: cancelled, where the places are not held either; else
        those that have begun go on. They stay in the ledger."""
        lost = [one for one in self._running_turns if not self._owned(one.turn)]
        kept = {one.id for one in lost if one.begun and self._ownership.holds(one.turn.ask.place)}
        going_on = {one.turn.ask.place.key for one in lost if one.id in kept}
        lost = [one for one in lost if one.id not in kept]
        places = {one.turn.ask.place.key for one in lost}
        tasks = [task for place, task in self._tasks.items() if place in places - going_on]
        tasks += [one.waiting_notice for one in lost if one.waiting_notice is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for place in places & going_on & self._waiting.keys():
            self._waiting[place].clear()
        for one in lost:
            if one.id in self._running_turns:
                one.trace.drop()
                self._running_turns.remove(one.id)

    async def drain(self, grace_s: float) -> int:
        """Begin no more turns, give running ones `grace_s` to end, cancel the rest and return their number.
        Turns that are only held have not begun, and are not waited for; nor is work in the background."""
        self._draining = True
        begun = {
            one.turn.ask.place.key
            for one in self._running_turns
            if one.begun and not one.turn.ask.in_background
        }
        for one in self._running_turns:
            if one.waiting_notice is not None:
                one.waiting_notice.cancel()
        for place, task in self._tasks.items():
            if place not in begun:
                task.cancel()
        running = {task for place, task in self._tasks.items() if place in begun}
        await asyncio.sleep(0)
        if not running:
            return 0
        _, late = await asyncio.wait(running, timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)
