"""Ownership of places: of several processes on one database, each place has one owner at a time, which answers
there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from core.values.places import Place


@dataclass(frozen=True, slots=True)
class Gained:
    """This process owns more places: it has to continue their open turns."""


@dataclass(frozen=True, slots=True)
class Lost:
    """This process no longer owns some places, or is about to hand them over: it begins no turn there, and drops those
    of places that it does not hold any more."""


OwnershipChange = Gained | Lost


class Ownership(Protocol):
    """Asked before a turn is queued, and again before it begins."""

    def epoch(self, place: Place) -> int | None:
        """The epoch in which this process may begin turns of `place`, or None where it may not. Pure.

        A later owner of the same place has a greater epoch.
        """
        ...

    def holds(self, place: Place) -> bool:
        """True if this process may go on with the turns of `place` that it has begun. Pure."""
        ...

    def call_wait_s(self, place: Place) -> float | None:
        """Seconds until a call to the platform may be made for `place`, which is asked again then. None where another
        owner makes them. Pure."""
        ...

    @property
    def shared(self) -> bool:
        """True while other processes own places too. Pure."""
        ...

    @property
    def settles_s(self) -> float:
        """Seconds until what a process heard that has just gone is known here: platforms deliver again what it had not
        acknowledged. Pure."""
        ...

    async def change(self) -> OwnershipChange:
        """Wait for the next change, when the one before is worked off. `epoch` and `holds` say to which places it
        applies."""
        ...


class SoleOwner:
    """The one process of its database, which a lock holds alone (`storage.lock`): it owns everything and loses nothing.

    A process that loses the lock ends, so no change is ever reported.
    """

    def epoch(self, place: Place) -> int | None:
        return 0

    def holds(self, place: Place) -> bool:
        return True

    def call_wait_s(self, place: Place) -> float | None:
        return 0.0

    @property
    def shared(self) -> bool:
        return False

    @property
    def settles_s(self) -> float:
        return 0.0

    async def change(self) -> OwnershipChange:
        return await asyncio.Future()


SOLE_OWNER = SoleOwner()
