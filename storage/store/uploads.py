"""`UploadStore` on a `Database`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from core.ports.files import FileContent
from core.values.places import Place
from storage import uploads
from storage.store.state import StoreState
from storage.tables import to_us


class SqlUploadStore(StoreState):
    """`core.ports.store.uploads` documents each method."""

    async def put_uploads(
        self,
        place: Place,
        message_id: str,
        at: datetime,
        content: Mapping[str, FileContent],
        turn_id: int | None = None,
    ) -> None:
        await self._database.write(uploads.put, place, message_id, to_us(at), content, turn_id)

    async def upload(self, place: Place, message_id: str, source: str) -> FileContent | None:
        return await self._database.read(uploads.find, place, message_id, source)

    async def discard_uploads(self, place: Place, message_id: str) -> None:
        await self._database.write(uploads.discard, place, message_id)

    async def expire_uploads(self, before: datetime, announced_before: datetime | None = None) -> int:
        announced_us = to_us(before if announced_before is None else announced_before)
        return await self._database.write(uploads.expire, to_us(before), announced_us)
