"""The earlier answers that a model was offered as material, by the numbers under which it may cite them, and those that
answers cite."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from core.values.conversation import Turn
from core.values.memory import SourceOpinion
from core.values.places import Place


class CitationStore(Protocol):
    """The sources that open turns have been offered: the first one has the number 1."""

    async def offer_sources(self, turn_id: int, sources: Sequence[int]) -> list[int]:
        """Offer an open turn the answers of these turns, behind those that it was offered before. One that it was
        offered before keeps its number. Returns all of them in the order of their numbers, at most
        `core.memory.citations.MOST_NUMBERS`; those of a turn that is not open are not changed."""
        ...

    async def offered_sources(self, turn_id: int) -> list[int]:
        """The turns whose answers it was offered, in the order of their numbers."""
        ...

    async def withdraw_sources(self, turn_id: int) -> None:
        """The answer of an open turn begins anew: nothing was offered for it."""
        ...

    async def rate_sources(
        self, turn_id: int, sources: Sequence[int], person: str, value: int, at: datetime
    ) -> int:
        """Store a person's opinion, 1 or -1, of the earlier answers that the answer of a turn cites, in place of their
        last one there. The same one again takes it back. Returns the opinion that they have now, 0 for none."""
        ...

    async def opinions_of(self, sources: Collection[int]) -> list[SourceOpinion]:
        """The opinions of these sources, in their order."""
        ...

    async def uncite_message(self, place: Place, message_id: str, at: datetime) -> list[Turn]:
        """No answer cites the sources any more whose question or answer that message is: they are about to be deleted.
        Returns the turns that show those answers anew, which are stored in the same transaction (`RemoveSources`)."""
        ...

    async def uncite_thread(self, place: Place, at: datetime) -> list[Turn]:
        """As `uncite_message`, of all sources of a thread."""
        ...

    async def uncite_person(self, platform: str, team: str, person: str, at: datetime) -> list[Turn]:
        """As `uncite_message`, of all sources that the person asked. Empty `team`: in every team."""
        ...
