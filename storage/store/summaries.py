"""`SummaryStore` on a `Database`."""

from __future__ import annotations

from core.ports.store.summaries import SummaryEnd
from core.values.conversation import LinePosition, ThreadMessage
from core.values.places import Place
from core.values.summaries import BEGINNING, SummaryProgress
from core.values.turn_ends import Finish
from storage import summaries, threads, turn_ends
from storage.store.state import StoreState
from storage.tables import to_us


class SqlSummaryStore(StoreState):
    """`core.ports.store.summaries` documents each method."""

    async def summary_progress(self, place: Place) -> SummaryProgress:
        return await self._database.read(summaries.progress, place)

    async def oldest_lines(
        self,
        place: Place,
        after: LinePosition = BEGINNING,
        limit: int = 400,
        until: LinePosition | None = None,
    ) -> list[ThreadMessage]:
        return await self._database.read(threads.oldest_lines, place, after, limit, until)

    async def finish_summary(self, finish: Finish, end: SummaryEnd | None) -> bool:
        now_us, balances = to_us(self._clock.now()), self._changing_balances()
        epoch = self._epochs.get(finish.turn.id, 0)
        stored = await self._database.write(turn_ends.finish_summary, finish, end, now_us, balances, epoch)
        self._epochs.pop(finish.turn.id, None)
        self._balances.put(balances or {})
        return stored
