"""The checks of `parley doctor` of the database: reachable, of this version's schema, writable; and its disk.

They take no lock of a running Parley: what is written to try it is rolled back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, text

from core.errors import StoreError
from core.values.checks import Check, Finding, failed, ok, warning
from storage import DatabaseSettings
from storage.engine import Database
from storage.migrations import NEWEST, revision_of
from storage.url import sqlite_file
from storage.whole_files import parts_left, size_left

LOW_BYTES, LEAST_BYTES = 1024**3, 100 * 1024**2
"""Free bytes of the disk below which there is a warning, and a failure."""

_TODO = {
    "database is locked": "see which other program has the file open, or holds a lock; Parley itself waits for none",
    "disk is full": "free space on the disk of the database",
    "read-only": "give the user that runs Parley the right to write the database, or name the primary server",
    "cannot be opened": "give the user that runs Parley the rights to read and write the file and its folder",
    "damaged, or not a database": "restore a backup, or have DATABASE_URL name another file",
    "starting up or shutting down": "run it again when the server has started",
    "login refused": "check the user and the password in DATABASE_URL",
    "no such database": "create the database, or correct its name in DATABASE_URL",
    "permission denied": "grant the user in DATABASE_URL all rights on the tables",
    "too many connections": "raise max_connections of PostgreSQL; Parley takes up to 14",
}
_TODO_ELSE = "check DATABASE_URL, and that the database runs and can be reached from here"

FreeBytes = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """The bytes that the user of this process may still write in `folder`."""
    return shutil.disk_usage(folder).free


def database_checks(settings: DatabaseSettings, free: FreeBytes = free_bytes) -> list[Check]:
    """The checks of the database that `settings` name."""

    async def disk() -> list[Finding]:
        return _check_disk(sqlite_file(settings.url), settings, free)

    return [Check("database", lambda: _check_database(settings)), Check("disk", disk)]


async def _check_database(settings: DatabaseSettings) -> list[Finding]:
    shown, file = settings.shown_url, sqlite_file(settings.url)
    if file is not None and not file.exists():
        return [_check_folder(file)]
    database = Database(settings.url, settings.parley_sqlite_synchronous)
    try:
        revision = await database.read(revision_of)
        if revision is not None:
            await database.write(_try_to_write)
    except StoreError as error:
        return [failed("database", f"{shown}: {error.words}", _TODO.get(error.cause, _TODO_ELSE))]
    finally:
        await database.close()
    return [_schema(shown, revision)]


def _try_to_write(connection: Connection) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    connection.rollback()


def _schema(shown: str, revision: str | None) -> Finding:
    """The finding about a database that can be written, by the revision of its schema."""
    if revision is None:
        return ok("database", f"{shown} is empty: `parley run` makes the schema")
    if revision == NEWEST:
        return ok("database", f"{shown} is reached and written; schema {revision}, as this version needs")
    if revision < NEWEST:
        return warning(
            "database",
            f"{shown} has schema {revision}; this version needs {NEWEST}",
            "make a backup; the next `parley run` upgrades the schema",
        )
    return failed(
        "database",
        f"{shown} has schema {revision}, made by a newer Parley; this version knows {NEWEST}",
        "run the newer version again, or restore the backup from before the upgrade",
    )


def _check_folder(file: Path) -> Finding:
    """The finding about an SQLite file that is to be made."""
    folder = _nearest(file)
    if os.access(folder, os.W_OK | os.X_OK):
        return ok("database", f"{file} is not there yet: `parley run` makes it")
    todo = f"let the user that runs Parley write in {folder}, or have DATABASE_URL name another place"
    return failed("database", f"{file} is not there, and can't be made: {folder} can't be written", todo)


def _check_disk(file: Path | None, settings: DatabaseSettings, free: FreeBytes) -> list[Finding]:
    if file is None:
        if settings.url.get_backend_name() == "sqlite":
            todo = "have DATABASE_URL name a file, such as sqlite:///data/parley.db"
            return [warning("disk", "the database is in memory: all of it is lost at the end", todo)]
        return [warning("disk", "the disk of PostgreSQL's server can't be seen from here", "watch it there")]
    return [_free_space(_nearest(file), free), *_parts_left(file)]


def _parts_left(file: Path) -> list[Finding]:
    """The parts beside the database that backups and restorations left when they were killed."""
    return [
        warning(
            "disk",
            f"{part} ({size_left(part) / 1_000_000:,.1f} MB) is left of a backup, restoration or export that was "
            "killed; it may hold conversations",
            "remove it with the files whose names begin with its name; the next command that writes "
            f"{part.name.rpartition('.part-')[0]} does so too",
        )
        for part in parts_left(file.resolve().parent)
    ]


def _free_space(folder: Path, free: FreeBytes) -> Finding:
    left = free(folder)
    said = f"{left / 1024**3:.1f} GB free at {folder.resolve()}"
    if left < LEAST_BYTES:
        return failed("disk", said, "free space: without it no question can be stored")
    if left < LOW_BYTES:
        return warning("disk", said, "free space before it runs out: without it no question can be stored")
    return ok("disk", said)


def _nearest(file: Path) -> Path:
    """The nearest folder above `file` that exists."""
    return next(folder for folder in file.absolute().parents if folder.exists())
