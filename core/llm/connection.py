"""The HTTP connections to one endpoint."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import cast

import httpx

from core.clock import Clock
from core.llm.decompression import Inflate
from core.llm.errors import from_response
from core.llm.network import create_tls, proxy_for
from core.llm.transport import PoolTransport

CONNECT_S = 5.0
WRITE_S = 30.0
_OWN_HEADERS = {
    "Accept": "text/event-stream, application/json",
    "Accept-Encoding": "identity",  # proxies hold compressed streams back
    "User-Agent": "parley",
}


Guard = Callable[[httpx.AsyncBaseTransport, httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]


def create_http(
    base_url: str,
    key: str,
    clock: Clock,
    read_s: float,
    headers: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    guard: Guard | None = None,
) -> httpx.AsyncClient:
    """A client for `base_url` that follows no redirect and raises ModelError for one. `headers` are added to every
    request. `environment` names proxies and certificates. `guard` wraps what makes the connections, of which it gets
    those without the proxy first.

    Raises SettingsError for a variable of it that can't be used.
    """

    async def refuse_redirect(response: httpx.Response) -> None:
        # httpx parses the target even without following it, and fails on some addresses.
        if response.has_redirect_location:
            raise from_response(response.status_code, headers_of(response), b"", clock.now(), key)

    proxy = proxy_for(base_url, os.environ if environment is None else environment)
    tls = create_tls(os.environ)
    through = PoolTransport(tls, proxy)
    return httpx.AsyncClient(
        timeout=httpx.Timeout(read_s, connect=CONNECT_S, write=WRITE_S, pool=CONNECT_S),
        follow_redirects=False,
        trust_env=False,
        transport=through if guard is None else guard(PoolTransport(tls), through),
        headers={**(headers or {}), **_OWN_HEADERS},
        event_hooks={"response": [refuse_redirect]},
    )


def bearer(key: str) -> dict[bytes, bytes]:
    """The Authorization header with `key`."""
    return {b"Authorization": b"Bearer " + key.encode()}


def headers_of(response: httpx.Response) -> dict[str, str]:
    """The headers by their lower-case names."""
    return {name.lower(): value for name, value in response.headers.items()}


async def close_response(response: httpx.Response) -> None:
    """Close the response, also where the task is cancelled meanwhile.

    httpx marks a response as closed before it closes it: one that is interrupted holds its connection forever.
    """
    closing = asyncio.create_task(response.aclose())
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait([closing])
        raise


async def pieces_of(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The raw body as it arrives; the caller closes the response (`close_response`).

    httpx's own readers decompress without a limit, and close the response in the call that reads its end, where a
    deadline may interrupt them.
    """
    inflate = Inflate(response.headers.get("content-encoding", ""))
    stream = cast("httpx.AsyncByteStream", response.stream)
    async with aclosing(cast("AsyncGenerator[bytes, None]", aiter(stream))) as raw:
        async for data in raw:
            for number, piece in enumerate(inflate.feed(data)):
                if number:
                    await asyncio.sleep(0)
                yield piece
