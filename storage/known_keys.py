"""The keys of the programs on a database, by their ids, so that a start whose secrets the others can't decrypt is
refused before it stores one. Each function is one transaction's work.

A program is admitted when it has a key that is known. Its newest key becomes known then; a former one ends to be when a
program starts that encrypts with the newest and has that one no more. Where nothing is encrypted and no other program
runs, other keys replace those that are known: a database outlives the `.env` of a trial.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Column, Connection, delete, func, insert, select, text, update

from core.errors import StoreError
from storage.encryption import WRONG_KEY, SecretKeys
from storage.secret_rows import has_foreign
from storage.tables import SECRET_KEYS

_COLUMNS = SECRET_KEYS.c
OTHER_KEY = (
    "PARLEY_SECRET_KEY: is not the key of the other programs on this database, which could not read what this one "
    "encrypts: set theirs, alone or as PARLEY_SECRET_KEY_BEFORE beside a new one"
)
NO_KEY = (
    "PARLEY_SECRET_KEY: is missing, and other programs on this database have one: set theirs, or this one can't read "
    "what they encrypt"
)
STARTING_US = 30_000_000
"""The time within which a start has joined the other replicas, at the latest."""
_ADVISORY_LOCK = 0x6B657973  # any number that nothing else takes
_LOCK = text("SELECT pg_advisory_xact_lock(:key, hashtext(current_schema()))")
_MEMBERS = text("""
SELECT EXISTS (
    SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid::BIGINT = hashtext('parley members ' || current_schema()) & 4294967295
)
""")


def admit(connection: Connection, keys: SecretKeys, secrets: Iterable[Column[str]]) -> str | None:
    """Make the keys of a program that starts known. The line that refuses it where none of them is, or where one of
    the `secrets` was encrypted with none of them."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"key": _ADVISORY_LOCK})
    if any(has_foreign(connection, keys, secret) for secret in secrets):
        return WRONG_KEY
    known, now_us = _known(connection), _now_us(connection)
    if not keys.ids:
        return NO_KEY if known and _members_run(connection) else None
    if known and known.keys().isdisjoint(keys.ids):
        if _others_run(connection, max(known.values()), now_us):
            return OTHER_KEY
        connection.execute(delete(SECRET_KEYS))
        known = {}
    _note(connection, keys, known, now_us)
    return None


def check_known(connection: Connection, keys: SecretKeys) -> None:
    """Raises StoreError where the programs on this database have another key than the one that encrypts here."""
    mine = select(_COLUMNS.id).where(_COLUMNS.id.in_(keys.ids[:1]))
    if keys.ids and connection.scalar(mine) is None and _known(connection):
        raise StoreError(OTHER_KEY, retryable=False)


def _note(connection: Connection, keys: SecretKeys, known: dict[str, int], now_us: int) -> None:
    first, newest = keys.ids[0], next(reversed(known), None)
    if first in known:
        connection.execute(update(SECRET_KEYS).where(_COLUMNS.id == first).values(at_us=now_us))
    else:
        last = connection.scalar(select(func.max(_COLUMNS.number))) or 0
        added = [first] if known else list(reversed(keys.ids))
        rows = [
            {"id": key, "number": last + number, "at_us": now_us} for number, key in enumerate(added, start=1)
        ]
        connection.execute(insert(SECRET_KEYS), rows)
        newest = first
    if newest == first:
        connection.execute(delete(SECRET_KEYS).where(_COLUMNS.id.not_in(keys.ids)))


def _known(connection: Connection) -> dict[str, int]:
    """The keys that are known, with the last start of each, the newest last."""
    rows = connection.execute(select(_COLUMNS.id, _COLUMNS.at_us).order_by(_COLUMNS.number))
    return {row.id: row.at_us for row in rows}


def _others_run(connection: Connection, last_us: int, now_us: int) -> bool:
    """True where another program runs on this database, or has just begun to. SQLite has one alone."""
    if connection.dialect.name != "postgresql":
        return False
    return last_us > now_us - STARTING_US or _members_run(connection)


def _members_run(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql" and bool(connection.scalar(_MEMBERS))


def _now_us(connection: Connection) -> int:
    """The time of the server, which all programs on it share. SQLite has none, and needs none."""
    if connection.dialect.name != "postgresql":
        return 0
    return int(connection.scalar(text("SELECT extract(epoch FROM now()) * 1000000")) or 0)
