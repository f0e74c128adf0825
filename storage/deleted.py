"""The messages that were deleted last, in memory: a late delivery, or a history that was read before, does not bring
one back."""

from __future__ import annotations

from cachetools import FIFOCache

from core.values.places import Place, message_key

KEPT = 10_000
"""The most deleted messages that are known."""


class DeletedMessages:
    """Known until `KEPT` others have been deleted, or the process ends."""

    def __init__(self) -> None:
        self._keys: FIFOCache[str, None] = FIFOCache(KEPT)

    def add(self, place: Place, message_id: str) -> None:
        """The message of `place`'s channel was deleted."""
        self._keys[message_key(place, message_id)] = None

    def has(self, place: Place, message_id: str) -> bool:
        return message_key(place, message_id) in self._keys
