"""Settings in memory: every question reads them twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from core.clock import Clock
from core.ports.store.settings import StoredSettings
from core.values.places import Place
from storage import model_accounts, settings
from storage.engine import Database

KEPT_S = 60.0
"""The time for which settings are cached, in seconds. Our own changes count at once; the limit is for a row that is
changed by hand."""
MOST_KEPT = 5_000


class SettingsCache:
    """The settings of a database. Each method raises StoreError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._kept: dict[str, tuple[float, StoredSettings]] = {}
        self._workspaces: dict[str, tuple[float, Mapping[str, Mapping[str, str]]]] = {}
        self._changes = 0

    async def stored_settings(self, place: Place) -> StoredSettings:
        now_s = self._clock.monotonic()
        read_s, kept = self._kept.get(place.channel_key, (now_s - KEPT_S, StoredSettings({}, {})))
        if now_s - read_s >= KEPT_S:
            changes = self._changes
            kept = await self._database.read(_stored_settings, place)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            if changes == self._changes:  # a read during a change may return the values before it
                self._kept[place.channel_key] = (now_s, kept)
        return kept

    async def workspaces(self, platform: str) -> Mapping[str, Mapping[str, str]]:
        now_s = self._clock.monotonic()
        read_s, found = self._workspaces.get(platform, (now_s - KEPT_S, {}))
        if now_s - read_s >= KEPT_S:
            changes = self._changes
            found = await self._database.read(settings.workspaces, platform)
            if changes == self._changes:
                self._workspaces[platform] = (now_s, found)
        return found

    def forget(self) -> None:
        """Read them anew: they have changed."""
        self._changes += 1
        self._kept.clear()
        self._workspaces.clear()


def _stored_settings(connection: Connection, place: Place) -> StoredSettings:
    account = model_accounts.one(connection, place.platform, place.team)
    return replace(settings.stored_settings(connection, place), account=account)
