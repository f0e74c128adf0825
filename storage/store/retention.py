"""`RetentionStore` on a `Database`."""

from __future__ import annotations

from datetime import datetime

from core.values.places import Place
from storage import people, retention
from storage.store.state import StoreState
from storage.tables import to_us


class SqlRetentionStore(StoreState):
    """`core.ports.store.retention` documents each method."""

    async def channels(self, after: Place | None = None, limit: int = 500) -> list[Place]:
        return await self._database.read(retention.channels, after, limit)

    async def expire_channel(self, channel: Place, before: datetime) -> int:
        removed = await self._database.write(retention.expire, channel, to_us(before))
        if removed:
            self._vectors.forget_later(channel)
        return removed

    async def purge(self) -> None:
        await self._database.purge(people.PURGED)
