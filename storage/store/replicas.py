"""The store of one of several replicas: what it tells the others, and what it learns from them."""

from __future__ import annotations

from core.values.events import Deleted, Edited
from storage import forgotten
from storage.replicas import notices
from storage.replicas.notices import Notice, Notices, PeopleForgotten, SettingsChanged, VectorsAdded
from storage.store.state import StoreState


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

    async def told(self, number: int | None) -> list[tuple[int, Notice]]:
        """The notice of another replica with that number, or all of the last minute."""
        assert self._notices is not None
        return await self._database.read(notices.read, self._notices.sender, number)

    async def learn(self, notice: Notice) -> None:
        """Drop what is kept in memory and another replica has changed."""
        match notice:
            case Deleted():
                self._deleted.add(notice.place, notice.message_id)
                self._vectors.forget_later(notice.place)
            case Edited():
                self._vectors.forget_later(notice.place)
            case VectorsAdded():
                self._vectors.drop()
            case SettingsChanged():
                self._settings.forget()
            case PeopleForgotten():
                self._forgotten.learn(await self._database.read(forgotten.load))
                self._vectors.drop()

    def gained(self) -> None:
        """Another replica has answered for teams that are answered here from now on."""
        self._settings.forget()
        self._vectors.drop()
