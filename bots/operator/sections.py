"""A section of the operator's page, and an action that its buttons do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bots.operator.markup import Html
from bots.operator.view import View
from core.values.places import Person

Query = Mapping[str, str]
"""The fields of an address, or of a form."""


class Section(Protocol):
    """One page. `name` is the end of its address, and that of its title `operator_section_<name>`."""

    name: str

    async def body(self, view: View, query: Query) -> Html:
        """The content. Raises StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome of an action. `back`: the section to return to."""

    words: str
    back: str
    well: bool = True


Act = Callable[[View, Query, Person], Awaitable[Done]]
"""Does what a form asks for, as that person. Raises StoreError."""

Picture = Callable[[View, Query], Awaitable[bytes | None]]
"""A PNG, or None where there is none. Raises StoreError."""
