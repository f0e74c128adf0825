"""The time from which the messages of a channel are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.clock import Clock
from core.ports.store.settings import SettingsStore
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.values.places import Place

KEEP = "keep_days"
"""The name of the setting."""


class Retention:
    """The operator's limit (PARLEY_KEEP_DAYS), and the shorter ones of workspaces and channels. Every method raises
    StoreError."""

    def __init__(self, store: SettingsStore, core: CoreSettings, clock: Clock) -> None:
        self._store = store
        self._core = core
        self._clock = clock

    async def is_limited(self) -> bool:
        """True if anything is kept for a limited time."""
        return self._core.parley_keep_days is not None or await self._store.is_set(KEEP)

    async def kept_since(self, place: Place) -> datetime | None:
        """Messages of `place`'s channel that were sent before then are not kept; None where all are."""
        settings = merge(self._core, await self._store.stored_settings(place), place.platform)
        return None if settings.keep_days is None else self._clock.now() - timedelta(days=settings.keep_days)
