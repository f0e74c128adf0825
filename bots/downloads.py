"""Downloads of people's files from a platform's own hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
from yarl import URL

from core.errors import Code, PlatformError
from core.ports.files import FileError
from core.values.parts import FileProblem

DEADLINE_S = 30.0
"""The longest time for one file, in seconds."""

_REDIRECTS_MAX = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 1 << 16
_EACH: Mapping[str, Any] = {
    "timeout": aiohttp.ClientTimeout(total=None),  # the deadline covers all of it
    "allow_redirects": False,
    "auto_decompress": False,
}
_PLAIN = {"Accept-Encoding": "identity"}  # a compressed body has another length, and may unpack to far more
_PROBLEMS: Mapping[int, FileProblem] = {
    HTTPStatus.UNAUTHORIZED: FileProblem.NOT_ALLOWED,
    HTTPStatus.FORBIDDEN: FileProblem.NOT_ALLOWED,
    HTTPStatus.NOT_FOUND: FileProblem.NOT_FOUND,
    HTTPStatus.GONE: FileProblem.NOT_FOUND,
}
_REFUSALS = {Code.GONE: FileProblem.NOT_FOUND, Code.NOT_ALLOWED: FileProblem.NOT_ALLOWED}


def to_file_error(error: PlatformError) -> FileError:
    """The FileError of a file whose URL the platform does not give."""
    return FileError(_REFUSALS.get(error.code, FileProblem.UNAVAILABLE), error.detail)


class WebPageError(FileError):
    """The host answered with a web page in place of a file, as for a visitor who is not signed in."""

    def __init__(self) -> None:
        super().__init__(FileProblem.NOT_ALLOWED, "a web page in place of the file")


def allow_list(*hosts: str, also: str = "") -> Callable[[URL], bool]:
    """The URLs that may be fetched: https on its own port at `hosts`, and all of the origin of the URL `also`.

    A host that begins with a dot matches all of its subdomains.
    """
    origin = _origin(URL(also)) if also else None
    exact = frozenset(host for host in hosts if not host.startswith("."))
    domains = tuple(host for host in hosts if host.startswith("."))

    def allows(url: URL) -> bool:
        if not url.host or url.user is not None or url.password is not None:
            return False
        own = url.host in exact or url.host.endswith(domains)
        return (own and url.scheme == "https" and url.is_default_port()) or _origin(url) == origin

    return allows


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port


async def download(
    session: aiohttp.ClientSession,
    url: str,
    *,
    allows: Callable[[URL], bool],
    limit: int,
    expected_size: int = 0,
    headers: Mapping[str, str] | None = None,
    page: bool = False,
    proxy: str | None = None,
    deadline_s: float = DEADLINE_S,
) -> bytes:
    """The content at `url`: at most `limit` bytes, and exactly `expected_size` where that is not 0.

    Follows up to 3 redirects, each to a URL that `allows` accepts; `headers` are sent to those alone. `page`: the file
    itself may be a web page. Raises FileError and nothing else: TOO_LARGE, MISMATCH (another length than expected),
    NOT_FOUND, NOT_ALLOWED, UNAVAILABLE (also after `deadline_s` seconds); and WebPageError.
    """
    if expected_size > limit:
        raise FileError(FileProblem.TOO_LARGE, f"announced: {expected_size} bytes")
    try:
        async with asyncio.timeout(deadline_s):
            get = partial(session.get, headers={**(headers or {}), **_PLAIN}, proxy=proxy, **_EACH)
            content = await _content(get, URL(url), allows, limit, page)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise FileError(FileProblem.UNAVAILABLE, type(error).__name__) from None  # its text may name the URL
    if expected_size and len(content) != expected_size:
        raise FileError(FileProblem.MISMATCH, f"{len(content)} bytes in place of {expected_size}")
    return content


async def _content(
    get: Callable[[URL], AbstractAsyncContextManager[aiohttp.ClientResponse]],
    url: URL,
    allows: Callable[[URL], bool],
    limit: int,
    page: bool,
) -> bytes:
    for _ in range(_REDIRECTS_MAX + 1):
        if not allows(url):
            raise FileError(FileProblem.UNAVAILABLE, "not on a host of the platform")
        async with get(url) as response:
            if response.status not in _REDIRECTS:
                return await _body(response, limit, page)
            url = url.join(URL(response.headers.get("Location", "")))
    raise FileError(FileProblem.UNAVAILABLE, "too many redirects")


async def _body(response: aiohttp.ClientResponse, limit: int, page: bool) -> bytes:
    if response.status != HTTPStatus.OK:
        problem = _PROBLEMS.get(response.status, FileProblem.UNAVAILABLE)
        raise FileError(problem, f"HTTP {response.status}")
    if not page and response.content_type == "text/html":
        raise WebPageError
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FileError(FileProblem.UNAVAILABLE, "compressed, against the request")
    if (response.content_length or 0) > limit:
        raise FileError(FileProblem.TOO_LARGE, f"announced: {response.content_length} bytes")
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        content += chunk
        if len(content) > limit:
            raise FileError(FileProblem.TOO_LARGE, f"over {limit} bytes")
    return bytes(content)
