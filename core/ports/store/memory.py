"""The index of answered questions, by their words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from core.values.memory import EarlierAnswer, SourceScope
from core.values.places import Place


class SourceStore(Protocol):
    """The sources of a team's memory: turns that are DONE with an answer to a person's question.

    Left out are an answer that was not helpful, one that was made anew, one whose question or answer was deleted
    or forgotten, and those from before their thread's reset. A turn is indexed in the transaction that ends it. An
    edited question is no source until it is answered anew.
    """

    async def earlier_answers(
        self, scope: SourceScope, words: Sequence[str], limit: int, least: float = 0.0
    ) -> list[EarlierAnswer]:
        """The sources of `scope` that have some of `words`, best first: one of each thread, at most `limit`.

        `words` are tokens (`core.memory.tokens`). Those in too many sources to distinguish them are left out. `least`:
        the share of their weight that a source has to have (`core.memory.ranking.shared`).
        """
        ...

    async def answers_of(self, scope: SourceScope, turn_ids: Collection[int]) -> list[EarlierAnswer]:
        """The sources of `scope` among these turns, in the order of their ids: what was found before, as it is now."""
        ...

    async def remove_sources_of(self, place: Place) -> None:
        """Take the answers of a thread out of the index, or of a channel with all its threads: it was deleted."""
        ...

    async def source_channels(self, platform: str, team: str) -> list[str]:
        """The ids of the channels that have sources, direct conversations included."""
        ...

    async def source_teams(self, platform: str) -> list[str]:
        """The ids of the teams that have sources, in their order."""
        ...

    async def remove_sources(self, platform: str, limit: int) -> bool:
        """Take up to `limit` turns of a platform out of the index, for good. False where there are none left."""
        ...

    async def index_answers(self, limit: int) -> bool:
        """Index up to `limit` turns that ended before they could be indexed, or whose words were made by another
        version of the tokenizer, newest first. False where there are none left."""
        ...
