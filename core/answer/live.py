"""Answers that are being written now, and how somebody interrupts one: Stop, a deleted or an edited question."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, TypeVar

from core.types import Turn

Written = TypeVar("Written")


class Interrupt(StrEnum):
    STOPPED = "stopped"
    """A person pressed Stop: what was written stays."""
    WITHDRAWN = "withdrawn"
    """The question was deleted: the same, and nobody waits for an answer."""
    RESTARTED = "restarted"
    """The question was edited: it is answered anew, in the same message."""


class Live:
    """Runs the writing of each answer so that it can be interrupted: cancelled, its connection closed at once."""

    def __init__(self) -> None:
        self._writing: dict[int, tuple[Turn, asyncio.Task[Any]]] = {}
        self._interrupts: dict[int, Interrupt] = {}

    def stop(self, turn_id: int) -> bool:
        """False where that turn writes nothing now."""
        return self._interrupt(turn_id, Interrupt.STOPPED)

    def withdraw(self, question: str) -> bool:
        """The question with this key (`Ask.key`) is gone."""
        return self._interrupt(self._asked(question), Interrupt.WITHDRAWN)

    def restart(self, question: str) -> bool:
        """The question with this key was edited."""
        return self._interrupt(self._asked(question), Interrupt.RESTARTED)

    async def write(self, turn: Turn, writing: Coroutine[Any, Any, Written]) -> Written | Interrupt:
        """Run `writing` to its end, or to what interrupted it. Cancelled itself, it cancels `writing`."""
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
            self._interrupts.pop(turn.id, None)

    def _asked(self, question: str) -> int | None:
        found = (turn.id for turn, _ in self._writing.values() if turn.ask.key == question)
        return next(found, None)

    def _interrupt(self, turn_id: int | None, interrupt: Interrupt) -> bool:
        if turn_id is None or turn_id not in self._writing:
            return False
        self._interrupts[turn_id] = interrupt
        self._writing[turn_id][1].cancel()
        return True
