"""The setting `memory` of the channels of a team."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from core.ports.store.settings import SettingsStore, StoredSettings
from core.settings.channel import Memory
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.values.places import Place

_MOST_CHANNELS = 10_000
"""Channels with a setting of their own that are read; more are treated as off."""


class ChannelMemories:
    """Reads the settings of places. Its methods raise StoreError."""

    def __init__(self, store: SettingsStore, core: CoreSettings) -> None:
        self._store = store
        self._core = core

    async def of(self, place: Place) -> Memory:
        """The setting of the channel of `place`."""
        return self._merged(await self._store.stored_settings(place), place)

    async def of_others(self, place: Place, channels: Collection[str]) -> Mapping[str, Memory]:
        """The setting of each of these channels of the team of `place`."""
        own = await self._store.overrides(place.platform, place.team, "memory", _MOST_CHANNELS)
        if len(own) >= _MOST_CHANNELS:
            return {}
        stored = await self._store.stored_settings(place)
        values = {other.channel: value for other, value in own}
        of_workspace = self._merged(replace(stored, channel={}), place)
        return {
            channel: self._merged(replace(stored, channel={"memory": values[channel]}), place)
            if channel in values
            else of_workspace
            for channel in channels
        }

    def _merged(self, stored: StoredSettings, place: Place) -> Memory:
        return merge(self._core, stored, place.platform).memory
