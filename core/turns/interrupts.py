"""The interrupts of the writing of an answer, and the memory of those that come before it begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from cachetools import FIFOCache

from core.values.conversation import Turn
from core.values.places import Place

EARLY = 1_000
"""The most early interrupts, and the most closed places, in memory: most of them concern turns that ended long
ago."""


class Interrupt(StrEnum):
    """The reason why the writing of an answer ends before the model does."""

    STOPPED = "stopped"
    """A person pressed Stop: the text so far stays."""
    WITHDRAWN = "withdrawn"
    """The question was deleted: the text so far stays, and no answer is expected."""
    RESTARTED = "restarted"
    """The question was edited: it is answered anew, in the same message."""
    FORGOTTEN = "forgotten"
    """The question was forgotten: no answer is expected, and no text of it is kept."""
    REMOVED = "removed"
    """A message of the answer, or its place, was deleted: none of its text is shown again."""
    LOST = "lost"
    """The platform takes no more of the answer: a notice says so, where that is possible."""


class EarlyInterrupts:
    """Interrupts of turns that this process does not know yet, and the places that were closed."""

    def __init__(self) -> None:
        self._noted: FIFOCache[int | str, Interrupt] = FIFOCache(EARLY)
        self._closed: FIFOCache[str, datetime] = FIFOCache(EARLY)

    def note(self, which: int | str, interrupt: Interrupt) -> None:
        """`which` is the id of a turn, or the key of its question (`Ask.key`)."""
        self._noted[which] = interrupt

    def close(self, place: Place, at: datetime) -> None:
        """The thread or, where `place` names none, the channel was closed at `at`."""
        self._closed[place.key] = at

    def of(self, turn: Turn) -> Interrupt | None:
        """The interrupt of `turn`. A turn that a person started from the buttons of an answer begins although
        its question was deleted or its place was closed."""
        noted = self._noted.get(turn.id)
        if noted is not None or turn.again_of is not None:
            return noted
        places = (turn.ask.place, replace(turn.ask.place, thread=""))
        closed = any((at := self._closed.get(place.key)) is not None and turn.ask.at <= at for place in places)
        return self._noted.get(turn.ask.key) or (Interrupt.REMOVED if closed else None)
