"""`SettingsStore` on a `Database`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from core.ports.store.settings import Change, StoredSettings
from core.values.places import Person, Place
from storage import settings
from storage.replicas.notices import SettingsChanged
from storage.store.state import StoreState
from storage.tables import to_us


class SqlSettingsStore(StoreState):
    """`core.ports.store.settings` documents each method."""

    async def stored_settings(self, place: Place) -> StoredSettings:
        return await self._settings.stored_settings(place)

    async def workspaces(self, platform: str) -> Mapping[str, Mapping[str, str]]:
        return await self._settings.workspaces(platform)

    async def change(
        self, place: Place, changes: Mapping[str, str | None], by: Person, at: datetime
    ) -> list[Change]:
        try:
            return await self._database.write(self._change, place, changes, by, to_us(at))
        finally:
            self._settings.forget()

    def _change(
        self, connection: Connection, place: Place, changes: Mapping[str, str | None], by: Person, at_us: int
    ) -> list[Change]:
        changed = settings.change(connection, place, changes, by, at_us)
        if self._notices is not None:
            self._notices.tell(connection, SettingsChanged())
        return changed

    async def overrides(self, platform: str, team: str, name: str, limit: int = 500) -> list[tuple[Place, str]]:
        return await self._database.read(settings.overrides, platform, team, name, limit)

    async def is_set(self, name: str) -> bool:
        return await self._database.read(settings.is_set, name)

    async def audit(self, place: Place, limit: int = 20) -> list[Change]:
        return await self._database.read(settings.audit, place, limit)
