"""Summaries of the beginnings of long threads. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    bindparam,
    delete,
    literal_column,
    select,
    tuple_,
    update,
)

from core.values.conversation import LinePosition
from core.values.places import Place
from core.values.summaries import LineSpan, SummaryFailure, SummaryProgress, ThreadSummary, VoidSummary
from storage.engine import insert
from storage.tables import THREAD_SUMMARIES, from_us, to_us

_DONE, _FAILED, _VOID, _FOLDED = "done", "failed", "void", "folded"
_PLACE = ("platform", "team", "channel", "thread")
AFTER_COLUMNS = ("after_us", "after_anchor", "after_rank", "after_message")
UNTIL_COLUMNS = ("until_us", "until_anchor", "until_rank", "until_message")
_ROW = THREAD_SUMMARIES.c
UNTIL = tuple_(*(_ROW[name] for name in UNTIL_COLUMNS))
"""The position that a summary covers its thread up to."""
IS_SUMMARY = _ROW.state.not_in((_FAILED, _VOID))
_IN_PLACE = [_ROW[name] == bindparam(f"of_{name}") for name in _PLACE]
_KEY = (*_PLACE, "state", *UNTIL_COLUMNS)
_RANGES = select(*(_ROW[name] for name in (*_KEY, *AFTER_COLUMNS))).where(*_IN_PLACE, IS_SUMMARY)
_ALL = select(THREAD_SUMMARIES).where(*_IN_PLACE)


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


def void_lines(connection: Connection, rows: Iterable[Any]) -> None:
    """Void the summaries that cover one of these rows of `messages`, or the question of an answer: of stretches their
    range stays."""
    changed = dict[tuple[str, ...], list[tuple[LinePosition, LinePosition]]]()
    for row in rows:
        at = from_us(row.at_us)
        first, last = LinePosition(at, row.anchor, 0, ""), LinePosition(at, row.anchor, row.rank, row.message)
        changed.setdefault((row.platform, row.team, row.channel, row.thread), []).append((first, last))
    for place, lines in changed.items():
        of_place = {f"of_{name}": value for name, value in zip(_PLACE, place, strict=True)}
        # The stretches first: a summary of them that another transaction is about to store is found after that.
        for of_lines in (True, False):
            found = connection.execute(_RANGES, of_place).all()
            for row in found:
                span = _span(row)
                covers = any(span.after < last and first <= span.until for first, last in lines)
                if covers and (row.state == _DONE) is of_lines:
                    _void(connection, row)
            if not found:
                break


def _void(connection: Connection, row: Any) -> None:
    here = [_ROW[name] == getattr(row, name) for name in _KEY if name != "state"]
    if row.state == _DONE:
        connection.execute(delete(THREAD_SUMMARIES).where(*here, _ROW.state == _VOID))
        void = update(THREAD_SUMMARIES).where(*here, _ROW.state == _DONE)
        connection.execute(void.values(state=_VOID, text="", model=""))
    else:
        connection.execute(delete(THREAD_SUMMARIES).where(*here, _ROW.state == row.state))


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
    """The summaries of a thread, the stretches whose summary is void, and the attempts that failed."""
    rows = connection.execute(_ALL, _parameters(place)).all()
    voids = [VoidSummary(_span(row), from_us(row.at_us), row.times) for row in rows if row.state == _VOID]
    failed = [
        SummaryFailure(_position(row, UNTIL_COLUMNS), row.error, from_us(row.at_us), max(row.lines, 1))
        for row in rows
        if row.state == _FAILED
    ]
    return SummaryProgress(
        summaries_of(rows),
        tuple(sorted(voids, key=lambda one: one.span.until)),
        tuple(sorted(failed, key=lambda one: one.at)),
    )


def has_free(connection: Connection, place: Place, span: LineSpan) -> bool:
    """True if no summary covers a part of a range."""
    rows = connection.execute(_RANGES, _parameters(place))
    return not any(row.state == _DONE and span.overlaps(_span(row)) for row in rows)


def hold_parts(connection: Connection, place: Place, span: LineSpan) -> Sequence[ThreadSummary]:
    """The summaries within a range. They stay until the end of this transaction, which may store one that is made of
    them: a change of their lines voids that one too."""
    rows = connection.execute(_ALL.where(IS_SUMMARY).with_for_update(), _parameters(place)).all()
    return [one for one in summaries_of(rows) if span.overlaps(one.span)]


def put(connection: Connection, place: Place, new: ThreadSummary) -> None:
    """Store a summary in place of the failures before it, and of the void ones of its lines."""
    here = [_ROW[name] == getattr(place, name) for name in _PLACE]
    connection.execute(delete(THREAD_SUMMARIES).where(*here, _ROW.state == _FAILED))
    if new.level == 0:
        for row in connection.execute(_ALL.where(_ROW.state == _VOID), _parameters(place)).all():
            void = [_ROW[name] == getattr(row, name) for name in _KEY]
            if new.span.overlaps(_span(row)) and _span(row).until <= new.until:
                connection.execute(delete(THREAD_SUMMARIES).where(*void))
            elif new.span.overlaps(_span(row)):
                begin = dict(zip(AFTER_COLUMNS, _values(new.until), strict=True))
                connection.execute(update(THREAD_SUMMARIES).where(*void).values(begin))
    state = f"{_FOLDED}{new.level}" if new.level else _DONE
    rest = (new.lines, new.text, new.model, "", to_us(new.at), new.times)
    _put(connection, place, state, new.span, rest)


def put_failure(connection: Connection, place: Place, failure: SummaryFailure) -> None:
    """Store an attempt that failed."""
    rest = (failure.attempts, "", "", failure.error, to_us(failure.at), 1)
    _put(connection, place, _FAILED, LineSpan(failure.newest, failure.newest), rest)


_REST = ("lines", "text", "model", "error", "at_us", "times")


@cache
def _adding(dialect: str) -> Executable:
    adding = insert(dialect, THREAD_SUMMARIES)
    new = {name: adding.excluded[name] for name in (*AFTER_COLUMNS, *_REST)}
    return adding.on_conflict_do_update(index_elements=list(_KEY), set_=new)


def _put(
    connection: Connection, place: Place, state: str, span: LineSpan, rest: tuple[int, str, str, str, int, int]
) -> None:
    row: dict[str, Any] = {name: getattr(place, name) for name in _PLACE} | {"state": state}
    values = (*_values(span.after), *_values(span.until), *rest)
    row |= dict(zip((*AFTER_COLUMNS, *UNTIL_COLUMNS, *_REST), values, strict=True))
    connection.execute(_adding(connection.dialect.name), row)


def summaries_of(rows: Iterable[Any]) -> tuple[ThreadSummary, ...]:
    """The summaries among rows, in the order of their ends."""
    found = [_summary(row) for row in rows if row.state not in (_FAILED, _VOID)]
    return tuple(sorted(found, key=lambda one: (one.until, one.level)))


def _summary(row: Any) -> ThreadSummary:
    span = _span(row)
    level = int(row.state.removeprefix(_FOLDED)) if row.state != _DONE else 0
    at = from_us(row.at_us)
    return ThreadSummary(span.until, row.lines, row.text, row.model, at, span.after, level, row.times)


def before(at_us: Any, message: Any) -> ColumnElement[bool]:
    """True if a summary covers no line from the question `message` on, which was asked at `at_us`."""
    return tuple_(at_us, message, 0, message) > UNTIL


def _span(row: Any) -> LineSpan:
    return LineSpan(_position(row, AFTER_COLUMNS), _position(row, UNTIL_COLUMNS))


def _position(row: Any, names: Sequence[str]) -> LinePosition:
    at_us, anchor, rank, message = (getattr(row, name) for name in names)
    return LinePosition(from_us(at_us), anchor, rank, message)


def _parameters(place: Place) -> dict[str, Any]:
    return {f"of_{name}": getattr(place, name) for name in _PLACE}


def _values(position: LinePosition) -> tuple[int, str, int, str]:
    return to_us(position.at), position.anchor, position.rank, position.message
