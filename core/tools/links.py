"""`read_link`: the text of a page on the Internet, for the model.

Only hosts on the public Internet are asked, without credentials and cookies: each address of a host is checked, also
behind each redirect, and the connection goes to one of the checked addresses.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from core.addresses import NotPublicError, Resolve, is_public, public_addresses, resolve
from core.files.plain_text import decode
from core.ports.tools import ToolError
from core.tools.page_text import html_to_text

MOST_BYTES = 2_000_000
"""Bytes of a page that are read."""
DEADLINE_S = 10.0
"""Seconds for all of one call, redirects included."""

_REDIRECTS_MAX = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 1 << 16
_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1_024
_LONGEST_URL = 2_000
_HEADERS = {
    "User-Agent": "Parley",
    "Accept": "text/html, text/plain, application/json;q=0.9, */*;q=0.1",
    "Accept-Encoding": "identity",  # a compressed page may unpack to far more
}
_CHARSETS = frozenset(("shift_jis", "euc-jp", "euc-kr", "big5", "windows-1251", "windows-1250", "koi8-r"))
"""Encodings that `decode` does not distinguish from others."""
_TEXTS = frozenset(("application/json", "application/xml", "application/xhtml+xml", "application/javascript"))
_HTML = frozenset(("text/html", "application/xhtml+xml"))


def check_url(text: str) -> URL:
    """The URL of a page that may be asked for, as far as its text says. Raises ToolError."""
    try:
        url = URL(text.strip()).with_fragment(None)
        port = url.port
    except (ValueError, TypeError):
        raise ToolError("`url` is no address of a page, such as https://example.com/page.") from None
    if url.scheme not in _PORTS or not url.raw_host or len(text) > _LONGEST_URL:
        raise ToolError("Only http and https addresses of at most 2,000 characters can be read.")
    if url.raw_user or url.raw_password:
        raise ToolError("Addresses with a name or a password are not read.")
    if port not in _PORTS.values() and (port or 0) < _FIRST_FREE_PORT:
        raise ToolError("That port is not asked.")
    return url


@dataclass(frozen=True, slots=True)
class _Page:
    url: URL
    media_type: str
    charset: str
    content: bytes
    cut: bool


class LinkReader:
    """Reads pages. `hosts`: those of PARLEY_LINK_HOSTS, which need no approval."""

    def __init__(
        self,
        hosts: Sequence[str] = (),
        *,
        resolve: Resolve = resolve,
        allows: Callable[[str], bool] = is_public,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._hosts = frozenset(host for host in hosts if not host.startswith("*."))
        self._domains = tuple(host.removeprefix("*") for host in hosts if host.startswith("*."))
        self._resolve = resolve
        self._allows = allows
        self._deadline_s = deadline_s

    def needs_approval(self, text: str) -> bool:
        """True if a person has to approve that the page is read. A page that is refused in any case needs
        none."""
        try:
            return not self._is_listed(check_url(text))
        except ToolError:
            return False

    def _is_listed(self, url: URL) -> bool:
        host = (url.raw_host or "").lower().rstrip(".")
        return host in self._hosts or host.endswith(self._domains)

    async def read(self, text: str) -> str:
        """The text of the page at a URL. Raises ToolError."""
        url = check_url(text)
        try:
            async with asyncio.timeout(self._deadline_s):
                page = await self._follow(url)
                said = await asyncio.to_thread(_to_text, page)
        except TimeoutError:
            raise ToolError(f"The page took longer than {self._deadline_s:g} seconds.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ToolError(f"The page can't be reached ({type(error).__name__}).") from None
        end = f"\n[... only the first {MOST_BYTES:,} bytes were read ...]" if page.cut else ""
        return f"{page.url}\n\n{said}{end}"

    async def _follow(self, url: URL) -> _Page:
        """Raises ToolError, aiohttp's errors, OSError and ValueError."""
        listed = self._is_listed(url)
        for _ in range(_REDIRECTS_MAX + 1):
            found = await self._get(url)
            if isinstance(found, _Page):
                return found
            url = check_url(str(url.join(URL(found))))
            if listed and not self._is_listed(url):
                raise ToolError(f"The page refers to another one, which has to be asked for by itself: {url}")
        raise ToolError("The page refers to others too often.")

    async def _get(self, url: URL) -> _Page | str:
        """The page, or where it refers to."""
        addresses = await self._checked(url)
        connector = aiohttp.TCPConnector(resolver=_Addresses(addresses), use_dns_cache=False, force_close=True)
        jar = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=jar, auto_decompress=False) as session,
            session.get(url, headers=_HEADERS, allow_redirects=False) as response,
        ):
            if response.status in _REDIRECTS:
                return response.headers.get("Location", "")
            return await _to_page(url, response)

    async def _checked(self, url: URL) -> list[str]:
        """The addresses of the URL's host. Raises ToolError where one of them is not public."""
        try:
            return await public_addresses(url.raw_host or "", url.port or 0, self._resolve, self._allows)
        except NotPublicError:
            raise ToolError("That host is not on the public Internet, so it is not asked.") from None


class _Addresses(AbstractResolver):
    """Answers with the checked addresses, so that a later answer of a name server does not count."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        make = partial(ResolveResult, hostname=host, port=port, proto=0, flags=socket.AI_NUMERICHOST)
        return [
            make(host=one, family=socket.AF_INET6 if ":" in one else socket.AF_INET) for one in self._addresses
        ]

    async def close(self) -> None: ...


async def _to_page(url: URL, response: aiohttp.ClientResponse) -> _Page:
    """Raises ToolError where it is no text."""
    if not response.ok:
        raise ToolError(f"The page can't be had: HTTP {response.status}.")
    media_type = response.content_type
    if not (media_type.startswith("text/") or media_type in _TEXTS or media_type.endswith(("+json", "+xml"))):
        raise ToolError(f"The page is no text but {media_type}.")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ToolError("The page is compressed, against the request.")
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        content += chunk
        if len(content) > MOST_BYTES:
            break
    cut = len(content) > MOST_BYTES
    return _Page(url, media_type, (response.charset or "").lower(), bytes(content[:MOST_BYTES]), cut)


def _to_text(page: _Page) -> str:
    """Raises ToolError where it is no text."""
    known = page.content.decode(page.charset, "replace") if page.charset in _CHARSETS else decode(page.content)
    if known is None:
        raise ToolError("The page is no text.")
    said = html_to_text(known) if page.media_type in _HTML else known
    return said.strip() or "(The page has no text.)"
