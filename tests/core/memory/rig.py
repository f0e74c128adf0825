"""Earlier answers in a store, for tests of what is found of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

from core.ports.store import Store
from core.values.conversation import Ask, TurnState
from core.values.outgoing import Limits
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from tests.fakes.platform import MemoryPlatform

PLACE = Place("slack", "T1", "C1", "9.0")
OTHER = Place("slack", "T1", "C2")
ADA, BEN = Person("U1", "Ada"), Person("U2", "Ben")
AT = datetime(2026, 11, 1, 9, tzinfo=UTC)


async def answered(
    store: Store,
    question: str,
    answer: str,
    *,
    thread: str,
    channel: Place = PLACE,
    by: Person = BEN,
    at: datetime = AT,
) -> int:
    """The turn that has answered a question in a thread of its own."""
    place = replace(channel, thread=thread)
    turn = await store.accept(Ask(f"q{thread}", place, by, question, at, addressed=True))
    assert turn is not None
    begun = await store.begin(turn.id)
    assert await store.finish(Finish(begun, TurnState.DONE, answer, posted=(f"a{thread}",)))
    return turn.id


class Workspace(MemoryPlatform):
    """A platform whose channels `open` everybody may read. `closed_later`: threads that nobody may read once they are
    looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[str] = {"C1"}
        self.closed_later: set[str] = set()
        self.asked: list[tuple[str, bool]] = []
        self.limits = Limits(page_size=4_000)

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        self.asked.append((reader.id, alone))
        return frozenset(channels) & self.open

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        return source.channel in self.open and source.thread not in self.closed_later

    def message_link(self, place: Place, message_id: str) -> str:
        return f"https://chat.example/{place.channel}/{message_id}"

    def channel_mention(self, place: Place) -> str:
        return f"<#{place.channel}>"
