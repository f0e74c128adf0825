"""`FailureStore` on a `Database`."""

from __future__ import annotations

from datetime import datetime

from core.values.conversation import Turn
from core.values.failures import Failure, FailureKind, RetryRefusal, StoredFailure
from core.values.places import Place
from storage import failures
from storage.store.state import StoreState
from storage.tables import to_us


class SqlFailureStore(StoreState):
    """`core.ports.store.failures` documents each method."""

    async def record_failure(self, failure: Failure, at: datetime, place: Place | None = None) -> None:
        await self._database.write(failures.record, failure, to_us(at), place)

    async def failures(
        self, limit: int = 20, before: int | None = None, only: FailureKind | None = None
    ) -> list[StoredFailure]:
        return await self._database.read(failures.newest, limit, before, only)

    async def failures_of(self, ref: str) -> list[StoredFailure]:
        return await self._database.read(failures.of_ref, ref)

    async def retry_failed(self, turn_id: int) -> Turn | RetryRefusal:
        return await self._database.write(self._telling(failures.retry_failed), turn_id, self._clock.now())
