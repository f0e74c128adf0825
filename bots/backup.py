"""`parley backup` and `parley restore`: an SQLite database in one file. PostgreSQL has programs of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bots.running_programs import replica_names
from core.clock import Clock
from core.errors import SettingsError
from storage import DatabaseSettings
from storage.backup import (
    BackupContent,
    back_up,
    check_tables,
    put_in_place,
    take_copy,
)
from storage.lock import RunLock
from storage.migrations import NEWEST
from storage.restoring import bring_up_to_date
from storage.url import pg_dump, pg_restore, sqlite_file
from storage.whole_files import part_beside, real_file

Tell = Callable[[str], None]


def make_backup(database: DatabaseSettings, file: Path, tell: Tell, *, force: bool) -> None:
    """`parley backup`: copy the database as it is at this moment, beside a running Parley. Raises SettingsError."""
    source = _file_of(
        database, "a backup of PostgreSQL is made by its own program", pg_dump(database.url, file)
    )
    if not source.exists():
        raise SettingsError(f"{source}: there is no database yet, and nothing to back up (DATABASE_URL)")
    content = back_up(source, file, force=force)
    tell(f"backup   {file}: {content_to_text(content)}")
    tell("         It holds no settings: keep .env and parley.toml too, where only you can read them.")


async def restore(
    database: DatabaseSettings, file: Path, clock: Clock, tell: Tell, *, force: bool = False
) -> None:
    """`parley restore`: put a backup in the place of the database, which is kept. Where there is none, it makes
    one only with `force`. Raises SettingsError and StoreError.

    Of PostgreSQL it tells which program restores it, once no replica runs on it.

    Nothing is changed before the copy of the backup is whole, checked, and of today's schema.
    """
    if names := await replica_names(database):
        raise SettingsError(
            f"DATABASE_URL: {_running(len(names))} on this database ({', '.join(names)}): stop all of them first, then "
            "restore"
        )
    named = _file_of(database, "PostgreSQL is restored by its own program", pg_restore(database.url, file))
    target = real_file(named)
    if not force and not target.exists():
        raise SettingsError(
            f"{target.absolute()}: there is no database that a backup could replace (DATABASE_URL); if Parley is "
            "installed as a service, `cd` to its working directory first, with its settings; to make a new database of "
            "the backup here, say --force"
        )
    async with RunLock(database) as lock:
        if not await lock.acquire():
            raise SettingsError(
                "a parley is running on this database (DATABASE_URL): stop it first, then restore"
            )
        with part_beside(target) as part:
            content = await asyncio.to_thread(take_copy, file, target, part)
            forgotten = await bring_up_to_date(part, target, clock)
            await asyncio.to_thread(check_tables, part, file)
            kept = target.with_name(f"{target.name}.before-restore-{clock.now():%Y%m%d-%H%M%S}")
            had_one = target.exists()
            await asyncio.to_thread(put_in_place, part, target, kept)
    tell(f"restored {target}: {content_to_text(content)}")
    if content.revision != NEWEST:
        tell(f"schema   {content.revision} of the backup is now {NEWEST}")
    if forgotten:
        tell(f"people   {forgotten} who were forgotten after the backup are forgotten in it too")
    if had_one:
        tell(f"before   {kept} is the database as it was: remove it once you don't need it")


def content_to_text(content: BackupContent) -> str:
    """The size of a database and the numbers of its largest parts."""
    return (
        f"{content.size / 1_000_000:,.1f} MB, {content.turns:,} turns, {content.messages:,} messages in "
        f"{content.threads:,} threads, {content.pictures:,} pictures; schema {content.revision}"
    )


def _running(count: int) -> str:
    return "one `parley run` works" if count == 1 else f"{count} `parley run` work"


def _file_of(database: DatabaseSettings, other: str, command: str) -> Path:
    """The file of an SQLite database. Raises SettingsError for others; for PostgreSQL with the `command` to run."""
    file = sqlite_file(database.url)
    if file is not None:
        return file
    if database.url.get_backend_name() == "postgresql":
        raise SettingsError(f"DATABASE_URL: {other}:\n{command}")
    raise SettingsError("DATABASE_URL: a database in memory has no file, and ends with its process")
