"""The records that `parley export` gives of a store, in pages: each type is the rows of one table, under stable names.

A table is in `RECORDS` or in `NOT_EXPORTED`, and each column of a record is one of its fields or named in `without`; a
test names those that are in neither. Nothing in them is a secret of the operator's: those are in the settings alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, func, or_, select, tuple_

from storage.tables import (
    AUDIT,
    CHARGES,
    FAILURES,
    FEEDBACK,
    MESSAGES,
    SETTINGS,
    SOURCE_OPINIONS,
    SPENDING,
    STEPS,
    THREAD_SUMMARIES,
    THREADS,
    TOOL_GRANTS,
    TURNS,
    UPLOADS,
    USAGE,
    from_us,
)

TeamKey = tuple[str, str]
"""The platform and the id of a team."""
PAGE = 200
"""Rows of a page, which is one transaction."""
_PAGE_OF_STEPS = 8
"""Steps of a page: one may hold pictures of several MB."""

_OF_ROW = "a key of the row alone"
_SHOWN = "as it is shown on the platform"


@dataclass(frozen=True, slots=True)
class RecordType:
    """The records of a table, in the order of its primary key.

    `renamed`: fields with another name than their column's; a time of `at_us` is `at`. `without`: the columns that are
    no field, with the reason. `more`: fields that are computed. `page`: the rows of a page.
    """

    name: str
    table: Table
    renamed: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    page: int = PAGE

    @property
    def fields(self) -> dict[str, ColumnElement[Any]]:
        """The columns by the names of their fields, in the order of the table."""
        named = {
            self.renamed.get(column.name, column.name.removesuffix("_us")): column
            for column in self.table.columns
            if column.name not in self.without
        }
        return named | dict(self.more)


RECORDS = (
    RecordType("thread", THREADS, {"at_us": "newest_at", "since_us": "reset_at"}),
    RecordType(
        "message", MESSAGES, {"message": "id", "mine": "by_parley", "anchor": "answers"}, {"rank": _OF_ROW}
    ),
    RecordType(
        "turn",
        TURNS,
        {
            "at_us": "asked_at",
            "posted": "posts",
            "again_of": "again_of_turn",
            "cited": "cited_turns",
        },
        {
            "message": _OF_ROW,
            "may_read": "a right at that moment",
            "ticket": "the platform's key for replying",
            "buttons": _SHOWN,
            "quoted": _SHOWN,
            "epoch": "a number of the process that wrote it",
            "anonymous": "the same text without names",
            "offered": "work of the moment",
            "deaths": "work of the moment",
        },
    ),
    RecordType(
        "step", STEPS, {"turn_id": "turn"}, {"pictured_at_us": "work of the moment"}, page=_PAGE_OF_STEPS
    ),
    RecordType("usage", USAGE, {"turn_id": "turn"}),
    RecordType("charge", CHARGES, {"turn_id": "turn", "sound_s": "sound_seconds"}),
    RecordType("feedback", FEEDBACK, {"turn_id": "turn"}),
    RecordType("source_feedback", SOURCE_OPINIONS, {"turn_id": "turn", "source": "source_turn"}),
    RecordType(
        "file",
        UPLOADS,
        {},
        {"content": "bytes: they are in a backup"},
        {"size": func.length(UPLOADS.c.content)},
    ),
    RecordType(
        "summary",
        THREAD_SUMMARIES,
        {"until_message": "last_message"},
        dict.fromkeys(("until_anchor", "until_rank", "after_anchor", "after_rank"), _OF_ROW),
    ),
    RecordType("setting", SETTINGS),
    RecordType("change", AUDIT),
    RecordType("tool_grant", TOOL_GRANTS),
    RecordType(
        "budget", SPENDING, {"person": "person_digest", "micros": "spent_micros", "tokens": "spent_tokens"}
    ),
    RecordType("failure", FAILURES, {"turn_id": "turn"}),
)
NOT_EXPORTED = {
    "posts": "the ids of the messages of answers: `posts` of a turn",
    "model_accounts": "keys, encrypted; the changes have what else there is of them",
    "installations": "of the operator: who installed Parley, and encrypted tokens",
    "secret_keys": "names of keys of the operator's",
    "sources": "an index, made of the questions",
    "source_vectors": "an index, made of the questions",
    "usage_sums": "sums of `usage`",
    "operation_counts": "counts of the operators' report",
    "reservations": "of answers that are being written",
    "heard": "times up to which messages are known",
    "forgotten": "digests of people who are forgotten",
    "notices": "keys of what is said once",
    "partitions": "numbers, one row for each",
    "requests": "digests of signatures and of confirmations of the last minutes",
    "replica_notices": "work of the moment",
}
"""The tables that are left out, and why."""


def page(
    connection: Connection, record: RecordType, after: Sequence[Any] | None, whose: TeamKey | None = None
) -> tuple[list[dict[str, Any]], Any]:
    """The next records behind the key `after`, of one team where `whose` names it, and the key of the last one, None at
    the end."""
    key = list(record.table.primary_key)
    names = {f"key_{number}": column for number, column in enumerate(key)}
    columns = [column.label(name) for name, column in (record.fields | names).items()]
    query = select(*columns).order_by(*key).limit(record.page)
    if whose is not None:
        query = query.where(_is_of(record.table, whose))
    if after is not None:
        last = (bindparam(None, value, type_=column.type) for value, column in zip(after, key, strict=True))
        query = query.where(tuple_(*key) > tuple_(*last))
    rows = connection.execute(query).mappings().all()
    found = [_record(record, row) for row in rows]
    return found, [rows[-1][name] for name in names] if len(rows) == record.page else None


def _is_of(table: Table, whose: TeamKey) -> ColumnElement[bool]:
    """True for the rows of a team: those that name it, and those of its turns."""
    platform, team = whose
    turns = select(TURNS.c.id).where(TURNS.c.platform == platform, TURNS.c.team == team)
    own = [and_(table.c.platform == platform, table.c.team == team)] if "team" in table.c else []
    return or_(*own, *([table.c.turn_id.in_(turns)] if "turn_id" in table.c else []))


def _record(record: RecordType, row: Mapping[Any, Any]) -> dict[str, Any]:
    times = {name for name, column in record.fields.items() if getattr(column, "name", "").endswith("_us")}
    values: dict[str, Any] = {name: _time(row[name]) if name in times else row[name] for name in record.fields}
    if values.get("attached"):
        values["attached"] = [{"kind": kind, **parts} for kind, parts in values["attached"]]
    if "content" in values:
        values["content"] = _readable(values["content"])
    return {"type": record.name} | values


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else from_us(at_us).isoformat()


def _readable(content: Any) -> Any:
    """The content of a step without the bytes of pictures, and without fields that only its endpoint reads."""
    match content:
        case {"url": str(url)} if url.startswith("data:"):
            return _readable({**content, "url": ""}) | {"characters": len(url)}
        case dict():
            return {name: _readable(value) for name, value in content.items()}
        case list():
            return [_readable(value) for value in content if not _is_opaque(value)]
        case _:
            return content


def _is_opaque(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"fields", "endpoint"}
