"""`VectorStore` on a `Database`."""

from __future__ import annotations

from collections.abc import Mapping

from core.values.memory import EarlierAnswer, QuestionVector, SourceQuestion, SourceScope, Vector
from core.values.places import Place
from core.values.usage import Charge
from storage import source_vectors, vector_search
from storage.store.state import NOT_LOOKED_AT, StoreState
from storage.tables import to_us

_FIRST_RANKED, _MORE_RANKED = 200, 8
"""Vectors of which the sources are read first, and times as many where these are not enough."""


class SqlVectorStore(StoreState):
    """`core.ports.store.vectors` documents each method."""

    async def similar_answers(self, scope: SourceScope, vector: Vector, limit: int) -> list[EarlierAnswer]:
        count = _FIRST_RANKED
        while scope.channels and limit > 0:
            ids = await self._vectors.ranked(scope, vector, count)
            if ids is None:
                break
            found = await self._database.read(vector_search.best, scope, ids, limit)
            if len(found) == limit or len(ids) < count:
                return list(found.values())
            count *= _MORE_RANKED  # most of the best are of the same threads, or no sources any more
        return []

    async def unembedded(
        self, model: str, below: int, limit: int, dimension: int | None = None
    ) -> tuple[int, list[SourceQuestion]]:
        begin = below or NOT_LOOKED_AT
        return await self._database.read(vector_search.unembedded, model, begin, limit, dimension)

    async def put_vectors(self, place: Place, vectors: Mapping[int, QuestionVector], charge: Charge) -> int:
        balances, now_us = self._changing_balances(), to_us(self._clock.now())
        put = await self._database.write(vector_search.put, place, vectors, charge, now_us, balances)
        self._balances.put(balances or {})
        if put:
            await self._vectors_added(place, vectors[put[0]].vector, put)
        return len(put)

    async def vector_dimensions(self, model: str, limit: int = 50) -> list[int]:
        return await self._database.read(source_vectors.dimensions, model, limit)
