"""The model and the tools that answers are made with. A reload replaces them; an answer that runs keeps its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from core.ports.model import Request
from core.ports.tools import Tools, ToolSource
from core.values.conversation import Turn
from core.values.deltas import Delta
from core.values.places import Place
from core.values.steps import ApprovalAsked, Step, ToolResults, ToolsBegun
from core.values.tools import ToolOffer, ToolSettings


class ClosableModel(Protocol):
    """A model with connections to close."""

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]: ...

    async def close(self) -> None: ...


class AbsentTools(Tools, Protocol):
    """Tools that know which of their servers are away."""

    def absent(self, place: Place, settings: ToolSettings) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class AnswerParts:
    """One version of both. `servers`: those of `tools` that have connections to close."""

    model: ClosableModel
    tools: AbsentTools
    servers: tuple[ToolSource, ...] = ()


class CurrentParts:
    """The `Model` and the `Tools` of the version that the running answer began with; the newest one elsewhere.

    `on_unused` is called once a version that was replaced is in no use any more.
    """

    def __init__(self, parts: AnswerParts, on_unused: Callable[[AnswerParts], None]) -> None:
        self.newest = parts
        self._on_unused = on_unused
        self._users: Counter[AnswerParts] = Counter()
        self._held: ContextVar[AnswerParts | None] = ContextVar("answer_parts", default=None)

    @property
    def in_use(self) -> list[AnswerParts]:
        """All versions that are in use, the newest first."""
        return [self.newest, *(parts for parts in self._users if parts is not self.newest)]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Use the version that is the newest now until the end, in this task and those that it starts."""
        parts = self.newest
        token = self._held.set(parts)
        self._users[parts] += 1
        try:
            yield
        finally:
            self._held.reset(token)
            self._users[parts] -= 1
            self._drop(parts)

    def replace(self, parts: AnswerParts) -> None:
        """Use `parts` for answers that begin from now on."""
        former, self.newest = self.newest, parts
        self._drop(former)

    def _drop(self, parts: AnswerParts) -> None:
        if self._users[parts]:
            return
        del self._users[parts]
        if parts is not self.newest:
            self._on_unused(parts)

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Raises ModelError."""
        return self._parts.model.stream(request)

    async def offer(self, turn: Turn, settings: ToolSettings, steps: Sequence[Step]) -> ToolOffer:
        """As in `Tools`."""
        return await self._parts.tools.offer(turn, settings, steps)

    def run(
        self, turn: Turn, offer: ToolOffer, steps: Sequence[Step]
    ) -> AsyncGenerator[ToolsBegun | ToolResults | ApprovalAsked, None]:
        """As in `Tools`."""
        return self._parts.tools.run(turn, offer, steps)

    def absent(self, place: Place, settings: ToolSettings) -> tuple[str, ...]:
        """The names of the servers whose tools would be offered in a place, but can't be reached now."""
        return self._parts.tools.absent(place, settings)

    @property
    def _parts(self) -> AnswerParts:
        return self._held.get() or self.newest
