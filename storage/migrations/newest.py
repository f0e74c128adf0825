"""The newest schema, of which a new SQLite database is made at once: the revisions, one by one, take the processor
several times as long.

The file has the statements that SQLite itself keeps of a database that the revisions have made: both databases are the
same, letter by letter, and a test compares them. `make settings` writes the file. PostgreSQL keeps no statements.
https://sqlite.org/schematab.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

FILE = Path(__file__).with_name("newest_sqlite.sql")

_KEPT = """
SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
ORDER BY type = 'index', CASE type WHEN 'index' THEN name END, rowid
"""
"""SQLite makes its own tables itself, and those behind a virtual table. Alembic makes the indexes of a table that it
rebuilds anew in any order."""


def schema_to_text(connection: Connection, revision: str) -> str:
    """The content of the file, from a database at `revision`."""
    statements = [str(sql) for sql in connection.scalars(text(_KEPT))]
    statements += [
        f"INSERT INTO {table} VALUES ({', '.join(map(repr, row))})"  # noqa: S608 - names and numbers of the schema alone
        for table in ("sqlite_sequence", "alembic_version")
        for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
    ]
    return "".join(f"{statement};\n" for statement in [_mark(revision), *statements])


def make(connection: Connection, revision: str) -> bool:
    """Make the schema. False, and nothing is made, in a database that has tables or is no SQLite, and where the file is
    of another revision."""
    if connection.dialect.name != "sqlite" or connection.scalar(text("SELECT 1 FROM sqlite_master")):
        return False
    mark, *statements = _statements(FILE.read_text(encoding="utf-8"))
    if mark.strip() != f"{_mark(revision)};":
        return False
    for statement in statements:
        connection.exec_driver_sql(statement)
    return True


def _mark(revision: str) -> str:
    return f"SELECT 'revision {revision}'"


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
