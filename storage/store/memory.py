"""`SourceStore` on a `Database`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import structlog

from core.errors import StoreError
from core.memory.ranking import source_words
from core.values.memory import EarlierAnswer, SourceScope
from core.values.places import Place
from storage import source_search, sources
from storage.store.state import NOT_LOOKED_AT, StoreState

log = structlog.get_logger()


class SqlSourceStore(StoreState):
    """`core.ports.store.memory` documents each method."""

    async def earlier_answers(
        self, scope: SourceScope, words: Sequence[str], limit: int, least: float = 0.0
    ) -> list[EarlierAnswer]:
        counts = await self._word_counts.counts()
        weights = counts.weights(words)
        if not weights or not scope.channels or limit < 1:
            return []
        return await self._database.read(source_search.search, scope, counts, weights, limit, least)

    async def answers_of(self, scope: SourceScope, turn_ids: Collection[int]) -> list[EarlierAnswer]:
        found = await self._database.read(sources.answers, turn_ids, scope)
        return [answer for _, answer in sorted(found.items())]

    async def remove_sources_of(self, place: Place) -> None:
        await self._database.write(sources.remove_place, place)
        self._vectors.forget_later(place)

    async def source_channels(self, platform: str, team: str) -> list[str]:
        return await self._database.read(sources.channels, platform, team)

    async def source_teams(self, platform: str) -> list[str]:
        return await self._database.read(sources.teams, platform)

    async def remove_sources(self, platform: str, limit: int) -> bool:
        removed = await self._database.write(sources.remove_some, platform, limit)
        if removed:
            self._vectors.drop()
        return removed > 0

    async def index_answers(self, limit: int) -> bool:
        ids, texts = await self._database.read(sources.outdated, self._indexed_from, limit)
        if not ids:
            self._indexed_from = NOT_LOOKED_AT
            await self._word_counts.counts()
            return False
        # Not within the transaction, nor in the event loop: new words take their time.
        words = await asyncio.to_thread(_words_of, texts)
        await self._renew(ids, words)
        self._indexed_from = min(ids)
        self._word_counts.added(len(ids))
        return True

    async def _renew(self, ids: Sequence[int], words: Mapping[int, Sequence[str]]) -> None:
        """Those whose words the database refuses leave the index: they keep no others out of it."""
        try:
            return await self._database.write(sources.renew, ids, words)
        except StoreError as error:
            if error.retryable:
                raise
            if len(ids) == 1:
                log.warning("answer_not_indexed", turn=ids[0], **error.log_keys)
                return await self._database.write(sources.renew, ids, {})
        for turn_id in ids:
            await self._renew([turn_id], {turn_id: words.get(turn_id, ())})


def _words_of(texts: Mapping[int, tuple[str, str]]) -> dict[int, list[str]]:
    return {turn_id: source_words(question, answer) for turn_id, (question, answer) in texts.items()}
