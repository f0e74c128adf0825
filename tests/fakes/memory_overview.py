"""The newest rows of the store in memory."""

from __future__ import annotations

from datetime import datetime

from core.ports.store.settings import Change
from core.values.places import Place
from core.values.replicas import ReplicaOverview
from core.values.usage import RatedAnswer
from tests.fakes.memory_settings import MemorySettings


class MemoryOverview(MemorySettings):
    """The `OverviewStore` of `MemoryStore`."""

    known_replicas: list[ReplicaOverview] = []

    async def newest_changes(self, limit: int = 100, before: int | None = None) -> list[tuple[int, Change]]:
        self._work()
        found = [(id_, one) for id_, one in enumerate(self._audit, 1) if before is None or id_ < before]
        return found[::-1][:limit]

    async def newest_opinions(self, limit: int = 100, before: datetime | None = None) -> list[RatedAnswer]:
        self._work()
        found = [one for one in self.opinions() if before is None or one.at < before]
        return sorted(found, key=lambda one: one.at, reverse=True)[:limit]

    async def replicas(self, shards: int) -> list[ReplicaOverview]:
        """Those of a test; none, as one process has this store for itself."""
        self._work()
        return self.known_replicas

    async def changed_settings(self, limit: int = 1_000) -> list[tuple[Place, str, str]]:
        self._work()
        found = [
            (Place(*there), name, text)
            for there, values in sorted(self._settings.items())
            for name, text in sorted(values.items())
        ]
        return found[:limit]

    def opinions(self) -> list[RatedAnswer]:
        """Every opinion of an answer."""
        raise NotImplementedError
