"""The protocol of an embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.values.deltas import ModelInfo, Usage
from core.values.memory import Vector


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

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The vectors of at most `MOST_TEXTS` texts. Raises ModelError."""
        ...


MOST_TEXTS = 10
"""Texts of a request: https://www.alibabacloud.com/help/en/model-studio/text-embedding-synchronous-api has the lowest
limit of the usual endpoints."""
