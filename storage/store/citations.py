"""`CitationStore` on a `Database`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from core.values.conversation import Turn
from core.values.memory import SourceOpinion
from core.values.places import Place
from storage import citations, source_opinions
from storage.store.state import StoreState
from storage.tables import to_us


class SqlCitationStore(StoreState):
    """`core.ports.store.citations` documents each method."""

    async def offer_sources(self, turn_id: int, sources: Sequence[int]) -> list[int]:
        if not sources:
            return await self._database.write(citations.offer, turn_id, sources)
        first = await self._database.write_one(citations.offer_first, turn_id, sources)
        return await self._database.write(citations.offer, turn_id, sources) if first is None else first

    async def rate_sources(
        self, turn_id: int, sources: Sequence[int], person: str, value: int, at: datetime
    ) -> int:
        return await self._database.write(source_opinions.rate, turn_id, sources, person, value, at)

    async def opinions_of(self, sources: Collection[int]) -> list[SourceOpinion]:
        return await self._database.read(source_opinions.of, sources)

    async def uncite_message(self, place: Place, message_id: str, at: datetime) -> list[Turn]:
        return await self._database.write(citations.remove_of_message, place, message_id, to_us(at))

    async def uncite_thread(self, place: Place, at: datetime) -> list[Turn]:
        return await self._database.write(citations.remove_of_thread, place, to_us(at))

    async def uncite_person(self, platform: str, team: str, person: str, at: datetime) -> list[Turn]:
        return await self._database.write(citations.remove_of_person, platform, team, person, to_us(at))

    async def offered_sources(self, turn_id: int) -> list[int]:
        return await self._database.read(citations.offered, turn_id)

    async def withdraw_sources(self, turn_id: int) -> None:
        await self._database.write(citations.withdraw, turn_id)
