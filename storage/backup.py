"""Backups of an SQLite database: a copy of one moment in one file, made beside a running Parley, and its restoration.

The copy is made by SQLite's online backup (https://sqlite.org/backup.html) within one read transaction: others write
meanwhile, and the copy does not begin again for them. It needs no -wal file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingsError
from storage.migrations import NEWEST
from storage.tables import Row
from storage.url import SIDE_FILES
from storage.whole_files import appear, check_apart, in_words, part_beside

_PAGES = 4_096
"""Pages of one step of a copy; Ctrl+C ends it between two."""
_COUNTED = ("turns", "messages", "threads", "uploads")
_NAMED = 3
"""The tables that a refusal names."""
_BUSY_S = 30.0


@dataclass(frozen=True, slots=True)
class BackupContent:
    """The content of a database: its bytes, its schema's revision, and the rows of its largest tables."""

    size: int
    revision: str
    turns: int
    messages: int
    threads: int
    pictures: int


def back_up(database: Path, target: Path, *, force: bool = False) -> BackupContent:
    """Copy `database` to `target`, a file of mode 0600 that appears whole or not at all.

    Raises SettingsError with one line: `target` exists (without `force`) or can't be written, or the database is
    damaged.
    """
    file = check_apart(target, database, force=force)
    with part_beside(file) as part, in_words(target):
        _copy(database, part)
        content = read_content(part, database)
        appear(part, check_apart(target, database, force=force))
    return content


def take_copy(backup: Path, database: Path, part: Path) -> BackupContent:
    """Copy `backup` into `part`, an empty file beside `database`, for `put_in_place`. The content of the copy.

    Raises SettingsError with one line where it is no whole database of Parley, or one of a newer version.
    """
    if not backup.is_file():
        raise SettingsError(f"{backup}: there is no such file")
    if database.exists() and backup.resolve() == database.resolve():
        raise SettingsError(f"{backup} is the database itself (DATABASE_URL): name a backup of it")
    with in_words(backup):
        _copy(backup, part)
        return read_content(part, backup)


def put_in_place(part: Path, database: Path, kept: Path) -> None:
    """Make `part` the database, and keep the one before, if there is one, as `kept`. Raises SettingsError."""
    with in_words(database):
        if database.exists():
            _fold_log(database)
            for end in SIDE_FILES:  # left beside another database, SQLite would take them for its own
                with suppress(FileNotFoundError):
                    os.rename(database.with_name(database.name + end), kept.with_name(kept.name + end))
            try:
                os.link(database, kept)
            except OSError:  # a file system without hard links
                os.rename(database, kept)
        appear(part, database)


def read_content(file: Path, named: Path) -> BackupContent:
    """The content of a database that nobody writes to, a copy of `named`. Raises SettingsError where that is damaged,
    not Parley's, or a newer version's."""
    with closing(_connect(file)) as connection:
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(1)")]
        except sqlite3.DatabaseError as error:
            raise SettingsError(f"{named} is damaged, or no database ({error})") from None
        if found != ["ok"]:
            raise SettingsError(f"{named} is damaged ({' '.join(found[0].split())})")
        try:
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            counts = [_count(connection, table) for table in _COUNTED]
        except (sqlite3.OperationalError, TypeError):
            raise SettingsError(f"{named} is not a database of Parley") from None
    if str(revision) > NEWEST:
        raise SettingsError(
            f"{named} was made by a newer Parley (schema {revision}, this one has {NEWEST}): "
            "install that version first"
        )
    if str(revision) == NEWEST:
        check_tables(file, named)
    return BackupContent(file.stat().st_size, str(revision), *counts)


def check_tables(file: Path, named: Path) -> None:
    """Raises SettingsError where a database of today's schema, a copy of `named`, lacks a table of it."""
    with closing(_connect(file)) as connection:
        found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    lacking = sorted(Row.metadata.tables.keys() - found)
    if lacking:
        raise SettingsError(f"{named} is not whole: it lacks {_names(lacking)} of schema {NEWEST}")


def _names(tables: Sequence[str]) -> str:
    """`the tables a, b, c and 17 more`."""
    shown = ", ".join(tables[:_NAMED])
    left = len(tables) - _NAMED
    return f"the table{'s' * (len(tables) != 1)} {shown}" + (f" and {left} more" if left > 0 else "")


def _count(connection: sqlite3.Connection, table: str) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone():
        return 0  # a backup of a version before that table
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 (a name of `_COUNTED`)
    return int(count)


def _connect(file: Path, mode: str = "rw") -> sqlite3.Connection:
    return sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=_BUSY_S, isolation_level=None
    )


def _copy(source: Path, target: Path) -> None:
    """Copy a database, with what is only in its -wal, into an empty file."""
    with closing(_connect(source, "ro")) as reading, closing(_connect(target)) as writing:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on it is one moment
        reading.backup(writing, pages=_PAGES, sleep=0)
        writing.execute("PRAGMA journal_mode=DELETE").fetchone()


def _fold_log(database: Path) -> None:
    """Write the -wal into the database, so that it can be kept as one file. A damaged one keeps both."""
    with suppress(sqlite3.Error), closing(_connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
