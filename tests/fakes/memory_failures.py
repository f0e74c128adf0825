"""The failures of the store in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from core.errors import Code
from core.values.conversation import Turn, TurnState
from core.values.failures import Failure, FailureKind, RetryRefusal, StoredFailure
from core.values.places import Place
from core.values.tasks import Task, task_again


class MemoryFailures:
    """The `FailureStore` of `MemoryStore`. `turn` returns a turn by its id, `retry` the id of the turn that
    asks it again."""

    def __init__(self, turn: Callable[[int], Turn | None], retry: Callable[[int], int | None]) -> None:
        self._turn, self._retry = turn, retry
        self._rows: list[tuple[StoredFailure, int | None]] = []
        self._last_id = 0

    def add(self, failure: Failure, at: datetime, turn_id: int | None, place: Place | None = None) -> None:
        self._last_id += 1
        where = channel_of(place)
        self._rows.append((StoredFailure(self._last_id, failure, at, place=where), turn_id))

    def record(self, failure: Failure, at: datetime, place: Place | None) -> None:
        self.add(failure, at, None, place)
        old = at - timedelta(days=100)
        self._rows = [row for row in self._rows if row[1] is not None or row[0].at >= old]

    def remove(self, turn_id: int) -> None:
        self._rows = [row for row in self._rows if row[1] != turn_id]

    def newest(self, limit: int, before: int | None, only: FailureKind | None) -> list[StoredFailure]:
        found = [self._now(*row) for row in self._rows if before is None or row[0].id < before]
        if only is FailureKind.SET_ASIDE:
            found = [one for one in found if one.failure.code is Code.SET_ASIDE]
        elif only is FailureKind.RETRIED:
            found = [one for one in found if one.retry is not None]
        return found[-limit:][::-1]

    def of_ref(self, ref: str) -> list[StoredFailure]:
        found = [row for row in self._rows if row[0].failure.ref == ref.strip().upper()]
        return [self._now(*row) for row in reversed(found[-20:])]

    def _now(self, stored: StoredFailure, turn_id: int | None) -> StoredFailure:
        if turn_id is None:
            return stored
        turn, retry = self._turn(turn_id), self._retry(turn_id)
        return StoredFailure(stored.id, stored.failure, stored.at, turn, retry)


def channel_of(place: Place | None) -> Place | None:
    """The channel of a place."""
    return None if place is None else Place(place.platform, place.team, place.channel)


def refusal(turn: Turn | None) -> RetryRefusal | Task:
    """The task of the turn that asks `turn` again, or the reason why none does."""
    if turn is None:
        return RetryRefusal.UNKNOWN
    if turn.state is not TurnState.FAILED:
        return RetryRefusal.NOT_FAILED
    if turn.ask.announces:
        return RetryRefusal.NO_QUESTION
    return RetryRefusal.FORGOTTEN if turn.forgotten else task_again(turn.ask.task)
