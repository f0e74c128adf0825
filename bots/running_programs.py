"""The `parley run` that have a database, as a command beside them finds them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from core.clock import SystemClock
from core.errors import StoreError
from core.values.places import Place
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


async def with_team(store: SqlStore, place: Place) -> Place:
    """A channel that the operator named, with the team of the operator's own installation, where only that one can be
    it: so its owner begins there. Raises StoreError."""
    installed = {one.key.team for one in await store.installations(place.platform)}
    teams = [team for team in await store.teams_heard_of(place.platform) if team not in installed]
    return replace(place, team=teams[0]) if len(teams) == 1 and not place.team else place
