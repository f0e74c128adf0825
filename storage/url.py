"""Database URLs, the file of an SQLite database, and the programs that back PostgreSQL up."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

SIDE_FILES = ("-wal", "-shm")
"""The ends of the names of the files that SQLite keeps beside a database: https://sqlite.org/tempfiles.html"""
DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_USUAL = ("/run/postgresql", "/var/run/postgresql", "/tmp", "localhost")  # noqa: S108


def parse_url(value: str) -> URL:
    """The URL in any usual spelling, with our driver in it.

    Raises ValueError, which never quotes the URL: it may contain a password.
    """
    try:
        url = make_url(value)
    except (SQLAlchemyError, ValueError):
        raise ValueError("is not a URL such as sqlite:///data/parley.db or postgresql://host/name") from None
    driver = DRIVERS.get(url.drivername.partition("+")[0])
    if driver is None:
        raise ValueError("must begin with sqlite:// or postgresql://")
    if driver == "postgresql+asyncpg" and (mode := url.query.get("sslmode")):
        # libpq's sslmode is asyncpg's ssl.
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url.set(drivername=driver)


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database. None for one in memory, and for PostgreSQL."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database).removeprefix("file:"))


def place_of(url: URL, environment: Mapping[str, str]) -> str:
    """The file, socket or host of a database. It holds no secret.

    PostgreSQL is looked for as asyncpg does it: the query's host, that of the URL, PGHOST, else the usual sockets.
    https://magicstack.github.io/asyncpg/current/api/index.html#connection
    """
    if (file := sqlite_file(url)) is not None:
        return str(file.absolute())
    if url.get_backend_name() == "sqlite":
        return "memory"
    given = url.query.get("host") or url.host or environment.get("PGHOST", "")
    hosts = [given] if isinstance(given, str) else given
    port = str(url.query.get("port") or url.port or environment.get("PGPORT") or 5432)
    shown = [_address(host, port) for one in hosts for host in one.split(",") if host]
    return ", ".join(shown or [_address(host, port) for host in _USUAL])


def _address(host: str, port: str) -> str:
    if host.startswith("/"):
        return f"{host.rstrip('/')}/.s.PGSQL.{port}"
    return host if re.search(r"[^:]:\d+$", host) else f"{host}:{port}"


def make_folder(file: Path) -> None:
    """Make the folder of `file` and those above it with mode 0700. Folders that exist keep their mode."""
    for folder in reversed([file.parent, *file.parent.parents]):
        folder.mkdir(mode=0o700, exist_ok=True)


def make_private(file: Path) -> None:
    """Make an SQLite file with mode 0600, or set that mode on one that exists.

    SQLite creates the -wal and -shm files with the same mode: https://sqlite.org/tempfiles.html
    """
    make_folder(file)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    for end in ("", *SIDE_FILES):
        with suppress(OSError):  # does not exist, or has another owner
            file.with_name(file.name + end).chmod(0o600)


def pg_dump(url: URL, file: Path) -> str:
    """The command that backs a PostgreSQL database up. It asks for the password, which is not in it."""
    return f"pg_dump --format=custom --no-owner --file={shlex.quote(str(file))} {shlex.quote(_without_secrets(url))}"


def pg_restore(url: URL, file: Path) -> str:
    """The command that restores a backup of `pg_dump`, while no Parley runs."""
    options = "--clean --if-exists --no-owner --single-transaction"
    return f"pg_restore {options} --dbname={shlex.quote(_without_secrets(url))} {shlex.quote(str(file))}"


def _without_secrets(url: URL) -> str:
    """The address of a PostgreSQL database as libpq reads it, without a password."""
    mode = {"sslmode": ssl} if isinstance(ssl := url.query.get("ssl"), str) else {}
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database, mode)
    return address.render_as_string()
