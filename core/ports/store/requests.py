"""Requests that no turn remembers: signed ones of platforms, and those that wait for a confirmation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

REQUESTS_KEPT = timedelta(minutes=15)
"""The time for which a request is known as taken: longer than a signature or the state of an installation is valid."""


class RequestStore(Protocol):
    """The requests that were taken, so that a recorded one is not taken again by another process or after a restart."""

    async def take_request(self, key: str, at: datetime) -> bool:
        """True if the request with this key was not taken before: it is now. Those that were taken more than
        `REQUESTS_KEPT` before are removed."""
        ...

    async def give_back_request(self, key: str) -> None:
        """The request was not done: it may be taken again."""
        ...

    async def use_request(self, key: str, since: datetime) -> bool:
        """True if the request was taken at `since` or later: it is given back, so that it is used once."""
        ...
