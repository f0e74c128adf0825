"""A memory that does not grow: what it has forgotten is found out again."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 10_000


class Recent(MutableMapping[K, V]):
    """The `most` entries that were set last."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._entries: dict[K, V] = {}

    def __setitem__(self, key: K, value: V) -> None:
        self._entries.pop(key, None)
        self._entries[key] = value
        if len(self._entries) > self._most:
            del self._entries[next(iter(self._entries))]

    def __getitem__(self, key: K) -> V:
        return self._entries[key]

    def __delitem__(self, key: K) -> None:
        del self._entries[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
