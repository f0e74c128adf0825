"""The store of one of several replicas: what it tells the others, and what it learns from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.values.budgets import person_digest
from core.values.events import Deleted, Edited
from storage import forgotten, people, turns
from storage.forgotten import Key
from storage.replicas import notices
from storage.replicas.notices import Count, Notice, Notices, PeopleForgotten, SettingsChanged, VectorsAdded
from storage.store.state import StoreState
from storage.tables import to_us


class SqlReplicaStore(StoreState):
    """Each method raises StoreError."""

    def share(self, told: Notices) -> None:
        """Others change the same database from now on: `told` tells them what is changed here. What they may change is
        read anew each time, or when they say so."""
        self._notices = told
        self._counts_spending = True
        self._balances.share()
        self._asking.share()

    async def tell(self, notice: Notice) -> None:
        """Tell the other replicas, if there may be any."""
        if self._notices is not None:
            await self._database.write(self._notices.tell, notice)

    async def tell_counts(self, counts: Sequence[Count]) -> None:
        """Tell the other replicas what is counted here."""
        if self._notices is not None:
            await self._database.write(self._notices.tell_counts, counts)

    async def told(self, number: int | None) -> list[tuple[int, Notice]]:
        """The notice of another replica with that number, or all of the last minute."""
        assert self._notices is not None
        return await self._database.read(notices.read, self._notices.sender, number)

    async def learn(self, notice: Notice) -> None:
        """Drop what is kept in memory and another replica has changed."""
        match notice:
            case Deleted():
                self._deleted.add(notice.place, notice.message_id)
                await self._database.running_ended()  # one of them may have stored it after it was removed
                await self._database.write(turns.remove, notice)
                self._vectors.forget_later(notice.place)
            case Edited():
                self._vectors.forget_later(notice.place)
            case VectorsAdded(platform, team, model, dimension, turn_ids):
                if model:
                    await self._vectors.add((platform, team, model, dimension), turn_ids)
                else:
                    self._vectors.drop()
            case SettingsChanged():
                self._settings.forget()
            case PeopleForgotten():
                await self._forget_again(self._forgotten.learn(await self._database.read(forgotten.load)))
                self._vectors.drop()

    async def _forget_again(self, since: Mapping[Key, datetime]) -> None:
        """Remove what was stored here of people who were forgotten, before this replica learnt of it."""
        gone = [
            (platform, team, person, at)
            for platform, team, person in self._recent
            if (at := since.get((platform, team, person_digest(person)))) is not None
        ]
        if gone:
            await self._database.running_ended()
        for platform, team, person, at in gone:
            balances = self._changing_balances()
            await self._database.write(people.forget_person, platform, team, person, to_us(at), balances)
            self._balances.put(balances or {})

    def gained(self) -> None:
        """Another replica has answered for teams that are answered here from now on."""
        self._settings.forget()
        self._vectors.drop()
