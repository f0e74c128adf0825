"""The requests that were taken. Each function is one transaction's work, run by the store."""

from __future__ import annotations

from sqlalchemy import Connection, delete

from core.ports.store.requests import REQUESTS_KEPT
from storage.engine import insert
from storage.tables import REQUESTS, from_us, to_us

_KEPT_US = to_us(from_us(0) + REQUESTS_KEPT)


def take(connection: Connection, key: str, at_us: int) -> bool:
    """Store the key unless it is stored, and remove the old ones."""
    connection.execute(delete(REQUESTS).where(REQUESTS.c.at_us < at_us - _KEPT_US))
    adding = insert(connection.dialect.name, REQUESTS).on_conflict_do_nothing()
    return connection.execute(adding, {"key": key, "at_us": at_us}).rowcount == 1


def give_back(connection: Connection, key: str) -> None:
    """Remove the key."""
    connection.execute(delete(REQUESTS).where(REQUESTS.c.key == key))


def use(connection: Connection, key: str, since_us: int) -> bool:
    """Remove the key where it was stored then or later."""
    using = delete(REQUESTS).where(REQUESTS.c.key == key, REQUESTS.c.at_us >= since_us)
    return connection.execute(using).rowcount == 1
