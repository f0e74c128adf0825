"""Summaries of the beginnings of long threads. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Integer,
    bindparam,
    delete,
    literal_column,
    select,
    tuple_,
)

from core.values.conversation import LinePosition
from core.values.places import Place
from core.values.summaries import SummaryFailure, SummaryProgress, ThreadSummary
from storage.engine import insert
from storage.tables import KEY, THREAD_SUMMARIES, from_us, to_us

MOST_KEPT = 20
"""The newest summaries of a thread that are kept. Where the newest ones are void, an earlier one still counts."""

_DONE, _FAILED = "done", "failed"
_PLACE = ("platform", "team", "channel", "thread")
UNTIL_COLUMNS = ("until_us", "until_anchor", "until_rank", "until_message")
_ROW = THREAD_SUMMARIES.c
UNTIL = tuple_(*(_ROW[name] for name in UNTIL_COLUMNS))
"""The position that a summary covers its thread up to."""
IS_DONE = _ROW.state == _DONE
_IN_PLACE = [_ROW[name] == bindparam(f"of_{name}") for name in _PLACE]
_NEWEST_FIRST = [_ROW[name].desc() for name in UNTIL_COLUMNS]
_VOID = delete(THREAD_SUMMARIES).where(
    *_IN_PLACE,
    IS_DONE,
    tuple_(
        bindparam("us", type_=_ROW.until_us.type),
        bindparam("anchor", type_=KEY),
        bindparam("rank", type_=Integer),
        bindparam("message", type_=KEY),
    )
    <= UNTIL,
)
_ALL = select(THREAD_SUMMARIES).where(*_IN_PLACE, IS_DONE)
_NEWEST = select(THREAD_SUMMARIES).where(*_IN_PLACE, IS_DONE).order_by(*_NEWEST_FIRST).limit(1)
_FAILURES = select(THREAD_SUMMARIES).where(*_IN_PLACE, _ROW.state == _FAILED)


_NEWEST_US = """(
    SELECT max(one.until_us) FROM thread_summaries AS one
    WHERE one.platform = messages.platform AND one.team = messages.team AND one.channel = messages.channel
        AND one.thread = messages.thread AND one.state = 'done'
)"""
"""In words, because SQLAlchemy does not correlate a subquery of RETURNING with the table of its statement."""


def newest_us() -> ColumnElement[int]:
    """The time up to which the thread of a message is summed up; None where it is not. For the RETURNING of a statement
    that adds messages, so that one that comes late is found without a query of its own."""
    return literal_column(_NEWEST_US, BigInteger())


_NAMES = ("anchor", "rank", "message")


def void_late(connection: Connection, rows: Iterable[Any]) -> None:
    """Remove the summaries of the threads of these new rows of `messages` that end behind one of them: they lack it."""
    for place, positions in _by_place(rows).items():
        _void(connection, place, min(positions))


def void_lines(connection: Connection, rows: Iterable[Any]) -> None:
    """Remove the summaries that cover one of these rows of `messages`, or the question of an answer: it has changed."""
    for place, positions in _by_place(rows).items():
        for row in connection.execute(_ALL, _parameters(place)).all():
            until, since = position(row), from_us(row.since_us)
            if any(one.at >= since and one <= until for one in positions):
                # Those that end behind it are made of it, or of the same lines.
                _void(connection, place, until)


def _void(connection: Connection, place: Place, position: LinePosition) -> None:
    connection.execute(_VOID, _parameters(place) | dict(zip(("us", *_NAMES), _values(position), strict=True)))


def _by_place(rows: Iterable[Any]) -> dict[Place, list[LinePosition]]:
    found: dict[Place, list[LinePosition]] = {}
    for row in rows:
        place = Place(row.platform, row.team, row.channel, row.thread)
        found.setdefault(place, []).append(LinePosition(from_us(row.at_us), row.anchor, 0, ""))
    return found


def forget(connection: Connection, place: Place) -> None:
    """Remove the summaries of a thread, and the attempts that failed."""
    connection.execute(delete(THREAD_SUMMARIES).where(*_IN_PLACE), _parameters(place))


def expire(connection: Connection, channel: Place, before_us: int, limit: int) -> int:
    """Remove `limit` summaries of a channel whose lines are all older, and attempts at such ones."""
    here = [_ROW[name] == getattr(channel, name) for name in ("platform", "team", "channel")]
    keys = tuple(THREAD_SUMMARIES.primary_key)
    rows = connection.execute(select(*keys).where(*here, _ROW.until_us < before_us).limit(limit)).all()
    for row in rows:
        connection.execute(delete(THREAD_SUMMARIES).where(*(key == getattr(row, key.name) for key in keys)))
    return len(rows)


def progress(connection: Connection, place: Place) -> SummaryProgress:
    """The newest summary of a thread, and the attempts that failed since."""
    newest = connection.execute(_NEWEST, _parameters(place)).first()
    failed = [
        SummaryFailure(position(row), row.error, from_us(row.at_us), max(row.lines, 1))
        for row in connection.execute(_FAILURES, _parameters(place))
    ]
    failed.sort(key=lambda failure: failure.at)
    return SummaryProgress(summary(newest) if newest is not None else None, tuple(failed))


def put(connection: Connection, place: Place, new: ThreadSummary) -> None:
    """Store a summary in place of the failures before it."""
    here = [_ROW[name] == getattr(place, name) for name in _PLACE]
    connection.execute(delete(THREAD_SUMMARIES).where(*here, _ROW.state == _FAILED))
    since_us = 0 if new.since is None else to_us(new.since)
    _put(connection, place, _DONE, new.until, (new.lines, new.text, new.model, "", to_us(new.at), since_us))
    kept = select(_ROW.until_us).where(*here, IS_DONE).order_by(*_NEWEST_FIRST).offset(MOST_KEPT - 1).limit(1)
    oldest_us = connection.scalar(kept)
    if oldest_us is not None:
        connection.execute(delete(THREAD_SUMMARIES).where(*here, IS_DONE, _ROW.until_us < oldest_us))


def put_failure(connection: Connection, place: Place, failure: SummaryFailure) -> None:
    """Store an attempt that failed."""
    rest = (failure.attempts, "", "", failure.error, to_us(failure.at), 0)
    _put(connection, place, _FAILED, failure.newest, rest)


_REST = ("lines", "text", "model", "error", "at_us", "since_us")


@cache
def _adding(dialect: str) -> Executable:
    adding = insert(dialect, THREAD_SUMMARIES)
    new = {name: adding.excluded[name] for name in _REST}
    return adding.on_conflict_do_update(index_elements=[*_PLACE, "state", *UNTIL_COLUMNS], set_=new)


def _put(
    connection: Connection,
    place: Place,
    state: str,
    until: LinePosition,
    rest: tuple[int, str, str, str, int, int],
) -> None:
    row: dict[str, Any] = {name: getattr(place, name) for name in _PLACE} | {"state": state}
    row |= dict(zip((*UNTIL_COLUMNS, *_REST), (*_values(until), *rest), strict=True))
    connection.execute(_adding(connection.dialect.name), row)


def position(row: Any) -> LinePosition:
    """The position up to which a row covers its thread."""
    return LinePosition(from_us(row.until_us), row.until_anchor, row.until_rank, row.until_message)


def summary(row: Any) -> ThreadSummary:
    """The summary of a row in the state "done"."""
    since = from_us(row.since_us) if row.since_us else None
    return ThreadSummary(position(row), row.lines, row.text, row.model, from_us(row.at_us), since)


def before(at_us: Any, message: Any) -> ColumnElement[bool]:
    """True if a summary covers no line from the question `message` on, which was asked at `at_us`."""
    return tuple_(at_us, message, 0, message) > UNTIL


def _parameters(place: Place) -> dict[str, Any]:
    return {f"of_{name}": getattr(place, name) for name in _PLACE}


def _values(position: LinePosition) -> tuple[int, str, int, str]:
    return to_us(position.at), position.anchor, position.rank, position.message
