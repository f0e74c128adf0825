"""Requests of httpx over the pools of httpcore, whose connections are those of `network_streams`: httpx's own transport
has no parameter for them.

https://www.python-httpx.org/advanced/transports/, https://www.encode.io/httpcore/async/
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import cast

import httpcore
import httpx

from core.llm.network_streams import StreamBackend

MOST_CONNECTIONS = 1000
_MOST_IDLE = 20
_IDLE_S = 5.0
"""Seconds for which a connection waits for another request."""
ERRORS = (
    *(httpcore.ConnectTimeout, httpcore.ReadTimeout, httpcore.WriteTimeout, httpcore.PoolTimeout),
    *(httpcore.ConnectError, httpcore.ReadError, httpcore.WriteError),
    *(
        httpcore.LocalProtocolError,
        httpcore.RemoteProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ),
)
"""The errors of httpcore. httpx has each of them by the same name."""


class PoolTransport(httpx.AsyncBaseTransport):
    """Connections with the certificates of `tls`, through `proxy` if there is one."""

    def __init__(self, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            proxy=_proxy(proxy, tls) if proxy else None,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_IDLE,
            keepalive_expiry=_IDLE_S,
            network_backend=StreamBackend(),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with _errors_of_httpx():
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    _url(request.url),
                    headers=request.headers.raw,
                    content=cast("AsyncIterable[bytes]", request.stream),
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of a response."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _errors_of_httpx():
            async for piece in cast("AsyncIterable[bytes]", self._response.stream):
                yield piece

    async def aclose(self) -> None:
        with _errors_of_httpx():
            await self._response.aclose()


def _proxy(address: str, tls: ssl.SSLContext) -> httpcore.Proxy:
    proxy = httpx.Proxy(address)
    secured = tls if proxy.url.scheme == "https" else None
    return httpcore.Proxy(_url(proxy.url), auth=proxy.raw_auth, ssl_context=secured)


def _url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


@contextmanager
def _errors_of_httpx() -> Iterator[None]:
    try:
        yield
    except ERRORS as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
