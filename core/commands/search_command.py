"""/search: the earlier answers that a person may read, for that person alone. Where an app may have no memory, the
messages that the platform's own search finds, if the platform has one."""

from __future__ import annotations

from core.commands import COMMANDS, command_name
from core.commands.context import CommandContext
from core.commands.data_commands import require_readable
from core.errors import PlatformError
from core.memory.audience import Audience
from core.memory.recall import MOST_FOUND, Recall
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
        if recall is not None and given.traits.distributed:
            return await self._search_platform(given, audience, recall, words)
        if recall is None or not (
            found := await recall.search(audience, given.author.id, query, MOST_FOUND, itself=True)
        ):
            return ImmediateReply(given.phrase("search_nothing", words=words), private=True)
        numbered = list(enumerate(found, 1))
        sources = recall.shown(given.place, numbered, "", given.language, given.settings.zone)
        return ImmediateReply(given.phrase("search_found", words=words), private=True, sources=sources)

    async def _search_platform(
        self, given: CommandContext, audience: Audience, recall: Recall, words: str
    ) -> ImmediateReply:
        platform, typed = given.traits.label, given.traits.typed_prefix
        if given.command.prefix != typed:  # only a message may be searched for, by the platform's rules
            written = f"{typed}{command_name(COMMANDS['search'], given.language)} {words}"
            text = given.phrase("search_by_message", platform=platform, command=written)
            return ImmediateReply(text, private=True)
        try:
            found = await recall.messages.find(audience, given.command.id, given.option("words"), MOST_FOUND)
        except PlatformError:
            found = None
        if found is None:
            return ImmediateReply(given.phrase("search_not_now", platform=platform), private=True)
        numbered = list(enumerate(found, 1))
        zone = given.settings.zone
        sources = await recall.messages.links(audience, numbered, given.language, zone, titled=True)
        key = "search_found_by" if sources else "search_nothing_by"
        text = given.phrase(key, platform=platform, words=words)
        return ImmediateReply(text, private=True, sources=sources or None)
