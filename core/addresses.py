"""The addresses of hosts, and which of them belong to the public Internet."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

_GLOBAL_6 = IPv6Network("2000::/3")
"""https://www.iana.org/assignments/ipv6-address-space. Mapped and translated IPv4 addresses are outside of it."""
_TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""They hold an IPv4 address of any kind: 6to4 and Teredo."""
_OF_CLOUDS = (IPv4Network("168.63.129.16/32"), IPv4Network("192.0.0.0/24"))
"""Public by their numbers to Python, and inside of clouds:
https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16,
https://www.iana.org/assignments/iana-ipv4-special-registry (of its `IETF Protocol Assignments`, some serve metadata)"""

_LOOK_UPS = 8
"""The most look-ups at once. A thread of one is taken for as long as the name server takes."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host. Raises OSError."""


def is_public(address: str) -> bool:
    """True if an IP address belongs to the public Internet."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if ip.is_multicast or not ip.is_global:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in cloud for cloud in _OF_CLOUDS)
    return ip in _GLOBAL_6 and not any(ip in tunnel for tunnel in _TUNNELS)


class NotPublicError(Exception):
    """A host is not on the public Internet."""


async def public_addresses(
    host: str, port: int, resolve: Resolve, allows: Callable[[str], bool] = is_public
) -> list[str]:
    """The addresses of a host, all of which `allows` passes, each once. A connection has to go to one of them: a later
    answer of the name server does not count. Raises NotPublicError and OSError."""
    try:
        addresses = await resolve(host, port)
    except UnicodeError as error:
        raise OSError("no host has such a name") from error
    if not addresses or not all(map(allows, addresses)):
        raise NotPublicError(host)
    return list(dict.fromkeys(addresses))


@dataclass(eq=False, slots=True)
class _LookUp:
    """`answer`: that of the thread, for the event loop. `waiting`: how many await it."""

    found: Future[list[str]]
    answer: asyncio.Future[list[str]]
    waiting: int = 0


class Resolver:
    """The system's resolver, in threads of its own: a slow name server holds up look-ups alone. A host is looked up
    once at a time, for all that wait for it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOK_UPS, "look-up")
        self._under_way: dict[tuple[str, int], _LookUp] = {}

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host; numbers such as 2130706433 are read too. Raises OSError and UnicodeError."""
        look_up = self._join((host, port))
        look_up.waiting += 1
        try:
            return await asyncio.shield(look_up.answer)
        finally:
            look_up.waiting -= 1
            if not look_up.waiting:
                look_up.answer.cancel()
                look_up.found.cancel()  # one that has begun goes on, and later requests join it

    def _join(self, which: tuple[str, int]) -> _LookUp:
        look_up = self._under_way.get(which)
        if look_up is None or look_up.found.done():
            found = self._threads.submit(_look_up, *which)
            look_up = self._under_way[which] = _LookUp(found, asyncio.wrap_future(found))
            found.add_done_callback(lambda _: self._under_way.pop(which, None))
        elif look_up.answer.cancelled():
            look_up.answer = asyncio.wrap_future(look_up.found)
        return look_up


def _look_up(host: str, port: int) -> list[str]:
    return [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


resolve = Resolver().resolve


def is_listed(host: str, hosts: Sequence[str]) -> bool:
    """True if an operator's list of hosts has `host`; `*.` matches all subdomains."""
    host = host.lower().rstrip(".")
    return any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in hosts)
