"""Server-sent events to the open pages: the complete view of a thread, then its changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from aiohttp import web

from bots.web import outgoing
from bots.web.answer_streams import AnswerStreams, News
from bots.web.errors import Reason, RequestError
from bots.web.http_messages import HEADERS, NEVER_STORED
from bots.web.renderer import ViewRenderer
from core.errors import StoreError

RETRY_MS = 1_000

ReadThread = Callable[[], Awaitable[dict[str, object]]]
"""Returns the complete view of a thread. Raises StoreError."""


class EventStreams:
    """`most`: the most event streams that one address may have open."""

    def __init__(self, live: AnswerStreams, renderer: ViewRenderer, heartbeat_s: float, most: int) -> None:
        self._live = live
        self._renderer = renderer
        self._heartbeat_s = heartbeat_s
        self._most = most
        self._open: dict[str, dict[int, web.Request]] = {}

    async def serve(
        self,
        request: web.Request,
        thread: str = "",
        first: ReadThread | None = None,
        later: ReadThread | None = None,
    ) -> web.StreamResponse:
        """The view that `first` returns, then changes, and what `later` returns where some of the thread may be gone.
        The blank page of a new thread has neither, and gets changes of the list alone.

        What changed while the first was read is sent again after it: a view replaces the one before it, so nothing is
        lost and nothing doubled. Raises RequestError, and what `first` raises.
        """
        with self._opened(request):
            watcher = self._live.watch(thread)
            try:
                parts = [b"retry: %d\n\n" % RETRY_MS]
                if first is not None:
                    parts.append(outgoing.event("state", await first()))
                response = web.StreamResponse(
                    headers={**HEADERS, **NEVER_STORED, "X-Accel-Buffering": "no"}  # nginx: do not gather
                )
                response.content_type = "text/event-stream"
                response.charset = "utf-8"
                try:
                    await response.prepare(request)
                    await response.write(b"".join(parts))
                    while not watcher.closed:
                        news = await watcher.news(self._heartbeat_s)
                        await response.write(await self._written(news, later) or b": still here\n\n")
                except (ConnectionResetError, StoreError):
                    pass  # the page was closed, or will ask again
                return response
            finally:
                self._live.leave(thread, watcher)

    async def _written(self, news: News, later: ReadThread | None) -> bytes:
        """The events of `news`."""
        parts = [outgoing.event("message", await self._renderer.view(view)) for view in news.views]
        if news.thinking is not None:
            parts.append(outgoing.event("thinking", asdict(news.thinking)))
        if news.whole and later is not None:
            parts.append(outgoing.event("state", await later()))
        if news.listed:
            parts.append(outgoing.event("listed", {}))
        return b"".join(parts)

    @contextmanager
    def _opened(self, request: web.Request) -> Iterator[None]:
        """One more event stream of the request's address. Raises RequestError where it has as many as it may; those
        whose reader has gone, which the next heartbeat finds out, are none."""
        theirs = self._open.setdefault(request.remote or "", {})
        if sum(one.transport is not None for one in theirs.values()) >= self._most:
            raise RequestError(Reason.STREAMS)
        theirs[id(request)] = request
        try:
            yield
        finally:
            del theirs[id(request)]
            if not theirs:
                self._open.pop(request.remote or "", None)
