"""The vectors of questions: of one that is asked now, and in the background of those that were answered before.

A source has the vector of its question, which is asked for once: before its answer, whose cost it is part of. The
background asks for those that are missing, since the model is new, or did not answer in time. The words of a search
have one too, which is not kept; its cost is the channel's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

import structlog
from cachetools import FIFOCache

from core.clock import Clock, ends_within
from core.errors import Code, ModelError, StoreError
from core.memory.audience import memory_of
from core.ports.embeddings import MOST_TEXTS, NO_MEANING, Embedded, Embedder, Meaning
from core.ports.model import ModelObserver
from core.ports.store.settings import SettingsStore
from core.ports.store.vectors import VectorStore
from core.settings.channel import ChannelSettings, Memory
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.spend.budget_checks import BudgetChecks
from core.spend.budgets import most_read
from core.spend.prices import priced
from core.values.conversation import Turn
from core.values.deltas import ChargeKind, Usage
from core.values.memory import QuestionVector, SourceQuestion, Vector
from core.values.places import Place
from core.values.usage import Charge

log = structlog.get_logger()

WITHIN_S = 1.0
"""Seconds that an answer waits for the vector of its question."""
PAUSE_S = 1.0
"""Seconds between two requests of the background, each of at most `MOST_TEXTS` questions."""
FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 3_600.0
"""Seconds for which nothing is asked for after a failure, and after many in a row: each wait is twice as long. One at
the vector of a question counts where it may have cost something."""
EVERY_S = 600.0
"""Seconds between two looks for questions without a vector."""
LISTED = 200
"""Questions that are looked at together."""
_MOST_REFUSED = 10_000
"""The most questions that are not asked for again until a restart, since the endpoint refused them."""
_OF_TEXT = (Code.BAD_REQUEST, Code.CONTEXT_OVERFLOW, Code.TOO_LARGE, Code.POLICY, Code.GARBLED)
"""Refusals that may be due to one of the texts."""
SETTLED, AGREEING = 50, 3
"""Stored vectors from which on their dimension is that of the model. Of fewer, so many answers in a row that agree on
another one replace it: the first answers may have come from another model behind the same address."""
_MAY_COST = (Code.GARBLED, Code.STALLED, Code.CUT, Code.GATEWAY_TIMEOUT)
"""Failures behind which the endpoint may have read the texts."""


class EmbeddedStore(VectorStore, SettingsStore, Protocol):
    """The part of the store that has the vectors, and the channels that permit them."""


class QuestionEmbeddings:
    """Asks for vectors where the setting `memory` is on and no limit of spending is reached.

    `is_distributed`: as `PlatformTraits.distributed` of a place; None where nothing serves it. `observer`: is told of
    vectors that can't be compared with those that are stored.
    """

    def __init__(
        self,
        store: EmbeddedStore,
        embedder: Embedder,
        core: CoreSettings,
        clock: Clock,
        checks: BudgetChecks,
        is_distributed: Callable[[Place], bool | None],
        observer: ModelObserver,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._core = core
        self._clock = clock
        self._checks = checks
        self._is_distributed = is_distributed
        self._observer = observer
        self._dimension: int | None = None
        self._backed = 0
        """The number of vectors that are known to have this dimension."""
        self._others = 0
        """The number of answers in a row of the dimension `_other`."""
        self._other = 0
        self._refusing = False
        self._wait_s = self._not_before = 0.0
        self._refused: FIFOCache[int, None] = FIFOCache(_MOST_REFUSED)

    async def of_question(self, turn: Turn, question: str) -> Meaning:
        """The vector of the question of a turn. Raises nothing, and takes at most `WITHIN_S`, or
        `PARLEY_MEMORY_WAIT_S` where that is longer."""
        return await self._in_time(turn.ask.place, turn.payer.id, question)

    async def of_search(self, place: Place, person: str, words: str) -> Vector | None:
        """The vector of the words that a person looks for at `place`; its cost is stored. Raises nothing, and takes as
        long at most, beside the storing."""
        meaning = await self._in_time(place, person, words)
        if meaning.charge is not None:
            try:
                await self._store.put_vectors(replace(place, thread=""), {}, meaning.charge)
            except StoreError as error:
                log.warning("search_cost_not_stored", place=place.key, **error.log_keys)
        return meaning.vector.vector if meaning.vector is not None else None

    async def _in_time(self, place: Place, person: str, text: str) -> Meaning:
        began = _Began()
        asking = asyncio.create_task(self._meaning(place, person, text, began))
        within_s = max(WITHIN_S, self._core.parley_memory_wait_s)
        if not await ends_within(asking, within_s, self._clock):
            log.warning("embedding_late", place=place.key, after_s=within_s)
            return Meaning(charge=self._estimated([text]) if began.asked else None)
        try:
            return asking.result()
        except StoreError as error:
            log.warning("question_not_embedded", place=place.key, **error.log_keys)
        except Exception:
            log.exception("question_not_embedded", place=place.key)
        return NO_MEANING

    async def _meaning(self, place: Place, person: str, text: str, began: _Began) -> Meaning:
        settings = await self._settings(place)
        paused = self._clock.monotonic() < self._not_before
        if paused or not text.strip() or not await self._may_ask(place, person, settings, [text]):
            return NO_MEANING
        began.asked = True
        try:
            embedded = await self._embedder.embed([text])
        except ModelError as error:  # the embedder has logged it
            if error.code not in _MAY_COST:
                return NO_MEANING
            self._pause()
            return Meaning(charge=self._estimated([text]))
        usable = await self._is_usable(embedded)
        self._go_on() if usable else self._pause()
        vector = QuestionVector(text, embedded.vectors[0]) if usable else None
        return Meaning(vector, self._charge(embedded.usage))

    async def run(self) -> None:
        """Ask for the missing vectors, now and every ten minutes, the newest first. Until cancelled."""
        while True:
            try:
                await self._embed_all()
            except StoreError as error:
                log.warning("questions_not_embedded", **error.log_keys)
            await self._clock.sleep(EVERY_S)

    async def _embed_all(self) -> None:
        below, model = 0, self._embedder.model_info.name
        if (paused_s := self._not_before - self._clock.monotonic()) > 0:
            await self._clock.sleep(paused_s)
        while True:
            dimension = await self._known_dimension()
            below, questions = await self._store.unembedded(model, below, LISTED, dimension)
            if not below:
                return
            left = [one for one in questions if one.turn_id not in self._refused and one.question.strip()]
            for batch in _batches(left):
                worked = await self._embed_batch(batch)
                if worked is None:
                    continue
                self._go_on() if worked else self._pause()
                await self._clock.sleep(max(PAUSE_S, self._not_before - self._clock.monotonic()))

    def _pause(self) -> None:
        """Ask for nothing for a while: longer after each failure."""
        self._wait_s = min(LONGEST_WAIT_S, max(FIRST_WAIT_S, 2 * self._wait_s))
        self._not_before = self._clock.monotonic() + self._wait_s

    def _go_on(self) -> None:
        self._wait_s = self._not_before = 0.0

    async def _embed_batch(self, batch: Sequence[SourceQuestion]) -> bool | None:
        """Ask for the vectors of questions of one channel, and store them. False where that failed, None where nothing
        may be asked for now. Raises StoreError."""
        channel, texts = replace(batch[0].place, thread=""), [one.question for one in batch]
        settings = (await self._settings(channel)).model_copy(update={"person_budget": ()})
        if not await self._may_ask(channel, "", settings, texts):
            return None
        try:
            embedded = await self._embedder.embed(texts)
        except ModelError as error:
            if error.code in _MAY_COST:
                await self._store.put_vectors(channel, {}, self._estimated(texts))
            if error.code not in _OF_TEXT:
                return False
            if len(batch) == 1:
                self._refused[batch[0].turn_id] = None
                return False
            worked = [await self._embed_batch([one]) for one in batch]
            return any(worked)
        vectors = {
            one.turn_id: QuestionVector(one.question, vector)
            for one, vector in zip(batch, embedded.vectors, strict=True)
        }
        usable = await self._is_usable(embedded)
        await self._store.put_vectors(channel, vectors if usable else {}, self._charge(embedded.usage))
        return usable

    async def _is_usable(self, embedded: Embedded) -> bool:
        """False where the vectors can't be compared with those that are stored: the operators are told."""
        model, dimension = embedded.vectors[0].model, embedded.vectors[0].dimension
        known = await self._known_dimension()
        if known not in (None, dimension) and not self._is_agreed(dimension):
            if not self._refusing:
                log.error("embedding_refused", model=model, dimension=dimension, stored=known)
                detail = f"vectors of {dimension} numbers, {known} are stored"
                error = ModelError(Code.OTHER_VECTORS, detail)
                self._observer.report_failure(f"embeddings {model}", error, {})
            self._refusing = True
            return False
        self._backed = len(embedded.vectors) + (self._backed if known == dimension else 0)
        self._dimension, self._others = dimension, 0
        if self._refusing:
            self._refusing = False
            self._observer.report_recovery(f"embeddings {model}")
        return True

    def _is_agreed(self, dimension: int) -> bool:
        """True if the answers agree on another dimension than that of the few vectors that are stored."""
        self._others = self._others + 1 if dimension == self._other else 1
        self._other = dimension
        return self._backed < SETTLED and self._others >= AGREEING

    async def _known_dimension(self) -> int | None:
        """The dimension of most of the newest vectors of the model."""
        if self._dimension is None:
            newest = await self._store.vector_dimensions(self._embedder.model_info.name)
            if newest and self._dimension is None:
                ((self._dimension, self._backed),) = Counter(newest).most_common(1)
        return self._dimension

    async def _may_ask(
        self, place: Place, person: str, settings: ChannelSettings, texts: Sequence[str]
    ) -> bool:
        if settings.account is not None:  # the operator's embedding model is not that of the workspace
            return False
        distributed, info = self._is_distributed(place), self._embedder.model_info
        if distributed is None or memory_of(settings.memory, distributed=distributed) is Memory.OFF:
            return False
        size = sum(len(text.encode("utf-8", "replace")) for text in texts)
        most = most_read(info, size, self._clock.now().date())
        return await self._checks.allows(place, person, settings, info, most)

    async def _settings(self, place: Place) -> ChannelSettings:
        return merge(self._core, await self._store.stored_settings(place), place.platform)

    def _charge(self, usage: Usage) -> Charge:
        info = self._embedder.model_info
        return Charge(ChargeKind.EMBEDDING, info.name, priced(usage, info, self._clock.now().date()))

    def _estimated(self, texts: Sequence[str]) -> Charge:
        return self._charge(self._embedder.estimate(texts))


@dataclass(slots=True)
class _Began:
    """`asked`: a request was sent."""

    asked: bool = False


def _batches(questions: Sequence[SourceQuestion]) -> list[list[SourceQuestion]]:
    """Requests of questions of one channel each, the newest first."""

    def channel(one: SourceQuestion) -> tuple[str, str, str]:
        return one.place.platform, one.place.team, one.place.channel

    found = []
    for _, group in groupby(sorted(questions, key=channel), channel):
        some = sorted(group, key=lambda one: -one.turn_id)
        found += [some[at : at + MOST_TEXTS] for at in range(0, len(some), MOST_TEXTS)]
    return sorted(found, key=lambda batch: -batch[0].turn_id)
