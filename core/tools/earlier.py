"""The built-in tools that look further back: in the thread, and for earlier answers in others.

Each checks the rights of the asker. The answers are those that `core.memory.recall` finds for a question too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.conversation.summary import line_to_json
from core.errors import PlatformError
from core.memory.citations import citation_tag, mark, without_citations
from core.memory.recall import MOST_FOUND, Recall, audience_of
from core.memory.tokens import tokens
from core.platform_calls import PlatformCalls
from core.ports.store.threads import ThreadStore
from core.ports.tools import ToolError
from core.speakers import label, label_of, labels_of
from core.text import json_line, shortened
from core.values.conversation import Ask, ThreadMessage, Turn
from core.values.memory import EarlierAnswer
from core.values.places import Place

PAGE = 50
"""Messages that one call reads."""
IN_PROMPT = 400
"""The newest messages of a thread, which a model has been given as far as they fit."""
QUESTION_LENGTH, ANSWER_LENGTH = 200, 500
"""Characters of an earlier question and its answer that a search gives back."""

EARLIER_UNREAD = "There may be messages before these, but they can't be read now. Say so where they matter."
NOT_FOUND = "Nothing was found. Other words may find more."
_NOT_SEARCHED = (
    "Earlier threads can't be searched from here. What was found of them stands before the question."
)
_NOT_READABLE = "The person who asks may not read what was said here before."


class EarlierMessages:
    """`calls`: the PlatformCalls of a place, or None where there are none. Without `recall` nothing is found in other
    threads."""

    def __init__(
        self,
        store: ThreadStore,
        calls: Callable[[Place], PlatformCalls | None],
        recall: Recall | None = None,
    ) -> None:
        self._store = store
        self._calls = calls
        self._recall = recall

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
        """The earlier answers that match a query best, each with the mark by which the answer may cite it. Raises
        ToolError and StoreError."""
        ask, query = turn.ask, str(arguments.get("query") or "")
        if not ask.author.may_read:
            raise ToolError(_NOT_READABLE)
        if not tokens(query):
            raise ToolError("Give words to look for in `query`.")
        if (calls := self._calls(ask.place)) is not None and calls.distributed:
            raise ToolError(_NOT_SEARCHED)
        if self._recall is None:
            return NOT_FOUND
        found = await self._recall.search(audience_of(turn), turn.payer.id, query, MOST_FOUND)
        tag, numbered = citation_tag(ask), await self._recall.number(turn, found)
        said = [
            self._found_to_json(mark(tag, number), one, old=self._recall.is_old(one))
            for number, one in numbered
        ]
        return "\n".join(said) or NOT_FOUND

    def _found_to_json(self, cite: str, one: EarlierAnswer, *, old: bool) -> str:
        calls = self._calls(one.place)
        link = calls.message_link(one.place, one.question_id) if calls is not None else ""
        said = {
            "cite": cite,
            "on": f"{one.at:%Y-%m-%d}",
            **({"old": True} if old else {}),
            "by": label(one.asker.name),
            "question": shortened(one.question, QUESTION_LENGTH),
            "answer": shortened(without_citations(one.answer), ANSWER_LENGTH),
        }
        return json_line(said | ({"link": link} if link else {}))


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
