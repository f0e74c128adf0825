"""Addresses in settings, and those of an endpoint's calls. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit, urlunsplit

_CALL = re.compile(
    r"/(?:(?:chat/)?completions|responses|messages|embeddings|audio/\w+|images/\w+)$|(?<=/v1)/(?:chat|models)$",
    re.IGNORECASE,
)
"""The end of an address of one call. Some endpoints are at /models, so that counts behind /v1 alone."""
_NEVER_IN_A_HOST = re.compile(r"[{}<>$\"'`|^\\*]")
_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.IGNORECASE)
_SECRET = re.compile("key|token|secret|password|signature|credential", re.IGNORECASE)


def hosts_of(listed: str) -> list[str]:
    """The hosts of an operator's list; `*.` matches all subdomains."""
    return [host for entry in listed.lower().split(",") if (host := entry.strip())]


def host_list(value: str) -> str:
    """A list of hosts. Raises ValueError for an entry that is none."""
    entries = filter(None, map(str.strip, value.split(",")))
    if wrong := [f"{entry!r}" for entry in entries if not _HOST.fullmatch(entry)]:
        raise ValueError(f"{' and '.join(wrong)} is no host, such as docs.example.com or *.example.org")
    return value


def http_url(value: str) -> str:
    """`value` without its last slashes.

    Raises ValueError unless it begins with http:// or https://, and where it holds a password: addresses are shown,
    and the key has a setting of its own.
    """
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://, such as https://host/v1")
    if "@" in urlsplit(value).netloc:
        raise ValueError("must not hold a name or password; the key has a setting of its own")
    return value.rstrip("/")


def public_url(value: str) -> str:
    """The address at which browsers reach the program, without its last slashes. Raises ValueError unless it is https,
    or this machine's own."""
    value = endpoint_url(value)
    parts = urlsplit(value)
    if parts.query or (parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1")):
        raise ValueError(
            "must be the https address at which browsers reach Parley, such as https://parley.example.com"
        )
    return value


def endpoint_url(value: str) -> str:
    """The URL of a server; a query stays.

    Raises ValueError for a fragment, and for a missing or invalid host or port.
    """
    value = http_url(value.strip())
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0 and not _NEVER_IN_A_HOST.search(parts.netloc)
    except ValueError:
        has_host = False
    if not has_host or any(character.isspace() for character in value) or not _is_name(parts.hostname or ""):
        raise ValueError("is no address, such as https://host/v1")
    if "#" in value:
        raise ValueError("must not hold a # and what follows it; an address is like https://host/v1")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query.rstrip("/"), ""))


def _is_name(host: str) -> bool:
    """False where a part of a host begins as an encoded one and is none."""
    try:
        decoded = [
            part[4:].encode("ascii").decode("punycode") for part in host.split(".") if part[:4] == "xn--"
        ]
    except UnicodeError:
        return False
    return all(part.isprintable() and not part.isascii() for part in decoded)


def base_url(value: str) -> str:
    """The base URL of an endpoint of models: `endpoint_url`.

    Raises ValueError also for the URL of one call, and for a query that is no list of `name=value` or holds a key.
    """
    value = endpoint_url(value)
    parts = urlsplit(value)
    if call := _CALL.search(parts.path):
        right = urlunsplit(parts._replace(path=parts.path[: call.start()]))
        raise ValueError(f"must not end in {call[0]}, which is the address of one call: write {right}")
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError("has a query that is not name=value, such as ?api-version=preview") from None
    if secret := next((name for name, _ in pairs if _SECRET.search(name)), ""):
        raise ValueError(
            f"must not hold {secret!r} in its query, since addresses are shown; the key has a setting"
        )
    return value


def completions_url(base_url: str) -> str:
    """The URL of chat completions at that base URL. The base URL's query comes last."""
    return _below(base_url, "chat/completions")


def transcriptions_url(base_url: str) -> str:
    """The URL of audio transcriptions at that base URL. The base URL's query comes last."""
    return _below(base_url, "audio/transcriptions")


def embeddings_url(base_url: str) -> str:
    """The URL of embeddings at that base URL. The base URL's query comes last."""
    return _below(base_url, "embeddings")


def models_url(base_url: str) -> str:
    """The URL of the list of models at that base URL. The base URL's query comes last."""
    return _below(base_url, "models")


def _below(base_url: str, path: str) -> str:
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(path=f"{parts.path}/{path}"))
