"""The database of the store, and what it keeps in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from cachetools import FIFOCache
from sqlalchemy import Connection

from core.clock import Clock
from core.values.conversation import Turn
from core.values.memory import Vector
from core.values.places import Place
from storage.balances import Changed, KeptBalances
from storage.deleted import DeletedMessages
from storage.encryption import SecretKeys
from storage.engine import Database
from storage.forgotten import ForgottenPeople, Message, people_in
from storage.kept_vectors import KeptVectors, key_of
from storage.purging import Purging
from storage.replicas.notices import Notices, VectorsAdded
from storage.settings_cache import SettingsCache
from storage.tools import AskingThreads
from storage.word_counts import KeptWordCounts

P = ParamSpec("P")
Result = TypeVar("Result")

_RECENT = 10_000
NOT_LOOKED_AT = 2**62
"""An id that no turn reaches."""


class StoreState:
    """The state that the protocols of the store have in common."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        known: ForgottenPeople | None = None,
        *,
        counts_spending: bool = True,
        secret_keys: SecretKeys | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._forgotten = known or ForgottenPeople()
        self._recent: FIFOCache[tuple[str, str, str], None] = FIFOCache(_RECENT)
        """Of several replicas: the platform, the team (empty: all) and the id of those whose words were stored last."""
        self._deleted = DeletedMessages()
        self._settings = SettingsCache(database, clock)
        self._purging = Purging(database, clock)
        self._asking = AskingThreads()
        self._balances = KeptBalances()
        self._word_counts = KeptWordCounts(database)
        self._vectors = KeptVectors(database)
        self._indexed_from = NOT_LOOKED_AT
        """The turns from this id on have the words of today's tokenizer."""
        self._notices: Notices | None = None
        """Tells other replicas; None where one process has the database for itself."""
        self._epochs: dict[int, int] = {}
        """The epoch in which each turn was begun here that has not ended. Its writes hold while no other has begun
        it."""
        self._posted: FIFOCache[int, tuple[str, ...]] = FIFOCache(_RECENT)
        """The messages of each open turn that were stored last."""
        self._secret_keys = secret_keys or SecretKeys()
        self._counts_spending = counts_spending
        """There may be accounts of budgets that answers have to be added to."""

    def _changing_balances(self) -> Changed | None:
        """For a transaction that changes balances: it receives them. None where there are no accounts."""
        return {} if self._counts_spending else None

    def _telling(self, work: Callable[P, Result]) -> Callable[P, Result]:
        """`work`, which may store a turn in a transaction, and tells its owner where that is another replica."""
        told = self._notices
        if told is None:
            return work

        def telling(*args: P.args, **kwargs: P.kwargs) -> Result:
            result, connection = work(*args, **kwargs), args[0]
            if isinstance(result, Turn) and isinstance(connection, Connection):
                told.tell_owner(connection, result)
            return result

        return telling

    async def _vectors_added(self, place: Place, vector: Vector, turn_ids: Sequence[int]) -> None:
        """Vectors like `vector` were stored for these turns of `place`: other replicas search by them too."""
        key = key_of(place, vector)
        await self._vectors.add(key, turn_ids)
        if self._notices is not None:
            await self._database.write(self._notices.tell, VectorsAdded(*key, tuple(turn_ids)))

    def _remaining(self, place: Place, said: Message) -> Message | None:
        """The part of a message that may be stored: nothing of one that was deleted, and no words of people who were
        forgotten after it was sent."""
        if self._notices is not None:
            for person in people_in(said):
                for team in ("", place.team):
                    self._recent[place.platform, team, person] = None
        return None if self._deleted.has(place, said.id) else self._forgotten.remaining(place, said)
