"""The HTTP server: health and metrics for operators, and the routes of platforms."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from aiohttp import web
from aiohttp.http import HttpProcessingError

from bots.connections import HEAD_S, Connections, CountedSite, most_connections
from core.errors import SettingsError

OPEN_PATHS = ("/livez", "/readyz")
"""Answered under any Host name: probes use the bare address."""

_CLIENT_FAULTS = (HttpProcessingError, web.RequestPayloadError, ConnectionResetError)

Refuse = Callable[[web.Request], web.Response | None]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@runtime_checkable
class Routed(Protocol):
    """A platform that brings pages or endpoints of its own."""

    signed_paths: Collection[str]
    """Paths whose requests are signed: they are answered under any Host name."""

    def routes(self) -> list[web.RouteDef]: ...

    def shown_at(self, address: str) -> str:
        """The line of the start that tells operators of the routes, which are below `address`."""
        ...


class HttpServer:
    """`GET /livez` answers while the loop turns, `GET /readyz` 200 only when all of `parts` are ready, `GET /metrics`
    the text of `metrics` for Prometheus. A response that `refuse` returns is sent instead, except for the first two
    and `signed_paths`.

    A connection may be without a whole request head for `head_s`, and at most `most` are held (`bots.connections`).
    `reasons` says why parts are down."""

    def __init__(
        self,
        host: str,
        port: int,
        parts: Mapping[str, Callable[[], bool]],
        routes: Iterable[web.AbstractRouteDef],
        metrics: Callable[[], bytes],
        refuse: Refuse = lambda _: None,
        reasons: Callable[[], Mapping[str, str]] = dict,
        *,
        signed_paths: Iterable[str] = (),
        head_s: float = HEAD_S,
        most: int | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._parts = parts
        self._metrics = metrics
        self._connections = Connections(most or most_connections())
        self._reasons = reasons
        self.stopping = False
        middlewares = [self._connections.middleware, _refusing(refuse, {*OPEN_PATHS, *signed_paths})]
        app = web.Application(client_max_size=1024 * 1024, middlewares=middlewares)
        own = {"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._counted}
        app.add_routes([*(web.get(path, show) for path, show in own.items()), *routes])
        self._runner = web.AppRunner(
            app, logger=_logger(), access_log=None, shutdown_timeout=1.0, keepalive_timeout=head_s
        )

    async def start(self) -> str:
        """Listen, and return the address. Raises SettingsError where that is not possible."""
        await self._runner.setup()
        site = CountedSite(self._runner, self._host, self._port, self._connections)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            raise SettingsError(
                f"PARLEY_HTTP_PORT: can't listen on {self._host}:{self._port} ({reason.lower()}); choose another port"
            ) from None
        port = self._runner.addresses[0][1]
        shown = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{shown}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        state = {name: is_ready() for name, is_ready in self._parts.items()}
        ready = all(state.values()) and not self.stopping
        why = {name: reason for name, reason in self._reasons().items() if not state.get(name, True)}
        shown = {"ready": ready, "stopping": self.stopping, **state} | ({"why": why} if why else {})
        return web.json_response(shown, status=200 if ready else 503)

    async def _counted(self, _request: web.Request) -> web.Response:
        """https://prometheus.io/docs/instrumenting/exposition_formats/"""
        return web.Response(
            body=self._metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )


def _refusing(refuse: Refuse, open_paths: Collection[str]) -> Any:
    """Asks `refuse` about each request but those to `open_paths`, whether there is such a path or not."""

    @web.middleware
    async def refusing(request: web.Request, handler: _Handler) -> web.StreamResponse:
        refused = None if request.path in open_paths else refuse(request)
        return await handler(request) if refused is None else refused

    return refusing


def _logger() -> logging.Logger:
    """The logger of our own faults. Faults of clients are answered with a status and not logged, since any
    client could fill the log with them."""
    logger = logging.getLogger("parley.http")
    logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], _CLIENT_FAULTS))
