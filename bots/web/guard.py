"""May a request come in? A page of any other site can send requests to loopback; none of them gets through."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def host_allowed(host: str, bound: str) -> bool:
    """On loopback only loopback's names are answered, so that no other name can be made to point here.

    DNS rebinding: https://developer.mozilla.org/en-US/docs/Web/Security/Attacks (a page's own name, rebound
    to 127.0.0.1, would count as the same origin). `bound` is the address Parley listens on.
    """
    if not is_loopback(bound):
        return True
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


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
