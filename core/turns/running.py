"""Answers that are being written now, and how somebody interrupts one: Stop, a question deleted, edited, forgotten, the
answer itself deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from cachetools import FIFOCache

from core.errors import BotError
from core.settings.channel import ChannelSettings
from core.values.conversation import Ask, Turn
from core.values.deltas import Ended, ModelInfo, Usage
from core.values.places import Place, message_key

Written = TypeVar("Written")
Key = TypeVar("Key")
Value = TypeVar("Value")

EARLY = 1_000
"""How many interrupts of what is not being written are remembered: most are of what has ended long ago."""


class Interrupt(StrEnum):
    STOPPED = "stopped"
    """A person pressed Stop: what was written stays."""
    WITHDRAWN = "withdrawn"
    """The question was deleted: the same, and no answer is expected."""
    RESTARTED = "restarted"
    """The question was edited: it is answered anew, in the same message."""
    FORGOTTEN = "forgotten"
    """The question was forgotten: no answer is expected, and no word of it is kept."""
    REMOVED = "removed"
    """A message of the answer, or the place it grows in, was deleted: no word of it is shown again."""
    LOST = "lost"
    """The platform takes no more of the answer: the person is told, where that is possible."""


@dataclass(slots=True)
class Draft:
    """An answer that is being written: the model's text so far, and how it ended."""

    text: str = ""
    ended: Ended | None = None
    error: BotError | None = None
    interrupt: Interrupt | None = None
    prompt_tokens: int = 0
    """Our own estimate of the messages that the model was given; 0 where none was asked."""
    model_info: ModelInfo | None = None
    settings: ChannelSettings | None = None
    began_s: float = 0.0
    """Monotonic time at which the turn began to run."""
    first_word_s: float | None = None
    """Seconds from then to the model's first word."""
    charged: list[Usage] = field(default_factory=list)
    """The usage of tries without an answer, each at the price of its model."""


class Shown(Protocol):
    """The messages of an answer on the platform."""

    ask: Ask

    @property
    def posted(self) -> Sequence[str]:
        """Their ids, in order."""
        ...

    def remove(self, message_id: str = "") -> None:
        """That message is gone (or, if empty, all of them): nothing more is shown. Tells the writer of the answer."""
        ...


class RunningTurns:
    """Runs the writing of each answer so that it can be interrupted: cancelled, its connection closed at once.

    What is stopped or withdrawn before it is written, in a queue or right after a restart, does not begin. Nor does
    what was asked in a place before that was closed.
    """

    def __init__(self) -> None:
        self._writing: dict[int, tuple[Turn, asyncio.Task[Any]]] = {}
        self._interrupts: dict[int, Interrupt] = {}
        self._due_s: dict[int, float] = {}  # by turn, when one that was restarted may go on
        self._early: FIFOCache[int | str, Interrupt] = FIFOCache(EARLY)  # by turn or question
        self._closed: FIFOCache[str, datetime] = FIFOCache(EARLY)  # by place
        self._going_on: set[int] = set()
        self._shown: set[Shown] = set()

    def stop(self, turn_id: int) -> bool:
        """False where that turn writes nothing now."""
        return self._interrupt(turn_id, Interrupt.STOPPED) or self._note(turn_id, Interrupt.STOPPED)

    def go_on(self, turn_id: int) -> None:
        """Somebody who may not stop that turn has pressed Stop. A platform's own button halts the message that grows
        whoever presses it: `halt` then does nothing."""
        if turn_id in self._writing:
            self._going_on.add(turn_id)

    def halt(self, turn_id: int) -> None:
        """A person has halted the message in which that turn grows. Stops the turn, unless `go_on` was called."""
        if turn_id not in self._going_on:
            self._interrupt(turn_id, Interrupt.STOPPED)

    def lose(self, turn_id: int, why: Interrupt) -> None:
        """No more words of that turn can be shown: REMOVED or LOST."""
        if not self._interrupt(turn_id, why):
            self._note(turn_id, why)

    def withdraw(self, question: str) -> bool:
        """The question with this key (`Ask.key`) is gone. False where no answer to it is being written."""
        interrupted = self._interrupt(self._asked(question), Interrupt.WITHDRAWN)
        return interrupted or self._note(question, Interrupt.WITHDRAWN)

    def answering(self, question: str) -> Turn | None:
        """The turn whose answer to the question with this key is being written."""
        turn_id = self._asked(question)
        return None if turn_id is None else self._writing[turn_id][0]

    def restart(self, question: str, due_s: float = 0.0) -> bool:
        """The question with this key was edited: it is answered anew, not before the monotonic time `due_s`."""
        turn_id = self._asked(question)
        if turn_id is not None:
            self._due_s[turn_id] = max(due_s, self._due_s.get(turn_id, 0.0))
        return self._interrupt(turn_id, Interrupt.RESTARTED)

    def wait_s(self, turn_id: int, now_s: float) -> float:
        """How long a turn that was restarted still waits; 0 where it goes on, or was not."""
        return max(0.0, self._due_s.get(turn_id, 0.0) - now_s)

    def forget(self, which: Callable[[Turn], bool]) -> bool:
        """The questions of the turns that `which` picks were forgotten."""
        picked = [turn_id for turn_id, (turn, _) in self._writing.items() if which(turn)]
        forgotten = [self._interrupt(turn_id, Interrupt.FORGOTTEN) for turn_id in picked]
        return any(forgotten)

    def watch(self, shown: Shown) -> None:
        """Tell `shown` when one of its messages, or its place, is deleted. Until `unwatch`."""
        self._shown.add(shown)

    def unwatch(self, shown: Shown) -> None:
        self._shown.discard(shown)

    def remove(self, message: str) -> bool:
        """The message with this key (`message_key`) is gone. False where it is none of an answer that is shown now."""
        for shown in self._shown:
            for message_id in shown.posted:
                if message_key(shown.ask.place, message_id) == message:
                    shown.remove(message_id)
                    return True
        return False

    def close(self, place: Place, at: datetime) -> bool:
        """The thread or, where `place` names none, the channel is closed. False where no answer is shown there now."""
        self._closed[place.key] = at
        there = [shown for shown in self._shown if _holds(place, shown.ask.place)]
        for shown in there:
            shown.remove()
        return bool(there)

    def early(self, turn: Turn) -> Interrupt | None:
        """What interrupted `turn` before its writing began."""
        noted = self._early.get(turn.id)
        if noted is not None or turn.again_of is not None:
            return noted  # who presses a button under an answer wants it all the same
        closed = Interrupt.REMOVED if self._asked_before_closing(turn.ask) else None
        return self._early.get(turn.ask.key) or closed

    async def write(self, turn: Turn, writing: Coroutine[Any, Any, Written]) -> Written | Interrupt:
        """Run `writing` to its end, or to what interrupted it. Cancelled itself, it cancels `writing`."""
        early = self.early(turn)
        self._early.pop(turn.id, None)
        if early is not None:
            self._due_s.pop(turn.id, None)
            writing.close()
            return early
        task = asyncio.create_task(writing)
        self._writing[turn.id] = (turn, task)
        try:
            return await task
        except asyncio.CancelledError:
            if turn.id not in self._interrupts:
                raise
            return self._interrupts[turn.id]
        finally:
            del self._writing[turn.id]
            self._going_on.discard(turn.id)
            if self._interrupts.pop(turn.id, None) is not Interrupt.RESTARTED:
                self._due_s.pop(turn.id, None)

    def _note(self, which: int | str, interrupt: Interrupt) -> bool:
        self._early[which] = interrupt
        return False

    def _asked_before_closing(self, ask: Ask) -> bool:
        return any(
            key in self._closed and ask.at <= self._closed[key]
            for key in (ask.place.key, replace(ask.place, thread="").key)
        )

    def _asked(self, question: str) -> int | None:
        found = (turn.id for turn, _ in self._writing.values() if turn.ask.key == question)
        return next(found, None)

    def _interrupt(self, turn_id: int | None, interrupt: Interrupt) -> bool:
        if turn_id is None or turn_id not in self._writing:
            return False
        self._interrupts[turn_id] = interrupt
        self._writing[turn_id][1].cancel()
        return True


def _holds(closed: Place, place: Place) -> bool:
    return closed.key == place.key if closed.thread else closed.channel_key == place.channel_key
