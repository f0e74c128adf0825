"""The schema's history, one revision a file in `versions`.

A new one, after changing `storage.tables`, from the repository's root:

    python -m storage.migrations "what it changes"

which compares a database made by the revisions so far with the tables and writes the difference down. `make settings`
then writes the statements of `newest` anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text

from storage.migrations import newest

if TYPE_CHECKING:
    from alembic.config import Config

# Any number that nothing else takes: replicas that start together bring the schema up to date one by one.
_ADVISORY_LOCK = 0x6D696772
NEWEST = max(file.name[:4] for file in (Path(__file__).parent / "versions").glob("[0-9]*.py"))
"""The last revision. Names of files begin with the number of their revision."""


_FULL_TEXT = ("source_words", "source_terms", "ix_sources_words")


def is_of_tables(name: str | None, _kind: str = "table", _parents: Any = None) -> bool:
    """False for the index of words, its virtual tables on SQLite and the tables that those have: `storage.tables` does
    not know them. For Alembic, which would compare them."""
    return not (name or "").startswith(_FULL_TEXT)


def config(connection: Connection) -> Config:
    from alembic.config import Config  # only where a schema is to be changed: most starts find it up to date

    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to `revision` within the connection's transaction.

    A schema that is up to date costs two statements: Alembic and the revisions are not loaded. Nor are they for a new
    SQLite database.
    """
    if connection.dialect.name == "postgresql":
        locking = text("SELECT pg_advisory_xact_lock(:key, hashtext(current_schema()))")
        connection.execute(locking, {"key": _ADVISORY_LOCK})
    if revision == "head" and (revision_of(connection) == NEWEST or newest.make(connection, NEWEST)):
        return
    run_revisions(connection, revision)


def run_revisions(connection: Connection, revision: str = "head") -> None:
    """Run the revisions up to `revision`, one by one."""
    from alembic import command

    command.upgrade(config(connection), revision)


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema, None in an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
