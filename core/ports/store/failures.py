"""Failures by the reference that a person or the operators were shown, and failed turns that are asked again."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.values.conversation import Turn
from core.values.failures import Failure, FailureKind, RetryRefusal, StoredFailure
from core.values.places import Place


class FailureStore(Protocol):
    """The failure of a turn is stored with its end (`Finish.failure`), and goes with the words of its question."""

    async def record_failure(self, failure: Failure, at: datetime, place: Place | None = None) -> None:
        """Store a failure that ended no turn. Those of more than 100 days before are removed. `place`: where a command
        failed."""
        ...

    async def failures(
        self, limit: int = 20, before: int | None = None, only: FailureKind | None = None
    ) -> list[StoredFailure]:
        """The newest failures, newest first. `before`: only those that were stored before the one with this id.
        `only`: those of one kind."""
        ...

    async def failures_of(self, ref: str) -> list[StoredFailure]:
        """The failures with a reference, newest first: of a turn, and of the alert that its cause raised. Spaces around
        it and the case of its letters do not count."""
        ...

    async def retry_failed(self, turn_id: int) -> Turn | RetryRefusal:
        """A new waiting turn for the question of one that has failed, paid by its author (`TurnLedger.retry_turn`).

        The running Parley begins it within a second, else the next start does.
        """
        ...
