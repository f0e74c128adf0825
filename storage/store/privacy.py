"""`PrivacyStore` on a `Database`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from core.ports.store.privacy import Feedback
from core.values.conversation import ThreadMessage
from core.values.places import Place
from storage import forgotten, people
from storage.balances import Changed
from storage.replicas.notices import PeopleForgotten
from storage.store.state import StoreState
from storage.tables import to_us


class SqlPrivacyStore(StoreState):
    """`core.ports.store.privacy` documents each method."""

    async def rate(self, turn_id: int, feedback: Feedback) -> bool:
        return await self._database.write(people.rate, turn_id, feedback)

    async def feedback(self, turn_id: int) -> list[Feedback]:
        return await self._database.read(people.feedback, turn_id)

    async def forget_thread(self, place: Place, at: datetime) -> int:
        balances = self._changing_balances()
        lines = await self._database.write(people.forget_thread, place, to_us(at), balances)
        self._balances.put(balances or {})
        await self._vectors.forget(place.platform, place.team)
        self._purging.soon()
        return lines

    async def forget_person(self, platform: str, team: str, person: str, at: datetime) -> int:
        await self._database.write(forgotten.record, platform, team, person, to_us(at))
        self._forgotten.add(platform, team, person, at)
        await self._database.running_ended()  # so that messages stored meanwhile are removed too
        balances = self._changing_balances()
        lines = await self._database.write(self._forget_person, platform, team, person, to_us(at), balances)
        self._balances.put(balances or {})
        await self._vectors.forget(platform, team)
        self._purging.soon()
        return lines

    def _forget_person(
        self,
        connection: Connection,
        platform: str,
        team: str,
        person: str,
        at_us: int,
        balances: Changed | None,
    ) -> int:
        """Others remove what they store until they hear of it."""
        lines = people.forget_person(connection, platform, team, person, at_us, balances)
        if self._notices is not None:
            self._notices.tell(connection, PeopleForgotten())
        return lines

    async def messages_by_person(
        self, platform: str, team: str, person: str, limit: int = 10_000
    ) -> list[tuple[Place, ThreadMessage]]:
        return await self._database.read(people.messages_by_person, platform, team, person, limit)
