"""The settings of the store in memory, and their audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from core.errors import StoreError
from core.ports.store.settings import Change, StoredSettings
from core.values.places import Person, Place
from tests.fakes.memory_threads import is_of


class MemorySettings:
    """The `SettingsStore` of `MemoryStore`. With `failing`, every call raises StoreError; the call `fails_in` from
    now, where 1 is the next one, does so too."""

    def __init__(self) -> None:
        self.failing = False
        self.fails_in = 0
        self._settings: dict[tuple[str, str, str], dict[str, str]] = {}
        self._audit: list[Change] = []

    def _work(self) -> None:
        self.fails_in -= 1
        if self.failing or self.fails_in == 0:
            raise StoreError("the test switched the store off")

    async def stored_settings(self, place: Place) -> StoredSettings:
        self._work()
        workspace = self._settings.get((place.platform, place.team, ""), {})
        channel = self._settings.get((place.platform, place.team, place.channel), {}) if place.channel else {}
        return StoredSettings(dict(workspace), dict(channel))

    async def workspaces(self, platform: str) -> Mapping[str, Mapping[str, str]]:
        self._work()
        return {
            team: dict(values)
            for (there, team, channel), values in self._settings.items()
            if there == platform and not channel and values
        }

    def named_teams(self) -> list[tuple[str, str]]:
        """The workspaces whose admins allow that reports name people."""
        return [
            (platform, team)
            for (platform, team, channel), values in self._settings.items()
            if not channel and values.get("report_names") == "on"
        ]

    async def change(
        self, place: Place, changes: Mapping[str, str | None], by: Person, at: datetime
    ) -> list[Change]:
        self._work()
        there = self._settings.setdefault((place.platform, place.team, place.channel), {})
        changed = []
        for name, new in changes.items():
            old = there.get(name)
            if old == new:
                continue
            if new is None:
                del there[name]
            else:
                there[name] = new
            changed.append(Change(place, name, old, new, by, at))
        self._audit += changed
        return changed

    async def overrides(self, platform: str, team: str, name: str, limit: int = 500) -> list[tuple[Place, str]]:
        self._work()
        found = [
            (Place(*there), values[name])
            for there, values in self._settings.items()
            if is_of(Place(*there), platform, team) and there[2] and name in values
        ]
        return found[:limit]

    async def is_set(self, name: str) -> bool:
        self._work()
        return any(name in values for values in self._settings.values())

    async def audit(self, place: Place, limit: int = 20) -> list[Change]:
        self._work()
        found = [
            change
            for change in self._audit
            if (change.place.platform, change.place.team) == (place.platform, place.team)
            and change.place.channel in ("", place.channel)
        ]
        return found[::-1][:limit]
