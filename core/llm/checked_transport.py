"""Connections to endpoints that others than the operator have named: to the public Internet alone, by https.

Each address of a host is checked, and the connection goes to one of the checked addresses, so that a later answer of a
name server does not count. They are made directly: a proxy would look the host up by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx

from core.addresses import NotPublicError, Resolve, is_public, public_addresses, resolve
from core.errors import Code
from core.llm.connection import CONNECT_S
from core.llm.errors import fault

NOT_PUBLIC = (
    "its host is not on the public Internet (PARLEY_ACCOUNT_HOSTS names those that may be used all the same)"
)
NOT_HTTPS = "must begin with https://"


class CheckedTransport(httpx.AsyncBaseTransport):
    """`direct` makes the connections. `usual`: that of hosts which `trusts` names. `allows`: an address that may be
    connected to."""

    def __init__(
        self,
        direct: httpx.AsyncBaseTransport,
        usual: httpx.AsyncBaseTransport,
        trusts: Callable[[str], bool],
        resolve: Resolve = resolve,
        allows: Callable[[str], bool] = is_public,
    ) -> None:
        self._direct = direct
        self._usual = usual
        self._trusts = trusts
        self._resolve = resolve
        self._allows = allows

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises ModelError, SETTINGS, before anything is sent to a host that may not be asked, and httpx's errors."""
        # Not `host`, which decodes xn--strae-oqa.de: the resolver and TLS take what it becomes for strasse.de.
        host = request.url.raw_host.decode("ascii")
        if self._trusts(host):
            return await self._usual.handle_async_request(request)
        if request.url.scheme != "https":
            raise fault(Code.SETTINGS, NOT_HTTPS)
        failed: httpx.HTTPError | None = None
        for address in await self._checked(request, host):
            try:
                return await self._direct.handle_async_request(_to(request, host, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        assert failed is not None
        raise failed

    async def _checked(self, request: httpx.Request, host: str) -> list[str]:
        """The addresses of a host, none of which is refused."""
        try:
            async with asyncio.timeout(CONNECT_S):
                return await public_addresses(host, request.url.port or 443, self._resolve, self._allows)
        except TimeoutError:
            raise httpx.ConnectTimeout("the host was not found in time", request=request) from None
        except OSError as error:
            raise httpx.ConnectError("the host was not found", request=request) from error
        except NotPublicError:
            raise fault(Code.SETTINGS, NOT_PUBLIC) from None

    async def aclose(self) -> None:
        await self._direct.aclose()
        await self._usual.aclose()


def _to(request: httpx.Request, host: str, address: str) -> httpx.Request:
    """The same request to one address. The name stays that of the `Host` header and of the certificate."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )
