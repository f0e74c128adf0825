"""What the core asks of a model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from core.values.conversation import Message
from core.values.deltas import Delta, ModelInfo


class Fit(Protocol):
    def __call__(self, model_info: ModelInfo, *, share: float = 1.0) -> tuple[Message, ...]:
        """The messages for the model of `model_info`; with a `share` below 1 about that share of their tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One completion. Fields that are None are not sent.

    `model` is a name of the catalog, or one that the first endpoint may know. The catalog's other models are tried
    where it is not available. `messages` fit `model`; `fit` makes them for another model, or shorter. In the queue of
    an account people (`asker`; where it is empty, the place) take turns, and then their places (`fair_key`).
    """

    messages: tuple[Message, ...]
    model: str
    temperature: float | None = None
    max_tokens: int | None = None
    fair_key: str = ""
    asker: str = ""
    fit: Fit | None = None


class Model(Protocol):
    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Deltas of one answer, the last one `Ended`. Closing the iterator closes the connection at once.

        Raises ModelError. Text that was yielded before the error stands.
        """
        ...
