"""/search: the earlier answers that a person may read, for that person alone."""

from __future__ import annotations

from core.commands.context import CommandContext
from core.commands.data_commands import require_readable
from core.memory.recall import MOST_FOUND, Audience, Recall
from core.settings.channel import Memory
from core.text import escaped, shortened
from core.values.ui import ImmediateReply

_WORDS_LENGTH = 100
"""Characters of the words that are repeated."""


class SearchCommand:
    """Raises StoreError, and CommandError where the person may not. Without `recall` nothing is found."""

    def __init__(self, recall: Recall | None) -> None:
        self._recall = recall

    async def search(self, given: CommandContext) -> ImmediateReply:
        """At most `MOST_FOUND` links. They are private: others may not be able to read all of what they lead to."""
        require_readable(given)
        if given.settings.memory is Memory.OFF:
            return ImmediateReply(given.phrase("search_off"), private=True)
        query = given.option("words")
        words = escaped(shortened(" ".join(query.split()), _WORDS_LENGTH))
        audience = Audience(given.place, (given.author,), alone=True)
        recall = self._recall
        if recall is None or not (
            found := await recall.search(audience, given.author.id, query, MOST_FOUND, itself=True)
        ):
            return ImmediateReply(given.phrase("search_nothing", words=words), private=True)
        numbered = list(enumerate(found, 1))
        sources = recall.shown(given.place, numbered, "", given.language, given.settings.zone)
        return ImmediateReply(given.phrase("search_found", words=words), private=True, sources=sources)
