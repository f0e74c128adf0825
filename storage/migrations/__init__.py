"""The schema's history, one revision a file in `versions`.

A new one, after changing `storage.tables`, from the repository's root:

    python -m storage.migrations "what it changes"

which compares a database made by the revisions so far with the tables and writes the difference down.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

# Any number that nothing else takes: replicas that start together bring the schema up to date one by one.
_ADVISORY_LOCK = 0x6D696772


def config(connection: Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to `revision` within the connection's transaction."""
    if connection.dialect.name == "postgresql":
        locking = text("SELECT pg_advisory_xact_lock(:key, hashtext(current_schema()))")
        connection.execute(locking, {"key": _ADVISORY_LOCK})
    command.upgrade(config(connection), revision)
