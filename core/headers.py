"""Extra headers that an operator has sent to an endpoint: read and checked before anything connects. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import SecretStr

FROM_ENVIRONMENT = "env:"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]+")
_OURS = frozenset(
    {
        *("host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection"),
        *("accept", "accept-encoding", "te", "trailer", "upgrade", "expect", "keep-alive"),
    }
)
"""Headers that Parley sets itself."""
_SECRET = re.compile("key|token|secret|auth|password|cookie|credential|signature", re.IGNORECASE)


def read_headers(
    headers: Mapping[str, str], environment: Mapping[str, str], *, authorization: bool = False
) -> tuple[dict[str, SecretStr], list[str]]:
    """The headers with their values; `env:NAME` is replaced by the variable NAME. `authorization`: whether the header
    of that name may be among them. Of each that is wrong the reason, which names the header and the variable, if any,
    never a value."""
    read, wrong = dict[str, SecretStr](), list[str]()
    for name, given in headers.items():
        try:
            _check_name(name, read, authorization)
            read[name] = SecretStr(_sendable(name, read_value(name, given, environment)))
        except ValueError as error:
            wrong.append(f"{error}")
    return read, wrong


def _sendable(name: str, value: str) -> str:
    """`value`. Raises ValueError."""
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{name}: its value is empty, or holds what no header can carry")
    return value


def read_value(name: str, given: str, environment: Mapping[str, str]) -> str:
    """The value of `name`, which is `given`, or the variable that it names by `env:NAME`. Raises ValueError."""
    value = given.strip()
    if not value.startswith(FROM_ENVIRONMENT):
        return value
    variable = value.removeprefix(FROM_ENVIRONMENT).strip()
    if not (value := environment.get(variable, "").strip()):
        raise ValueError(f"{name}: {variable} is not set")
    return value


def is_secret(name: str, given: str) -> bool:
    """True if the header's value is one to hide: it comes from the environment, or its name says so."""
    return given.strip().startswith(FROM_ENVIRONMENT) or bool(_SECRET.search(name))


def _check_name(name: str, read: Mapping[str, SecretStr], authorization: bool) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a header")
    if name.lower() == "authorization" and not authorization:
        raise ValueError(f"{name}: is sent with the key of each account")
    if name.lower() in _OURS:
        raise ValueError(f"{name}: is Parley's own to set")
    if name.lower() in map(str.lower, read):
        raise ValueError(f"{name}: is there twice")
