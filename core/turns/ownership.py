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
    """This process no longer owns some places: their turns belong to another owner."""


OwnershipChange = Gained | Lost


class Ownership(Protocol):
    """Asked before a turn is queued, and again before it begins."""

    def epoch(self, place: Place) -> int | None:
        """The epoch in which this process owns `place`, or None where it does not. Pure.

        A later owner of the same place has a greater epoch.
        """
        ...

    async def change(self) -> OwnershipChange:
        """Wait for the next change. `epoch` says to which places it applies."""
        ...


class SoleOwner:
    """The one process of its database, which a lock holds alone (`storage.lock`): it owns everything and loses nothing.

    A process that loses the lock ends, so no change is ever reported.
    """

    def epoch(self, place: Place) -> int | None:
        return 0

    async def change(self) -> OwnershipChange:
        return await asyncio.Future()


SOLE_OWNER = SoleOwner()
