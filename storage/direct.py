"""Statements that the driver runs itself, for the few that a person waits for: SQLAlchemy's part of a statement takes
longer than the database's (`make bench only=spend`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.util import await_only


class DirectStatement:
    """A statement that is compiled once. Its values and rows are those of the driver: only numbers and texts.

    On PostgreSQL it is part of a transaction only where a statement of SQLAlchemy has begun that.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: tuple[str, dict[str, Any], tuple[str, ...]] | None = None

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Run it on the dialect that it was first run on. Raises the driver's error, as `storage.errors` takes it."""
        if self._compiled is None:
            statement: Any = self._statement
            compiled = statement.compile(dialect=connection.dialect)
            self._compiled = str(compiled), dict(compiled.params), tuple(compiled.positiontup)
        sql, literals, names = self._compiled
        all_values = {**literals, **values}
        given = [all_values[name] for name in names]
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "postgresql":
            rows: Sequence[Sequence[Any]] = await_only(driver.fetch(sql, *given))
            return rows
        if not connection.in_transaction():
            connection.begin()  # so that `commit` of the connection commits what the driver began
        found: Sequence[Sequence[Any]] = driver.execute(sql, given).fetchall()
        return found
