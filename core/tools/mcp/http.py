"""Streamable HTTP with bounds on the data of a server, and without the SDK's way of ending with a request.

In the SDK, a request that can't be sent ends the client and all its calls
(https://github.com/modelcontextprotocol/python-sdk/issues/3560), and a JSON body may be of any size.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from ssl import SSLContext
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.inbound import MCP_METHOD_HEADER
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, INVALID_PARAMS, PARSE_ERROR

from core.llm.network import create_tls, proxy_for
from core.tools.config import LONGEST_S, ToolServer, revealed
from core.tools.mcp.tokens import EventTokenCounter, has_too_many_tokens

LONGEST_MESSAGE = 4_000_000
"""Bytes of one message of a server. It holds 3 MB of a picture."""
NOT_SENT = "not sent"
"""The data of an error whose request never reached the server."""
MESSAGE_TOO_LONG = "the message is too long"
CUT_OFF = "the message was cut off"

_LISTEN = "subscriptions/listen"
_CONNECT_S, _WRITE_S, _LEAVE_S = 5.0, 30.0, 2.0
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


@asynccontextmanager
async def http_transport(server: ToolServer) -> AsyncGenerator[tuple[Any, Any], None]:
    """The streams of a connection to `server.url`. Redirects to another origin are refused by the SDK.

    Raises SettingsError for a variable of proxies or certificates that can't be used.
    """
    async with (
        _BoundedClient(
            headers={**revealed(server.headers), "Accept-Encoding": "identity", "User-Agent": "parley"},
            trust_env=False,
            proxy=proxy_for(server.url, os.environ),
            verify=_tls(),
        ) as http,
        streamable_http_client(server.url, http_client=http, max_sse_event_size=LONGEST_MESSAGE) as streams,
    ):
        yield streams


@cache
def _tls() -> SSLContext:
    return create_tls(os.environ)


class _BoundedClient(httpx2.AsyncClient):
    """Answers a request that can't be sent, or whose answer can't be used, with a JSON-RPC error."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Raises httpx2.TransportError for requests other than POST only: the SDK expects that of them."""
        request.extensions["timeout"] = _timeout(request).as_dict()
        try:
            response = await super().send(request, **options)
        except httpx2.TransportError as error:
            if request.method != "POST":
                raise
            unsent = isinstance(error, _NEVER_SENT)
            return _to_error(request, CONNECTION_CLOSED, type(error).__name__, NOT_SENT if unsent else "")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            return _to_error(request, PARSE_ERROR, "the answer is compressed")
        if response.status_code >= 400 and kind != "application/json" and response.status_code != 404:
            await response.aclose()
            code = INTERNAL_ERROR if response.status_code >= 500 else INVALID_PARAMS
            return _to_error(request, code, f"HTTP {response.status_code}")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        bounded = _EventStream if kind == "text/event-stream" else _WholeBody
        response.stream = bounded(response.stream)
        return response


def _timeout(request: httpx2.Request) -> httpx2.Timeout:
    """A stream of the server's own messages may be silent; a call has its own limit; leaving is not waited for."""
    listens = request.headers.get(MCP_METHOD_HEADER) == _LISTEN
    read_s = None if listens else {"GET": None, "DELETE": _LEAVE_S}.get(request.method, LONGEST_S + 10)
    return httpx2.Timeout(read_s, connect=_CONNECT_S, write=_WRITE_S, pool=_CONNECT_S)


def _to_error(request: httpx2.Request, code: int, message: str, data: str = "") -> httpx2.Response:
    error = {"code": code, "message": message, "data": data}
    return httpx2.Response(502, json={"jsonrpc": "2.0", "id": None, "error": error}, request=request)


class _WholeBody(httpx2.AsyncByteStream):
    """A body in one piece. Reading raises httpx2.StreamError for one that is too long or cut off: the SDK reports
    that, while other errors end its client."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = bytearray()
        try:
            async for piece in self._stream:
                if len(body) + len(piece) > LONGEST_MESSAGE:
                    raise httpx2.StreamError(MESSAGE_TOO_LONG)
                body += piece
        except httpx2.TransportError:
            raise httpx2.StreamError(CUT_OFF) from None
        if has_too_many_tokens(body):
            raise httpx2.StreamError(MESSAGE_TOO_LONG)
        yield bytes(body)

    async def aclose(self) -> None:
        await self._stream.aclose()


class _EventStream(httpx2.AsyncByteStream):
    """Reading raises httpx2.SSEError for a message with too many tokens: the SDK answers the request with that. It
    bounds the length of a message itself."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        tokens = EventTokenCounter()
        async for piece in self._stream:
            if tokens.feed(piece):
                raise httpx2.SSEError(MESSAGE_TOO_LONG)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
