"""May a request come in? A page of any other site can send requests to this address; none of them gets through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_ENTRY = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::\d{1,5})?|\[[0-9a-f:.]+\](?::\d{1,5})?")
_OF_PROXIES = (
    *("forwarded", "x-forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-original-"),
    *("cf-", "true-client-ip", "cdn-loop", "fastly-", "fly-", "x-envoy-", "x-azure-", "x-amzn-", "x-amz-cf-"),
)
"""The beginnings of headers that proxies add."""
_NEVER_IN_A_HOST = frozenset("@/\\?#%, \t")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names under which HTTP requests are answered: those of loopback for any address `bound`; that address,
    where it is one and not all of them; and `names` (see `names_of`).

    A page's own name can be made to point at any address (DNS rebinding) and would then count as the same origin:
    https://developer.mozilla.org/en-US/docs/Web/Security/Attacks. Its requests still carry that name as their Host.
    """

    bound: str = "127.0.0.1"
    names: frozenset[str] = frozenset()

    @property
    def alone(self) -> bool:
        """True if only people of this machine have access: no other address is bound, and no proxy forwards
        other names."""
        return is_loopback(self.bound) and all(is_loopback(_split(name)[0]) for name in self.names)

    def allows(self, host: str) -> bool:
        """True if a request with this Host header is answered."""
        name, port = _split(host)
        if not name:
            return False
        known = self.names | ({_plain(self.bound)} if not _is_unspecified(self.bound) else frozenset())
        below = (f"*.{name[dot + 1 :]}" for dot, letter in enumerate(name) if letter == ".")
        spelt = {f"{one}{end}" for one in (name, *below) for end in ("", f":{port}")}
        return is_loopback(name) or bool(spelt & known)


def names_of(listed: str) -> frozenset[str]:
    """The names in a list such as `chat.example, *.corp.example, 10.0.0.5:8080`: an entry with a port allows that port
    only, one with `*.` every name below it. Raises ValueError for an entry that is none of these."""
    entries = [entry.strip().lower() for entry in listed.split(",") if entry.strip()]
    if wrong := [f"{entry!r}" for entry in entries if not _ENTRY.fullmatch(entry)]:
        raise ValueError(f"{' and '.join(wrong)} is not like chat.example, *.corp.example or 10.0.0.5:8080")
    return frozenset(entries)


def is_loopback(name: str) -> bool:
    """True if a host name or address is this machine's own."""
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def is_direct(headers: Mapping[str, str], version: tuple[int, int]) -> bool:
    """True if nothing shows that a proxy has passed a request on.

    nginx adds no header unless it is told to, but sends HTTP/1.0 or `Connection: close`, which no browser does:
    https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_http_version
    """
    given = {name.lower(): value for name, value in headers.items()}
    closes = given.get("connection", "").strip().lower() == "close"
    return version >= (1, 1) and not closes and not any(name.startswith(_OF_PROXIES) for name in given)


def same_origin(headers: Mapping[str, str], host: str) -> bool:
    """Was this sent by our own page, or by no browser at all?

    Browsers say where a request comes from and no script can forge it; `same-site` is not enough, since every
    port of localhost is one site. https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("Origin")
    return origin is None or origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def _split(host: str) -> tuple[str, int | None]:
    """Name (an IPv6 address in brackets) and port of a Host header; an empty name where it is malformed."""
    if _NEVER_IN_A_HOST & set(host):
        return "", None
    try:
        parts = urlsplit(f"//{host}")
        return _plain((parts.hostname or "").rstrip(".")), parts.port
    except ValueError:
        return "", None


def _plain(name: str) -> str:
    """A name as `names_of` spells it."""
    name = name.lower().strip("[]")
    return f"[{name}]" if ":" in name else name


def _is_unspecified(address: str) -> bool:
    try:
        return ip_address(address.strip("[]")).is_unspecified
    except ValueError:
        return not address
