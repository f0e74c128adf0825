"""The `parley run` that have a database, as a command beside them finds them."""

from __future__ import annotations

from contextlib import suppress

from core.clock import SystemClock
from core.errors import StoreError
from storage import DatabaseSettings, SqlStore, open_existing
from storage.lock import RunLock
from storage.replicas.notices import Notices


async def count_running(database: DatabaseSettings, store: SqlStore) -> int:
    """Raises StoreError."""
    if names := [one.name for one in await store.replicas(1) if one.name]:
        return len(names)
    async with RunLock(database) as lock:  # SQLite, or a version that knows no replicas
        return 0 if await lock.acquire(0) else 1


async def replica_names(database: DatabaseSettings) -> list[str]:
    """The replicas of a PostgreSQL; none where it has no database of this version, or can't be reached."""
    if database.url.get_backend_name() != "postgresql":
        return []
    with suppress(StoreError):
        store = await open_existing(database, SystemClock())
        try:
            return [one.name for one in await store.replicas(1) if one.name]
        finally:
            await store.close()
    return []


def tell_replicas(database: DatabaseSettings, store: SqlStore, command: str) -> None:
    """Have each turn that `command` stores begun at once by the replica that owns its place."""
    if database.url.get_backend_name() == "postgresql":
        store.share(Notices(command, lambda _place: True))
