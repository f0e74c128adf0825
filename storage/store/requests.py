"""`RequestStore` on a `Database`."""

from __future__ import annotations

from datetime import datetime

from storage import requests
from storage.store.state import StoreState
from storage.tables import to_us


class SqlRequestStore(StoreState):
    """`core.ports.store.requests` documents each method."""

    async def take_request(self, key: str, at: datetime) -> bool:
        return await self._database.write(requests.take, key, to_us(at))

    async def give_back_request(self, key: str) -> None:
        await self._database.write(requests.give_back, key)

    async def use_request(self, key: str, since: datetime) -> bool:
        return await self._database.write(requests.use, key, to_us(since))
