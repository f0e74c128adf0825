"""The built-in tools that search earlier messages: further back in the thread, and in other threads of its
channel.

Each checks the rights of the asker. A message whose readers are unknown counts as not readable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.conversation.summary import line_to_json
from core.errors import PlatformError
from core.platform_calls import PlatformCalls
from core.ports.store.threads import ThreadStore
from core.ports.tools import ToolError
from core.speakers import label_of, labels_of
from core.text import shortened
from core.tools.words import query_words
from core.values.conversation import Ask, ThreadMessage, Turn
from core.values.places import Place

PAGE = 50
"""Messages that one call reads."""
IN_PROMPT = 400
"""The newest messages of a thread, which a model has been given as far as they fit."""
MOST_HITS, MOST_HITS_EACH = 8, 2
"""Messages that a search gives back, of all threads and of each."""
HIT_LENGTH = 400
"""Characters of a message that a search gives back."""

_CANDIDATES = 60
"""Messages that the store finds for a search, before those are left out that the asker may not read."""
_BEFORE_WORD = 100
"""Characters of a hit that are shown before the word that was found."""
THREADS_UNREAD = (
    "Some threads can't be looked into now, so their messages are missing here. Say so where it matters."
)
EARLIER_UNREAD = "There may be messages before these, but they can't be read now. Say so where they matter."
NOT_FOUND = "Nothing was found. Other words may find more."
_NOT_READABLE = "The person who asks may not read what was said here before."


class EarlierMessages:
    """`calls`: the PlatformCalls of a place, or None where there are none."""

    def __init__(self, store: ThreadStore, calls: Callable[[Place], PlatformCalls | None]) -> None:
        self._store = store
        self._calls = calls

    async def read(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        """A page of the thread: before a time, or else the messages before the prompt. Raises ToolError and
        StoreError."""
        ask = turn.ask
        if not ask.author.may_read:
            raise ToolError(_NOT_READABLE)
        newest = await self._store.lines(ask.place, ask, IN_PROMPT)
        before = _time(arguments.get("before")) or (newest[0].at if newest else ask.at)
        lines = await self._store.lines(ask.place, ask, PAGE, before)
        unread: list[str] = []
        try:
            if len(lines) < PAGE and await self._has_read_further(ask, (lines or newest)[:1]):
                lines = await self._store.lines(ask.place, ask, PAGE, before)
        except PlatformError:
            unread = [EARLIER_UNREAD]
        if not lines and not arguments.get("before"):
            lines = newest[:PAGE]
        known = labels_of(lines)
        said = [
            line_to_json(line, label_of(line, known), at=_to_second(line.at))
            for line in lines
            if not line.wordless
        ]
        return "\n".join((*unread, *said)) or "There are no earlier messages."

    async def _has_read_further(self, ask: Ask, oldest: Sequence[ThreadMessage]) -> bool:
        """Store what the platform has before the oldest stored message. Returns whether there was anything. Raises
        PlatformError and StoreError.

        The thread does not count as complete then: messages behind the oldest stored one may be missing too.
        """
        calls = self._calls(ask.place)
        if not oldest or calls is None or await self._store.filled(ask.place):
            return False
        history = await calls.history(ask.place, replace(ask, id=oldest[0].id, at=oldest[0].at))
        if history.entries:
            await self._store.import_history(ask.place, replace(history, complete=False))
        return bool(history.entries)

    async def search(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        """The messages of other threads that match a query best. Raises ToolError and StoreError."""
        ask, words = turn.ask, query_words(str(arguments.get("query") or ""))
        if not ask.author.may_read:
            raise ToolError(_NOT_READABLE)
        if not words:
            raise ToolError("Give words to look for in `query`.")
        hits, unread = await self._readable(await self._store.search(ask.place, words, _CANDIDATES))
        known = labels_of(line for _, line in hits)
        said = [self._hit_to_json(place, line, label_of(line, known), words) for place, line in hits]
        return "\n".join((*([THREADS_UNREAD] if unread else []), *(said or [NOT_FOUND])))

    async def _readable(
        self, found: Sequence[tuple[Place, ThreadMessage]]
    ) -> tuple[list[tuple[Place, ThreadMessage]], bool]:
        """The first of the messages found, without those of threads that not everybody in the channel may read, and
        whether the platform could not say so of some thread."""
        hits: list[tuple[Place, ThreadMessage]] = []
        open_: dict[str, bool | None] = {}
        for place, line in found:
            if len(hits) == MOST_HITS:
                break
            if sum(other == place for other, _ in hits) == MOST_HITS_EACH:
                continue
            if place.key not in open_ and len(open_) < 2 * MOST_HITS:
                open_[place.key] = await self._is_open(place)
            if open_.get(place.key):
                hits.append((place, line))
        return hits, None in open_.values()

    async def _is_open(self, place: Place) -> bool | None:
        """True if everybody in the channel may read a thread; None where the platform can't say so."""
        calls = self._calls(place)
        try:
            return None if calls is None else await calls.is_open(place)
        except PlatformError:
            return None

    def _hit_to_json(self, place: Place, line: ThreadMessage, label: str, words: Sequence[str]) -> str:
        calls = self._calls(place)
        link = calls.message_link(place, line.id) if calls is not None else ""
        there = {"link": link} if link else {"thread": place.thread} if place.thread else {}
        shown = replace(line, text=_around(line.text, words), attached=())
        return line_to_json(shown, label, **there)


def _around(text: str, words: Sequence[str]) -> str:
    """The part of a text around the first of the words."""
    lower = text.lower()
    first = min((at for word in words if (at := lower.find(word)) >= 0), default=0)
    start = max(0, first - _BEFORE_WORD)
    return ("…" if start else "") + shortened(text[start:], HIT_LENGTH)


def _to_second(at: datetime) -> str:
    """A time that `_time` reads."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _time(text: object) -> datetime | None:
    """A date and time in ISO 8601, in UTC unless it says otherwise. Raises ToolError."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(str(text).strip())
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ToolError("`before` is no date and time, such as 2026-01-31 10:05:00.") from None
