"""The newest rows of all teams together, for the operator's page."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.ports.store.settings import Change
from core.values.places import Place
from core.values.replicas import ReplicaOverview
from core.values.usage import RatedAnswer


class OverviewStore(Protocol):
    """Each method reads a bounded number of rows, however many there are."""

    async def newest_changes(self, limit: int = 100, before: int | None = None) -> list[tuple[int, Change]]:
        """The newest entries of the audit, newest first, each with its id. `before`: those before that id."""
        ...

    async def newest_opinions(self, limit: int = 100, before: datetime | None = None) -> list[RatedAnswer]:
        """The newest opinions of answers, newest first. `before`: those that were given before that time."""
        ...

    async def replicas(self, shards: int) -> list[ReplicaOverview]:
        """The processes that share the database, by their names, and last without a name the questions that nobody
        holds, if there are any. None where one process has the database for itself. `shards`: the number of
        gateway shards of the platform that has some."""
        ...

    async def changed_settings(self, limit: int = 1_000) -> list[tuple[Place, str, str]]:
        """The settings that workspaces (places without a channel) and channels have: the place, the name and the text
        of each, in this order."""
        ...
