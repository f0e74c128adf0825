"""Statements that the driver runs itself, for the few that a person waits for: SQLAlchemy's part of a statement takes
longer than the database's (`make bench only=spend`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection, Executable
from sqlalchemy.util import await_only


class DirectStatement:
    """A statement that is compiled once for each dialect. Its values and rows are the driver's: numbers and texts.

    On PostgreSQL it is part of a transaction only where a statement of SQLAlchemy has begun that.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Raises the driver's error, as `storage.errors` takes it."""
        dialect, statement = connection.dialect, self._statement
        if dialect.name not in self._compiled:
            compiled: Any = cast("ClauseElement", statement).compile(dialect=dialect)
            self._compiled[dialect.name] = str(compiled), dict(compiled.params), tuple(compiled.positiontup)
        sql, literals, names = self._compiled[dialect.name]
        all_values = {**literals, **values}
        given = [all_values[name] for name in names]
        driver: Any = connection.connection.driver_connection
        if dialect.name == "postgresql":
            rows: Sequence[Sequence[Any]] = await_only(driver.fetch(sql, *given))
            return rows
        if not connection.in_transaction():
            connection.begin()  # so that `commit` of the connection commits what the driver began
        found: Sequence[Sequence[Any]] = driver.execute(sql, given).fetchall()
        return found
