"""One answer on its way to a reader: what its messages should show, and what they show now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from core.errors import PlatformError
from core.paint.pacing import Urgency, urgency
from core.paint.painter import reply_to_pages, unread
from core.types import Ask, Edit, Limits, Page, Phase, Post, Reply, Stroke

Posted = Callable[[tuple[str, ...]], Awaitable[None]]


class Canvas:
    """The writer of an answer calls `show` and never waits; the brush asks for `stroke` and reports back.

    `posted` may hold ids from an earlier process: those messages are edited, whatever they show. `on_post`
    is awaited with all ids whenever one is added, before anything else is painted here.
    """

    def __init__(
        self, ask: Ask, key: str, limits: Limits, on_post: Posted, posted: tuple[str, ...] = ()
    ) -> None:
        self.ask = ask
        self.posted = list(posted)
        self.on_post = on_post
        self.look_first = False
        self.ticket = ask.ticket
        self.busy = False
        self.not_before = 0.0
        self.failures = 0
        self.error: PlatformError | None = None
        self._key = key
        self._limits = limits
        self._shown: list[Page | None] = [None] * len(posted)
        self._reply = Reply()
        self._pages: tuple[Page, ...] | None = ()
        self._ended = False
        self._behind_since: float | None = None
        self._finished = asyncio.Event()

    def show(self, reply: Reply, now: float) -> None:
        """Have the messages show `reply`, the complete view, as soon as the budgets allow."""
        self._reply = reply
        self._pages = None
        self._ended = reply.phase is Phase.ENDED
        if self._behind_since is None:
            self._behind_since = now
        if self._ended:
            self._settle()

    @property
    def pages(self) -> tuple[Page, ...]:
        """Cut when somebody looks, not at every word."""
        if self._pages is None:
            self._pages = reply_to_pages(self._reply, self._limits)
        return self._pages

    @property
    def up_to_date(self) -> bool:
        return self._next() is None

    @property
    def ended(self) -> bool:
        return self._ended

    async def finished(self) -> None:
        """Return when the last words can be read. Raises PlatformError when they never will be."""
        await self._finished.wait()
        if self.error is not None:
            raise self.error

    def urgency(self, now: float) -> Urgency:
        return urgency(
            shown=any(page is not None for page in self._shown),
            ended=self._ended,
            unread=unread(self.pages, tuple(self._shown)) + 1,
            waited_s=now - (self._behind_since if self._behind_since is not None else now),
        )

    def stroke(self) -> Stroke | None:
        """The next call that brings the messages closer to the reply, or None."""
        index = self._next()
        if index is None or self.error is not None:
            return None
        page = self.pages[index]
        if index < len(self.posted):
            return Edit(self.ask.place, self.posted[index], page, self.ticket)
        return Post(self.ask.place, page, f"{self._key}-{index}", self.ask.id, self.ticket)

    async def done(self, stroke: Stroke, message_id: str, now: float) -> None:
        """`stroke` was performed; `message_id` shows its page."""
        self.failures = 0
        if isinstance(stroke, Post):
            await self.found(message_id, stroke.page)
        else:
            self._shown[self.posted.index(stroke.message_id)] = stroke.page
        self._behind_since = None if self.up_to_date else now
        self._settle()

    async def found(self, message_id: str, page: Page | None = None) -> None:
        """The next message of this answer stands there as `message_id` and shows `page`, or we can't tell what."""
        self.posted.append(message_id)
        self._shown.append(page)
        await self.on_post(tuple(self.posted))

    def fail(self, error: PlatformError) -> None:
        """Nothing more can be shown here."""
        self.error = error
        self._finished.set()

    def _next(self) -> int | None:
        for index, page in enumerate(self.pages):
            if index >= len(self._shown) or self._shown[index] != page:
                return index
        return None

    def _settle(self) -> None:
        if self._ended and self.up_to_date:
            self._finished.set()
