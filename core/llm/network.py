"""Proxies and certificates from the environment, read once and checked. Pure except for reading certificate files.

HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are read in either case, as curl does
(https://curl.se/docs/manpage.html#ENVIRONMENT); also SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE
(https://www.python-httpx.org/advanced/ssl/). httpx's own reading ends in a traceback for values such as
`NO_PROXY=fd00::/8`, `ALL_PROXY=socks://...` or a missing file.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from core.errors import SettingsError

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_READ_BY_HTTPX = (*_CERTIFICATES, "SSLKEYLOGFILE")
_PORTS = {"http": 80, "https": 443}
_SOCKS = {"socks": "socks5", "socks5": "socks5", "socks5h": "socks5h"}


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy for `url`, or None. Raises SettingsError with one line that names the variable of a proxy that can't
    be used."""
    try:
        where = urlsplit(url)
        port = where.port or _PORTS.get(where.scheme)
    except ValueError:  # not a valid address: the first request reports it
        return None
    host = where.hostname or ""
    name = next((name for name in _names(where.scheme) if environment.get(name, "").strip()), "")
    if not name or _is_direct(host, port, _either(environment, "no_proxy")):
        return None
    return _checked(name, environment[name].strip())


def names_certificates(environment: Mapping[str, str]) -> bool:
    """True if a variable of `environment` is about certificates, so that `create_tls` may find a fault in it."""
    return any(environment.get(name) for name in _READ_BY_HTTPX)


def create_tls(environment: Mapping[str, str]) -> ssl.SSLContext:
    """The TLS context with the trusted certificates. Raises SettingsError with one line that names the variable at
    fault."""
    file, folders = (environment.get(name, "") for name in _CERTIFICATES)
    found = (Path(file).is_file(), any(Path(folder).is_dir() for folder in folders.split(os.pathsep)))
    missing = [
        f"{name}: {value} is not there, or can't be read"
        for name, value, is_there in zip(_CERTIFICATES, (file, folders), found, strict=True)
        if value and not is_there
    ]
    if missing:
        raise SettingsError(*missing)
    try:
        return _load_certificates(*map(environment.get, _READ_BY_HTTPX))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        named = [name for name in _READ_BY_HTTPX if environment.get(name)]
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
        raise SettingsError(f"{', '.join(named) or 'certificates'}: can't be used: {reason}") from None


@lru_cache(maxsize=1)
def _load_certificates(*_named: str | None) -> ssl.SSLContext:
    """The context for these values of the variables that httpx reads itself. Loading takes longer than creating the
    rest of a client."""
    return httpx.create_ssl_context()


def _names(scheme: str) -> tuple[str, ...]:
    """The variables in order: lower case first, and the scheme's own variable before ALL_PROXY."""
    return (f"{scheme}_proxy", f"{scheme}_PROXY".upper(), "all_proxy", "ALL_PROXY")


def _either(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper(), "")


def _checked(name: str, value: str) -> str:
    proxy = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(proxy)
        port = parts.port
    except ValueError:
        raise SettingsError(f"{name}: the port of the proxy is no number from 1 to 65535") from None
    if not parts.hostname or port == 0 or " " in proxy or not proxy.isprintable():
        raise SettingsError(f"{name}: is no address of a proxy, such as http://127.0.0.1:7890")
    scheme = parts.scheme.lower()
    if scheme in _SOCKS and find_spec("socksio") is None:
        raise SettingsError(
            f"{name}: a SOCKS proxy needs the Python package httpx[socks]; install it, give the address of an HTTP "
            "proxy, or name the endpoint's host in NO_PROXY"
        )
    if scheme not in ("http", "https", *_SOCKS):
        raise SettingsError(f"{name}: a proxy must begin with http://, https:// or socks5://")
    return _SOCKS.get(scheme, scheme) + proxy[len(scheme) :]


def _is_direct(host: str, port: int | None, no_proxy: str) -> bool:
    return any(_fits(host, port, entry.strip().lower()) for entry in no_proxy.split(",") if entry.strip())


def _fits(host: str, port: int | None, entry: str) -> bool:
    """True if an entry of NO_PROXY matches `host`: its name, a parent domain, its address or its network. An entry
    with a port matches only that port."""
    if entry == "*":
        return True
    name, entry_port = _split_port(entry)
    if entry_port is not None and entry_port != port:
        return False
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:
        name = name.removeprefix("*").lstrip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))


def _split_port(entry: str) -> tuple[str, int | None]:
    """The host and port of an entry. `[fd00::1]:80` and `host:80` have a port; `fd00::1` and `fd00::/8` have none."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name + (rest if rest.startswith("/") else ""), _number(rest.removeprefix(":"))
    name, colon, rest = entry.partition(":")
    return (name, _number(rest)) if colon and ":" not in rest else (entry, None)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 5 else None
