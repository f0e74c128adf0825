"""`OverviewStore` on a `Database`."""

from __future__ import annotations

from datetime import datetime

from core.ports.store.settings import Change
from core.values.places import Place
from core.values.replicas import ReplicaOverview
from core.values.usage import RatedAnswer
from storage import exports, settings
from storage.replicas import overview
from storage.store.state import StoreState
from storage.tables import to_us


class SqlOverviewStore(StoreState):
    """`core.ports.store.overview` documents each method."""

    async def newest_changes(self, limit: int = 100, before: int | None = None) -> list[tuple[int, Change]]:
        return await self._database.read(settings.newest_changes, limit, before)

    async def newest_opinions(self, limit: int = 100, before: datetime | None = None) -> list[RatedAnswer]:
        before_us = None if before is None else to_us(before)
        return await self._database.read(exports.newest_opinions, limit, before_us)

    async def replicas(self, shards: int) -> list[ReplicaOverview]:
        return await self._database.read(overview.replicas, shards)

    async def changed_settings(self, limit: int = 1_000) -> list[tuple[Place, str, str]]:
        return await self._database.read(settings.changed_settings, limit)
