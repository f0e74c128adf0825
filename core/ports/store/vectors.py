"""The vectors of answered questions, by which they are found by their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from core.values.memory import EarlierAnswer, QuestionVector, SourceQuestion, SourceScope, Vector
from core.values.places import Place
from core.values.usage import Charge


class VectorStore(Protocol):
    """The vectors of sources (`core.ports.store.memory`): one of each, of the question's words as they are. It goes
    with its source. `Finish.meaning` brings that of a turn that ends."""

    async def similar_answers(self, scope: SourceScope, vector: Vector, limit: int) -> list[EarlierAnswer]:
        """The sources of `scope` whose vector of the same model and dimension is the most similar, best first: one of
        each thread, at most `limit`. Empty while the vectors of a large team are being read into memory."""
        ...

    async def unembedded(
        self, model: str, below: int, limit: int, dimension: int | None = None
    ) -> tuple[int, list[SourceQuestion]]:
        """Some of the newest sources that `model` has made no vector of, among the `limit` newest below the id `below`
        (0: all). One of another dimension than `dimension` (None: any) counts as none. The first value is the id to go
        on below, 0 where there are none left."""
        ...

    async def put_vectors(self, place: Place, vectors: Mapping[int, QuestionVector], charge: Charge) -> int:
        """Store the vectors of these turns of the channel of `place`, and what they have cost: as nobody's, counted by
        the budgets of the channel. A vector is left out where its question has changed or is no source any more.
        Returns the number of vectors that were stored."""
        ...

    async def vector_dimensions(self, model: str, limit: int = 50) -> list[int]:
        """The dimensions of the newest vectors that `model` has made, newest first."""
        ...
