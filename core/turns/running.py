"""The turns that wait or run in this process: one object each, in one dictionary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from core.conversation.files import FoundFile
from core.delivery.answer import AnswerDelivery
from core.tracing import QuestionTrace
from core.turns.draft import Draft
from core.turns.interrupts import EarlyInterrupts, Interrupt
from core.values.conversation import Turn
from core.values.places import Place, message_key
from core.values.tasks import ContinueAnswer

Written = TypeVar("Written")


@dataclass(slots=True, eq=False)
class RunningTurn:
    """The state of one turn from the time it is queued in this process until it ends."""

    turn: Turn
    """The turn as the store last returned it."""
    draft: Draft = field(default_factory=Draft)
    delivery: AnswerDelivery | None = None
    """The answer's messages on the platform, while they are shown."""
    trace: QuestionTrace = field(init=False)
    submitted_s: float = 0.0
    """The time at which it was queued, by the event loop's clock."""
    epoch: int = 0
    """The epoch in which this process owns its place (`core.turns.ownership`)."""
    before: Turn | None = None
    """The turn of the place that has to be answered first, and was not known here."""
    behind: int | None = None
    """The last one of those. It is waited for once: it may fail here each time."""
    in_order: bool = True
    """False if the turn begins although another one of its place comes first."""
    begun: bool = False
    """True if it is the turn of its place that runs; the others of the place wait behind it."""
    waiting_notice: asyncio.Task[None] | None = None
    """Shows that the turn waits, once it has waited for long."""
    on_platform: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the turn has a message on the platform, or has ended without one."""
    on_asked: Callable[[], None] = lambda: None
    """Called when the model is asked."""
    writing: asyncio.Task[Any] | None = None
    """The writing of the answer, while that runs."""
    interrupted: Interrupt | None = None
    """The interrupt that ended `writing`, or keeps it from beginning."""
    due_s: float = 0.0
    """Monotonic time before which a restarted turn does not go on."""
    refused_stop: bool = False
    """A person who may not stop this turn has pressed Stop."""
    halting: asyncio.Task[None] | None = None
    """Waits for the event that names who halted the growing message."""
    clips_left: dict[str, Collection[str]] = field(default_factory=dict)
    """The sources of the clips that are left in the messages that were edited or deleted since the turn was queued, by
    the ids of the messages."""
    unsaved: tuple[str, tuple[str, ...]] | None = None
    """Text and message ids that the store does not have yet."""

    def __post_init__(self) -> None:
        self.trace = QuestionTrace(self.turn)

    @property
    def id(self) -> int:
        return self.turn.id

    @property
    def heard(self) -> list[FoundFile]:
        """The clips whose transcripts the answer quotes: none where it continues another one, which quotes them."""
        if isinstance(self.turn.ask.task, ContinueAnswer):
            return []
        return [
            one
            for one in self.draft.files.heard
            if one.file.source in self.clips_left.get(one.message_id, (one.file.source,))
        ]

    def interrupt(self, interrupt: Interrupt) -> bool:
        """Cancel the writing. False where nothing is written now: then the writing does not begin."""
        self.interrupted = interrupt
        return self.writing is not None and self.writing.cancel()

    def restart(self, due_s: float = 0.0) -> bool:
        """Answer the edited question anew, not before the monotonic time `due_s`. False where nothing is written."""
        if self.writing is None:
            return False
        self.due_s = max(due_s, self.due_s)
        return self.interrupt(Interrupt.RESTARTED)

    def wait_s(self, now_s: float) -> float:
        """Seconds that a restarted turn still waits; 0 for others."""
        return max(0.0, self.due_s - now_s)

    def halt(self) -> None:
        """A person has halted the message in which the answer grows. Stops it, unless that person may not."""
        if self.writing is not None and not self.refused_stop:
            self.interrupt(Interrupt.STOPPED)

    async def write(self, writing: Coroutine[Any, Any, Written]) -> Written | Interrupt:
        """Run `writing` to its end, or to its interrupt. Cancelled itself, it cancels `writing`."""
        if self.interrupted is not None:
            writing.close()
            return self.interrupted
        task = asyncio.create_task(writing)
        self.writing = task
        try:
            return await task
        except asyncio.CancelledError:
            if self.interrupted is None:
                raise
            return self.interrupted
        finally:
            self.writing, self.refused_stop = None, False
            if self.interrupted is Interrupt.RESTARTED:
                self.interrupted = None


class RunningTurns:
    """The turns that wait or run in this process, by id. `PlaceQueues` alone adds and removes them.

    An interrupt cancels the writing of an answer, which closes the connection to the model at once. An interrupt of a
    turn that is not written yet keeps it from being written, as does the closing of its place after it was asked.
    """

    def __init__(self) -> None:
        self._turns: dict[int, RunningTurn] = {}
        self._early = EarlyInterrupts()

    def __contains__(self, turn_id: int) -> bool:
        return turn_id in self._turns

    def __iter__(self) -> Iterator[RunningTurn]:
        return iter(self._turns.values())

    @property
    def ids(self) -> frozenset[int]:
        return frozenset(self._turns)

    def at(self, place: Place) -> RunningTurn | None:
        """The turn of `place` that runs, other than work in the background."""
        here = (one for one in self if one.begun and one.turn.ask.place.key == place.key)
        return next((one for one in here if not one.turn.ask.in_background), None)

    def add(self, turn: Turn) -> RunningTurn:
        running = self._turns[turn.id] = RunningTurn(turn)
        return running

    def remove(self, turn_id: int) -> None:
        """The turn has ended."""
        ended = self._turns.pop(turn_id)
        ended.on_platform.set()
        if ended.halting is not None:
            ended.halting.cancel()

    def delay(self, turn_id: int, due_s: float) -> None:
        """Delay that turn, if it is known here, to the monotonic time `due_s`."""
        if (running := self._turns.get(turn_id)) is not None:
            running.due_s = max(due_s, running.due_s)

    def stop(self, turn_id: int) -> bool:
        """False where that turn is not being written now."""
        return self._interrupt(turn_id, Interrupt.STOPPED)

    def refuse_stop(self, turn_id: int) -> None:
        """A person who may not stop that turn has pressed Stop. A platform's own button halts the growing
        message for every person: `RunningTurn.halt` then does nothing."""
        running = self._turns.get(turn_id)
        if running is not None and running.writing is not None:
            running.refused_stop = True

    def withdraw(self, question: str) -> bool:
        """The question with this key (`Ask.key`) was deleted. False where no answer to it is being written."""
        if (running := self.answering(question)) is not None:
            return running.interrupt(Interrupt.WITHDRAWN)
        self._early.note(question, Interrupt.WITHDRAWN)
        return False

    def answering(self, question: str) -> RunningTurn | None:
        """The turn whose answer to the question with this key is being written."""
        return next((one for one in self if one.writing is not None and one.turn.ask.key == question), None)

    def forget(self, which: Callable[[Turn], bool]) -> bool:
        """The questions of the turns that `which` picks were forgotten."""
        picked = [one for one in self if one.writing is not None and which(one.turn)]
        forgotten = [one.interrupt(Interrupt.FORGOTTEN) for one in picked]
        return any(forgotten)

    def lose(self, platform: str, team: str) -> int:
        """Stop the answers of a team whose platform takes no more of them. Returns their number."""
        own = [
            one for one in self if (one.turn.ask.place.platform, one.turn.ask.place.team) == (platform, team)
        ]
        return sum([one.interrupt(Interrupt.LOST) for one in own])

    def keep_clips(self, place: Place, message_id: str, left: Collection[str]) -> list[RunningTurn]:
        """Only the clips with the sources `left` remain in a message of the channel `place`: no answer quotes others of
        it from now on. Returns the turns whose answers quote such a one already."""
        quoting: list[RunningTurn] = []
        for one in self:
            if one.turn.ask.place.channel_key == place.channel_key:
                before = one.heard
                one.clips_left[message_id] = left
                quoting += [one] if one.heard != before else []
        return quoting

    def message_deleted(self, message: str) -> bool:
        """The message with this key (`message_key`) is gone. False where no answer that is shown now has it."""
        for delivery in self._deliveries():
            for message_id in delivery.posted:
                if message_key(delivery.ask.place, message_id) == message:
                    delivery.remove(message_id)
                    return True
        return False

    def close(self, place: Place, at: datetime) -> bool:
        """The thread or, where `place` names none, the channel was closed. False where no answer is shown there."""
        self._early.close(place, at)
        closed = [delivery for delivery in self._deliveries() if holds(place, delivery.ask.place)]
        for delivery in closed:
            delivery.remove()
        return bool(closed)

    def interrupt_of(self, running: RunningTurn) -> Interrupt | None:
        """The interrupt that keeps that turn from being written."""
        return running.interrupted or self._early.of(running.turn)

    async def write(self, running: RunningTurn, writing: Coroutine[Any, Any, Written]) -> Written | Interrupt:
        """`RunningTurn.write`, unless the turn was interrupted before it was known here."""
        running.interrupted = self.interrupt_of(running)
        return await running.write(writing)

    def _interrupt(self, turn_id: int, interrupt: Interrupt) -> bool:
        if (running := self._turns.get(turn_id)) is not None:
            return running.interrupt(interrupt)
        self._early.note(turn_id, interrupt)
        return False

    def _deliveries(self) -> list[AnswerDelivery]:
        return [one.delivery for one in self if one.delivery is not None]


def holds(closed: Place, place: Place) -> bool:
    """True if `place` is in `closed`, a thread or a channel with all its threads."""
    return closed.key == place.key if closed.thread else closed.channel_key == place.channel_key
