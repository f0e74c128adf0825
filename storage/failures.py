"""The causes of failures. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from core.errors import Code
from core.log import redact
from core.values.conversation import Turn, TurnState
from core.values.failures import Failure, FailureKind, RetryRefusal, StoredFailure
from core.values.places import Place
from core.values.tasks import task_again
from storage import turns
from storage.tables import FAILURES, TURNS, from_us, to_us

KEPT = timedelta(days=100)
"""For which a failure that ended no turn is kept."""
MOST_OF_REF = 20
"""The most failures that are read of one reference: everybody who reaches a limit of spending is shown the same."""
_ABOVE_ALL = 2**62
_FAILURE = FAILURES.c


def add(
    connection: Connection, failure: Failure, at_us: int, turn_id: int | None = None, place: Place | None = None
) -> None:
    """Store a failure, of a turn or of a command at `place`."""
    where = place or Place("", "", "")
    values = {
        "ref": failure.ref,
        "turn_id": turn_id,
        "platform": where.platform,
        "team": where.team,
        "channel": where.channel,
        "at_us": at_us,
        "what": failure.what,
        "code": str(failure.code),
        "detail": redact(failure.detail),
        "kind": failure.kind,
        "account": failure.account,
        "model": failure.model,
        "status": failure.status,
        "request_id": failure.request_id,
        "tries": failure.tries,
        "places": dict(failure.places),
    }
    connection.execute(insert(FAILURES), values)


def record(connection: Connection, failure: Failure, at_us: int, place: Place | None) -> None:
    """Store a failure that ended no turn, and remove those that are older than KEPT."""
    add(connection, failure, at_us, None, place)
    old = (_FAILURE.turn_id.is_(None), _FAILURE.at_us < at_us - to_us(from_us(0) + KEPT))
    connection.execute(delete(FAILURES).where(*old))


def newest(
    connection: Connection, limit: int, before: int | None, only: FailureKind | None
) -> list[StoredFailure]:
    """The newest failures, newest first: those before the one with the id `before`, of one kind or of all."""
    query = select(FAILURES).where(_FAILURE.id < (before or _ABOVE_ALL))
    if only is FailureKind.SET_ASIDE:
        query = query.where(_FAILURE.code == str(Code.SET_ASIDE))
    elif only is FailureKind.RETRIED:
        query = query.where(_FAILURE.turn_id.in_(select(TURNS.c.again_of).where(TURNS.c.again_of.is_not(None))))
    return _read(connection, query.order_by(_FAILURE.id.desc()).limit(limit))


def of_ref(connection: Connection, ref: str) -> list[StoredFailure]:
    """The newest failures with a reference, as a person wrote it."""
    found = select(FAILURES).where(_FAILURE.ref == ref.strip().upper())
    return _read(connection, found.order_by(_FAILURE.id.desc()).limit(MOST_OF_REF))


def _read(connection: Connection, query: Select[Any]) -> list[StoredFailure]:
    rows = connection.execute(query).all()
    ids = {row.turn_id for row in rows if row.turn_id is not None}
    ended = {row.id: turns.turn_of(row) for row in _turns(connection, TURNS.c.id, ids)}
    retries = {row.again_of: row.id for row in _turns(connection, TURNS.c.again_of, ids)}
    return [_stored(row, ended.get(row.turn_id), retries.get(row.turn_id)) for row in rows]


def _turns(connection: Connection, column: Any, ids: Collection[int]) -> Sequence[Any]:
    query = select(TURNS).where(column.in_(ids), column.is_not(None))  # the index of retries has no others
    return connection.execute(query).all() if ids else ()


def _stored(row: Any, turn: Turn | None, retry: int | None) -> StoredFailure:
    failure = Failure(
        row.ref,
        Code(row.code) if row.code in set(Code) else Code.INTERNAL,
        row.detail,
        row.kind,
        row.account,
        row.model,
        row.status,
        row.request_id,
        row.tries,
        row.places or {},
        row.what,
    )
    place = Place(row.platform, row.team, row.channel) if row.platform else None
    return StoredFailure(row.id, failure, from_us(row.at_us), turn, retry, place)


def remove(connection: Connection, turn_ids: Any) -> None:
    """Remove the failures of turns: a `detail` may quote their words. `turn_ids`: a list, or a query."""
    connection.execute(delete(FAILURES).where(_FAILURE.turn_id.in_(turn_ids)))


def retry_failed(connection: Connection, turn_id: int, now: datetime) -> Turn | RetryRefusal:
    """The new turn for the question of a failed one, or the reason why there is none."""
    failed = turns.turn(connection, turn_id)
    if failed is None:
        return RetryRefusal.UNKNOWN
    if failed.state is not TurnState.FAILED:
        return RetryRefusal.NOT_FAILED
    if failed.ask.announces:
        return RetryRefusal.NO_QUESTION
    if failed.forgotten:
        return RetryRefusal.FORGOTTEN
    again = turns.retry_turn(connection, turn_id, task_again(failed.ask.task), None, now)
    return RetryRefusal.RETRIED if again is None else again
