"""The addresses of hosts, and which of them belong to the public Internet."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

_GLOBAL_6 = IPv6Network("2000::/3")
"""https://www.iana.org/assignments/ipv6-address-space. Mapped and translated IPv4 addresses are outside of it."""
_TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""They hold an IPv4 address of any kind: 6to4 and Teredo."""
_OF_CLOUDS = (IPv4Network("168.63.129.16/32"), IPv4Network("192.0.0.0/24"))
"""Public by their numbers to Python, and inside of clouds:
https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16,
https://www.iana.org/assignments/iana-ipv4-special-registry (of its `IETF Protocol Assignments`, some serve metadata)"""

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


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host by the system's resolver, which also reads numbers such as 2130706433."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def is_listed(host: str, hosts: Sequence[str]) -> bool:
    """True if an operator's list of hosts has `host`; `*.` matches all subdomains."""
    host = host.lower().rstrip(".")
    return any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in hosts)
