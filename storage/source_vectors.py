"""The vectors of sources. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, Select, and_, delete, func, select

from core.values.memory import Vector
from storage.engine import insert
from storage.tables import SOURCE_VECTORS, SOURCES

Rows = list[tuple[int, str, bytes]]
"""Turns with their channel and their vector."""

_ROW = SOURCE_VECTORS.c


_READ = 500
"""Vectors that one statement reads."""


@cache
def _put(dialect: str) -> Executable:
    adding = insert(dialect, SOURCE_VECTORS)
    new = {name: adding.excluded[name] for name in ("model", "dimension", "vector")}
    return adding.on_conflict_do_update(index_elements=["turn_id"], set_=new)


def put(connection: Connection, vectors: Mapping[int, Vector]) -> None:
    """Store the vectors of these turns, in place of those of other models."""
    rows = [
        {"turn_id": turn_id, "model": one.model, "dimension": one.dimension, "vector": one.values}
        for turn_id, one in vectors.items()
    ]
    if rows:
        connection.execute(_put(connection.dialect.name), rows)


def remove(connection: Connection, turn_ids: Select[Any] | Collection[int]) -> None:
    """Remove the vectors of these turns."""
    connection.execute(delete(SOURCE_VECTORS).where(_ROW.turn_id.in_(turn_ids)))


def dimensions(connection: Connection, model: str, limit: int) -> list[int]:
    """The dimensions of the newest vectors of a model, newest first."""
    newest = select(_ROW.dimension).where(_ROW.model == model).order_by(_ROW.turn_id.desc()).limit(limit)
    return list(connection.scalars(newest))


def lacking(connection: Connection, model: str, below: int, limit: int, dimension: int | None) -> list[int]:
    """The newest sources below that id without a vector of `model`, of that dimension where one is given."""
    source = SOURCES.c
    made = and_(_ROW.turn_id == source.turn_id, _ROW.model == model)
    made = made if dimension is None else and_(made, _ROW.dimension == dimension)
    query = (
        select(source.turn_id)
        .outerjoin(SOURCE_VECTORS, made)
        .where(_ROW.turn_id.is_(None), source.turn_id < below)
        .order_by(source.turn_id.desc())
        .limit(limit)
    )
    return list(connection.scalars(query))


def _of_team(columns: list[Any], platform: str, team: str, model: str, dimension: int) -> Select[Any]:
    source = SOURCES.c
    return (
        select(*columns)
        .join(SOURCES, source.turn_id == _ROW.turn_id)
        .where(
            source.platform == platform,
            source.team == team,
            _ROW.model == model,
            _ROW.dimension == dimension,
        )
    )


def has_more_than(
    connection: Connection, platform: str, team: str, model: str, dimension: int, number: int
) -> bool:
    """True if the team has more than that number of vectors."""
    some = _of_team([_ROW.turn_id], platform, team, model, dimension).limit(number + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) > number


def newest(connection: Connection, platform: str, team: str, model: str, dimension: int, limit: int) -> Rows:
    """The newest vectors of the team, oldest first. Only ids are sorted: the vectors are a hundred times as large."""
    turn_ids = sorted(ids(connection, platform, team, model, dimension))[-limit:]
    chunks = (turn_ids[at : at + _READ] for at in range(0, len(turn_ids), _READ))
    return [row for chunk in chunks for row in sorted(some(connection, model, chunk))]


def some(connection: Connection, model: str, turn_ids: Collection[int]) -> Rows:
    """The vectors of these turns."""
    columns = (_ROW.turn_id, SOURCES.c.channel, _ROW.vector)
    query = select(*columns).join(SOURCES, SOURCES.c.turn_id == _ROW.turn_id)
    rows = connection.execute(query.where(_ROW.model == model, _ROW.turn_id.in_(turn_ids)))
    return [(row.turn_id, row.channel, row.vector) for row in rows]


def ids(connection: Connection, platform: str, team: str, model: str, dimension: int) -> set[int]:
    """The turns of the team that have a vector."""
    return set(connection.scalars(_of_team([_ROW.turn_id], platform, team, model, dimension)))
