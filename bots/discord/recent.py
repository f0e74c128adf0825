"""A memory that does not grow: what it has forgotten is found out again."""

from __future__ import annotations

from typing import TypeVar

V = TypeVar("V")

_KEPT = 10_000


class Recent(dict[str, V]):
    """The newest entries by the time they first came."""

    def __setitem__(self, key: str, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > _KEPT:
            del self[next(iter(self))]
