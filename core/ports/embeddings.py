"""The protocols of an embedding model, and of the vectors of questions that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.values.conversation import Turn
from core.values.deltas import ModelInfo, Usage
from core.values.memory import QuestionVector, Vector
from core.values.places import Place
from core.values.usage import Charge


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of some texts, in their order, and the usage of the request: an estimate of the tokens where the
    endpoint reports none."""

    vectors: tuple[Vector, ...]
    usage: Usage


class Embedder(Protocol):
    """Makes vectors of texts: texts of a similar meaning have similar ones."""

    @property
    def model_info(self) -> ModelInfo:
        """The model that makes the vectors."""
        ...

    def estimate(self, texts: Sequence[str]) -> Usage:
        """An estimate of the usage of a request for the vectors of `texts`."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The vectors of at most `MOST_TEXTS` texts. Raises ModelError."""
        ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """The vector of a question, and what it has cost, or may have. None where there is none."""

    vector: QuestionVector | None = None
    charge: Charge | None = None


NO_MEANING = Meaning()


class Meanings(Protocol):
    """Asks for the vectors of questions that are about to be answered, and of searches."""

    async def of_question(self, turn: Turn, question: str) -> Meaning:
        """The vector of the question of a turn, where one may be asked for. Raises nothing, and takes a second at
        most."""
        ...

    async def of_search(self, place: Place, person: str, words: str) -> Vector | None:
        """The vector of the words that the person with this id looks for at `place`, where one may be asked for within
        the limits of both. Its cost is stored as nobody's, and counted by the budgets of the channel. Raises nothing,
        and takes about a second at most."""
        ...


MOST_TEXTS = 10
"""Texts of a request: https://www.alibabacloud.com/help/en/model-studio/text-embedding-synchronous-api has the lowest
limit of the usual endpoints."""
