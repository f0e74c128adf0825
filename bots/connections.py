"""The limit of the HTTP server's connections, and the choice of the one that is closed when there are too
many."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

MOST = 256
SHARE = 4
"""One file handle in so many is for HTTP: chats, the database and the model need the others."""

BACKLOG = 32
"""The most connections that are accepted in one turn of the event loop, before any of them can be closed
again."""

HEAD_S = 15.0
"""The longest time without a whole request head, from the beginning of a connection or its last answer, in
seconds."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def most_connections() -> int:
    """`MOST`, or fewer where this process may open few files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft // SHARE))


class Connections:
    """Holds at most `most` connections. A further one takes the place of the one that has been without a whole request
    for longest: first of those without a head, then of those without all of its body. Where all are being answered,
    the new one is closed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: dict[asyncio.Transport, None] = {}
        self._busy: dict[asyncio.Transport, web.Request] = {}

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    def opened(self, transport: asyncio.Transport) -> None:
        self._idle[transport] = None
        if len(self) > self._most:
            incomplete = (one for one, request in self._busy.items() if not request.content.is_eof())
            gone = next((one for one in self._idle if one is not transport), None) or next(
                incomplete, transport
            )
            self.closed(gone)
            gone.abort()

    def closed(self, transport: asyncio.Transport) -> None:
        self._idle.pop(transport, None)
        self._busy.pop(transport, None)

    def guard(self, server: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """The protocols that `server` makes, counted."""
        return lambda: _Counted(server(), self)

    @property
    def middleware(self) -> Any:
        """A middleware that counts connections with an open request as busy."""

        @web.middleware
        async def answering(request: web.Request, handler: _Handler) -> web.StreamResponse:
            transport = request.transport
            if not isinstance(transport, asyncio.Transport) or transport not in self._idle:
                return await handler(request)
            del self._idle[transport]
            self._busy[transport] = request
            try:
                return await handler(request)
            finally:
                if self._busy.pop(transport, None) is not None:
                    self._idle[transport] = None

        return answering


class _Counted(asyncio.Protocol):
    """Passes everything on to `inner`, and reports the beginning and the end of the connection."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self._inner = inner
        self._connections = connections
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)
        self._connections.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._connections.closed(self._transport)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


class CountedSite(web.BaseSite):
    """A TCP port whose connections are counted. Raises OSError where it can't be bound."""

    def __init__(self, runner: web.BaseRunner, host: str, port: int, connections: Connections) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._host = host
        self._port = port
        self._connections = connections

    @property
    def name(self) -> str:
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        guarded = self._connections.guard(server)
        self._server = await loop.create_server(guarded, self._host, self._port, backlog=self._backlog)
