"""Finds earlier answers: the candidates for a prompt, those that a search finds, and those that an answer cites.

Each is found within channels whose answers everybody may read who reads the new answer, and is checked once more before
it is used (`SourceAccess` of `core.ports.connector`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta, tzinfo
from typing import Protocol

import structlog

from core.clock import Clock, ends_within
from core.errors import BotError, StoreError
from core.i18n import phrase
from core.memory.audience import Audience
from core.memory.channel_memories import ChannelMemories
from core.memory.citations import MOST_NUMBERS, citation_tag, mark
from core.memory.found_messages import FoundMessages
from core.memory.opinions import unwanted
from core.memory.ranking import LEAST_SHARED, compared, united
from core.memory.source_checks import SourceChecks
from core.memory.source_scopes import SourceScopes
from core.memory.source_text import (
    MOST_CANDIDATES,
    block,
    candidates,
    is_old,
    source_link,
)
from core.memory.tokens import tokens
from core.memory.variety import distinct, spread
from core.platform_calls import PlatformCalls
from core.ports.embeddings import NO_MEANING, Meaning, Meanings
from core.ports.store.citations import CitationStore
from core.ports.store.memory import SourceStore
from core.ports.store.settings import SettingsStore
from core.ports.store.vectors import VectorStore
from core.settings.environment import CoreSettings
from core.values.conversation import Turn
from core.values.memory import EarlierAnswer, FoundMessage, SourceScope, Vector
from core.values.outgoing import NO_SOURCES, Sources
from core.values.parts import EarlierAnswers
from core.values.places import Place
from core.values.platform import Feature
from core.values.tasks import AnswerQuestion, ContinueAnswer

log = structlog.get_logger()

PATIENT_S = 2.0
"""Seconds that the platform has for what it tells, where people look for answers, and for links."""
_PLATFORM_SHARE = 0.8
"""The same for the candidates of a question: the share of the time that it waits."""
MOST_FOUND = 8
"""The most earlier answers that a search gives back."""
MOST_BY_MEANING, MOST_BY_WORDS = 10, 5
"""The earlier answers that are looked at where a question has a vector."""

MOST_RELATED = 3
"""The most that are linked in a new post of a forum."""

_CHECKED = 2
"""Of each that is wanted so many are looked at: some may be no longer readable."""
_RANKED = 3
"""Of these so many are ranked: one person may have asked most of them."""


class RecallStore(SourceStore, VectorStore, CitationStore, SettingsStore, Protocol):
    """The part of the store that has the sources, and the channels that permit them."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The earlier answers that a model is offered: the turns that gave them, in the order of their numbers, and the
    material for its prompt. None where there are none. `found`: messages of the platform's search in their place."""

    sources: tuple[int, ...] = ()
    found: tuple[FoundMessage, ...] = ()
    material: EarlierAnswers | None = None
    meaning: Meaning = NO_MEANING
    """The vector that was asked for to find them."""

    @property
    def numbers(self) -> range:
        return range(1, len(self.sources or self.found) + 1)


def audience_of(turn: Turn) -> Audience:
    """The audience of a turn's answer. A person who had it begin by a button is one of those it is for."""
    people = dict.fromkeys((turn.ask.author, *([turn.started_by] if turn.started_by else ())))
    return Audience(turn.ask.place, tuple(people), turn.ask.place.direct)


class Recall:
    """Finds earlier answers for all turns: without `embeddings` by their words alone, without `checks` as they are
    stored. `calls`: the calls to a place; None where there are none."""

    def __init__(
        self,
        store: RecallStore,
        core: CoreSettings,
        clock: Clock,
        calls: Callable[[Place], PlatformCalls | None],
        embeddings: Meanings | None = None,
        checks: SourceChecks | None = None,
    ) -> None:
        self._checks = checks
        self._embeddings = embeddings
        self._store = store
        self._core = core
        self._clock = clock
        self._calls = calls
        memories = ChannelMemories(store, core)
        self._scopes = SourceScopes(store, memories, clock)
        self.messages = FoundMessages(memories, clock, calls, self._old_after)

    @property
    def _patient_s(self) -> float:
        return max(PATIENT_S, self._core.parley_memory_wait_s)

    async def offer(self, turn: Turn, question: str) -> Offered:
        """The candidates for the question of a turn; after a restart, and for an answer that goes on, those that it was
        offered before, also where these were none: behind its first words nothing is looked for. Raises nothing, and
        takes at most `PARLEY_MEMORY_WAIT_S`, and before that the time for the vector of a new question."""
        if not isinstance(turn.ask.task, AnswerQuestion | ContinueAnswer):
            return Offered()
        calls = self._calls(turn.ask.place)
        if calls is not None and calls.distributed:
            found, material = await self.messages.offer(turn, audience_of(turn), question)
            return Offered(found=found, material=material)
        meaning = NO_MEANING
        if self._embeddings is not None and isinstance(turn.ask.task, AnswerQuestion) and turn.attempt <= 1:
            warming = asyncio.create_task(self._warm(audience_of(turn)))
            try:
                meaning = await self._embeddings.of_question(turn, question)
            finally:
                warming.cancel()
        vector = meaning.vector.vector if meaning.vector is not None else None
        return replace(await self._offer_in_time(turn, question, vector), meaning=meaning)

    async def _warm(self, audience: Audience) -> None:
        """Have the platform look up what the search needs to know of other channels."""
        calls = self._calls(audience.place)
        with suppress(StoreError):
            if calls is not None:
                await self._scopes.of(audience, calls, self._patient_s)

    async def _offer_in_time(self, turn: Turn, question: str, vector: Vector | None) -> Offered:
        looking, wait_s = (
            asyncio.create_task(self._offer(turn, question, vector)),
            self._core.parley_memory_wait_s,
        )
        if not await ends_within(looking, wait_s, self._clock):
            log.warning("earlier_answers_late", turn=turn.id, after_s=wait_s)
            return Offered()
        try:
            return looking.result()
        except BotError as error:
            log.warning("earlier_answers_not_found", turn=turn.id, **error.log_keys)
        except Exception:
            log.exception("earlier_answers_crashed", turn=turn.id)
        return Offered()

    async def _offer(self, turn: Turn, question: str, vector: Vector | None) -> Offered:
        goes_on = isinstance(turn.ask.task, ContinueAnswer) or (turn.attempt > 1 and bool(turn.text))
        before = await self._store.offered_sources(turn.id) if goes_on or turn.attempt > 1 else []
        audience, tag = audience_of(turn), citation_tag(turn.ask)
        now, old_after = self._clock.now(), self._old_after
        if before:
            known = {one.turn_id: one for one in await self._readable(audience, before)}
            numbered = [(number, known[id_]) for number, id_ in enumerate(before, 1) if id_ in known]
            lines = candidates(numbered, tag, now, old_after)
            material = EarlierAnswers(block(lines, mark(tag, numbered[0][0]))) if lines else None
            return Offered(tuple(before), material=material)
        found = [] if goes_on else await self._find_candidates(audience, question, vector)
        lines = candidates(list(enumerate(found, 1)), tag, now, old_after)
        if not lines:
            return Offered()
        offered = await self._store.offer_sources(turn.id, [one.turn_id for one in found[: len(lines)]])
        return Offered(tuple(offered), material=EarlierAnswers(block(lines, mark(tag, 1))))

    async def _find_candidates(
        self, audience: Audience, question: str, vector: Vector | None
    ) -> list[EarlierAnswer]:
        within_s = _PLATFORM_SHARE * self._core.parley_memory_wait_s
        return await self.find(
            audience, question, MOST_CANDIDATES, vector=vector, least=LEAST_SHARED, within_s=within_s
        )

    async def search(
        self, audience: Audience, person: str, words: str, limit: int, *, itself: bool = False
    ) -> list[EarlierAnswer]:
        """As `find`, of words that the person with the id `person` looks for: by their meaning too, where a model makes
        their vector in time. Raises StoreError."""
        vector = None
        if self._embeddings is not None and tokens(words):
            vector = await self._embeddings.of_search(audience.place, person, words)
        return await self.find(audience, words, limit, vector=vector, itself=itself)

    async def find(
        self,
        audience: Audience,
        words: str,
        limit: int,
        *,
        vector: Vector | None = None,
        itself: bool = False,
        least: float = 0.0,
        within_s: float | None = None,
    ) -> list[EarlierAnswer]:
        """The earlier answers that have some of these words, or are similar to `vector`, best first, and that everybody
        may read who reads an answer to `audience`. `itself`: also those of the conversation that asks.
        `least`: as in `SourceStore.earlier_answers`. `within_s`: seconds that the platform has for what it
        tells, else `PATIENT_S`. Raises StoreError."""
        within_s = self._patient_s if within_s is None else within_s
        until_s = self._clock.monotonic() + within_s
        calls, looked_for = self._calls(audience.place), tokens(words)
        if calls is None or not (looked_for or vector is not None):
            return []
        scopes = await self._scopes.of(audience, calls, within_s, itself=itself)
        if not scopes:
            return []
        if vector is None:
            found = await self._by_words(scopes, looked_for, limit * _CHECKED * _RANKED, least)
        else:
            by_words = await self._by_words(scopes, looked_for, MOST_BY_WORDS, least)
            most = MOST_BY_MEANING * _RANKED
            similar = [await self._store.similar_answers(one, vector, most) for one in scopes]
            by_meaning = spread(compared(similar, looked_for, most))[:MOST_BY_MEANING]
            found = united(by_meaning, by_words)
        out = unwanted(looked_for, await self._store.opinions_of([one.turn_id for one in found]))
        wanted = (one for one in found if one.turn_id not in out)
        return await self._citable(wanted, audience, calls, limit, until_s, once=True)

    async def _by_words(
        self, scopes: Sequence[SourceScope], words: Sequence[str], limit: int, least: float
    ) -> list[EarlierAnswer]:
        most = max(limit, MOST_BY_WORDS * _RANKED)
        found = [await self._store.earlier_answers(one, words, most, least) for one in scopes]
        return spread(compared(found, words, most))[:limit]

    async def number(self, turn: Turn, found: Iterable[EarlierAnswer]) -> list[tuple[int, EarlierAnswer]]:
        """Offer a turn the answers that a search for it found. Each behind its number, without those that there is no
        number left for. Raises StoreError."""
        some = list(found)
        offered = await self._store.offer_sources(turn.id, [one.turn_id for one in some]) if some else []
        numbers = {id_: number for number, id_ in enumerate(offered[:MOST_NUMBERS], 1)}
        return [(numbers[one.turn_id], one) for one in some if one.turn_id in numbers]

    async def offered(self, turn: Turn) -> tuple[int, ...]:
        """The turns whose answers a turn was offered, in the order of their numbers. Raises StoreError."""
        return tuple(await self._store.offered_sources(turn.id))

    async def withdraw(self, turn: Turn) -> None:
        """The answer of a turn begins anew, to other words. Raises StoreError."""
        await self._store.withdraw_sources(turn.id)

    async def cited(
        self, audience: Audience, cited: Sequence[tuple[int, int]], language: str, zone: tzinfo
    ) -> Sources:
        """The sources with these numbers and turns as they are now, without those that are gone or that a reader of
        the answer may not read. Raises nothing."""
        if not cited:
            return NO_SOURCES
        try:
            known = {one.turn_id: one for one in await self._readable(audience, [id_ for _, id_ in cited])}
        except StoreError as error:
            log.warning("sources_not_read", place=audience.place.key, **error.log_keys)
            return NO_SOURCES
        numbered = [(number, known[id_]) for number, id_ in sorted(cited) if id_ in known]
        return self.shown(audience.place, numbered, phrase("sources_head", language), language, zone)

    def shown(
        self,
        place: Place,
        numbered: Sequence[tuple[int, EarlierAnswer]],
        head: str,
        language: str,
        zone: tzinfo,
    ) -> Sources:
        """Earlier answers as links for the readers at `place`. Their askers are named as in a thread: nowhere, on a
        platform that has but one partner, or in a direct conversation."""
        calls = self._calls(place)
        if calls is None or not numbered:
            return NO_SOURCES
        several = Feature.CHANNELS in calls.installation.traits.features
        links = (
            source_link(
                number,
                one,
                calls.message_link(one.place, one.question_id),
                language,
                zone,
                channel=calls.channel_mention(one.place) if _is_elsewhere(one.place, place) else "",
                named=several and not one.place.direct,
                old=self.is_old(one),
            )
            for number, one in numbered
        )
        return Sources(head, tuple(links))

    def is_old(self, one: EarlierAnswer) -> bool:
        """True if it may be out of date by the operator's setting."""
        return is_old(one, self._clock.now(), self._old_after)

    @property
    def _old_after(self) -> timedelta:
        return timedelta(days=self._core.parley_memory_days)

    async def _readable(self, audience: Audience, turn_ids: Collection[int]) -> list[EarlierAnswer]:
        calls = self._calls(audience.place)
        if calls is None:
            return []
        found: list[EarlierAnswer] = []
        until_s = self._clock.monotonic() + self._patient_s
        for scope in await self._scopes.of(audience, calls, self._patient_s):
            found += await self._store.answers_of(scope, turn_ids)
        return await self._citable(found, audience, calls, len(found), until_s)

    async def _citable(
        self,
        found: Iterable[EarlierAnswer],
        audience: Audience,
        calls: PlatformCalls,
        limit: int,
        until_s: float,
        *,
        once: bool = False,
    ) -> list[EarlierAnswer]:
        """The first `limit` of `found` that everybody may read now, and that are still there, as far as that is known
        by the monotonic time `until_s`. `once`: what a person has asked again in the same words is left out."""
        kept: list[EarlierAnswer] = []
        left = list(found)
        while left and len(kept) < limit:
            some, left = left[:limit], left[limit:]
            left_s = until_s - self._clock.monotonic()
            asking = [asyncio.ensure_future(self._may_use(one, audience, calls, left_s)) for one in some]
            in_time = await ends_within(asyncio.gather(*asking), left_s, self._clock)
            known = (one.done() and not one.cancelled() and one.result() for one in asking)
            kept += [one for one, usable in zip(some, known, strict=True) if usable]
            kept = (distinct(kept) if once else kept)[:limit]
            if not in_time:
                break
        return kept

    async def _may_use(
        self, one: EarlierAnswer, audience: Audience, calls: PlatformCalls, wait_s: float
    ) -> bool:
        for person in audience.people:
            if not await calls.may_cite(audience.place, person, one.place, alone=audience.alone):
                return False
        return self._checks is None or await self._checks.is_there(calls, one, wait_s)


def _is_elsewhere(source: Place, place: Place) -> bool:
    return source.channel_key != place.channel_key and not source.direct
