"""Earlier answers in a store, for tests of what is found of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.clock import Clock
from core.llm import create_embedder
from core.llm.catalog import environment_to_catalog
from core.ports.embeddings import Embedder
from core.ports.store import Store
from core.settings.environment import CoreSettings
from core.spend.budget_checks import BudgetChecks
from core.turns.question_embeddings import QuestionEmbeddings
from core.values.conversation import Ask, TurnState
from core.values.deltas import ChargeKind, Usage
from core.values.memory import QuestionVector
from core.values.outgoing import Limits
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from core.values.usage import Charge
from tests.core.llm.test_embeddings import Observer
from tests.fakes.completions import FakeCompletions, hashed
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


class Embeddings:
    """The vectors of questions in a store, which the endpoint `fake` makes of hashed words."""

    def __init__(
        self, store: Store, fake: FakeCompletions, embedder: Embedder, core: CoreSettings, clock: Clock
    ) -> None:
        self.store, self.fake = store, fake
        self._embedder = embedder
        checks = BudgetChecks(store, core, clock)
        self.of_questions = QuestionEmbeddings(
            store, embedder, core, clock, checks, lambda _: False, Observer()
        )

    async def embed(self, turn_id: int, question: str, channel: Place = PLACE) -> None:
        """Store the vector of the question of a turn."""
        [vector] = (await self._embedder.embed([question])).vectors
        made = {turn_id: QuestionVector(question, vector)}
        charge = Charge(ChargeKind.EMBEDDING, "small", Usage(5))
        assert await self.store.put_vectors(replace(channel, thread=""), made, charge) == 1
        self.fake.requests.clear()


@asynccontextmanager
async def embeddings(store: Store, clock: Clock, **settings: Any) -> AsyncIterator[Embeddings]:
    async with FakeCompletions() as fake:
        fake.embeddings = hashed
        given = {"openai_base_url": fake.base_url, "openai_api_key": "sk-test"} | settings
        core = CoreSettings(_env_file=None, parley_embedding_model="small", **given)
        embedder = create_embedder(environment_to_catalog(core), clock, Observer())
        assert embedder is not None
        try:
            yield Embeddings(store, fake, embedder, core, clock)
        finally:
            await embedder.close()


class Workspace(MemoryPlatform):
    """A platform whose channels `open` everybody may read. `closed_later`: threads that nobody may read once they are
    looked at. While `answers` is not set, it does not say who may read what."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[str] = {"C1"}
        self.closed_later: set[str] = set()
        self.asked: list[tuple[str, bool]] = []
        self.limits = Limits(page_size=4_000)
        self.answers = asyncio.Event()
        self.answers.set()

    async def eligible_channels(
        self, place: Place, reader: Person, *, alone: bool, channels: Collection[str]
    ) -> frozenset[str]:
        self.asked.append((reader.id, alone))
        await self.answers.wait()
        return frozenset(channels) & self.open

    async def may_cite(self, place: Place, reader: Person, source: Place, *, alone: bool) -> bool:
        return source.channel in self.open and source.thread not in self.closed_later

    def message_link(self, place: Place, message_id: str) -> str:
        return f"https://chat.example/{place.channel}/{message_id}"

    def channel_mention(self, place: Place) -> str:
        return f"<#{place.channel}>"
