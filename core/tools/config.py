"""The tool servers of `parley.toml`: one `[[tools]]` each. Read and checked before anything connects. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from core.errors import SettingsError
from core.headers import is_secret, read_headers, read_value
from core.redaction import is_secret as is_key
from core.settings.file_keys import FilePart, Keys
from core.settings.parley_toml import ConfigFile, read_part
from core.settings.problems import Problems
from core.settings.urls import endpoint_url
from core.values.places import Place
from core.values.tools import ToolRule

TIMEOUT_S = 30.0
"""Seconds that a call may take where the operator sets nothing else."""
LONGEST_S = 120.0
"""Seconds that a call may take while the server reports progress, and the most that `timeout_s` may be."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CHANNEL = re.compile(r"[a-z]+:\S+")


class ToolServer(FilePart):
    """An MCP server, and the operator's rules for its tools.

    It is reached at `url`, or started with `command` and its arguments. `read`, `ask` and `never` are patterns
    of tool names (`fnmatch`). `trust`: the annotations of a tool count. `channels`: where it is offered, as
    `platform:channel`; everywhere if empty. `approvers`: who may approve calls beside the asker, as
    `platform:id`. `timeout_s`: the longest a call may take without a sign of progress, in seconds. Of `headers`
    and `env`, no log or chat may hold the values that are a SecretStr.
    """

    name: str
    url: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, SecretStr | str] = {}
    headers: Mapping[str, SecretStr | str] = {}
    read: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    trust: bool = True
    channels: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    timeout_s: float = Field(TIMEOUT_S, gt=0, le=LONGEST_S)

    @field_validator("name")
    @classmethod
    def _named(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("must be a letter and at most 31 more letters, digits, _ and -")
        return value

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        """A `/` at the end stays: servers redirect to their own spelling, which costs a request each time."""
        if value:
            endpoint_url(value)
        return value.strip()

    @field_validator("channels", "approvers")
    @classmethod
    def _of_platforms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [f"{one!r}" for one in value if not _CHANNEL.fullmatch(one)]:
            raise ValueError(f"{' and '.join(wrong)} is not platform:id, as PARLEY_ALERT_CHANNEL has them")
        return value

    @classmethod
    def conflicts(cls, table: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
        """Ways to a server that exclude each other, and values that only the other way has."""
        url, command = table.get("url"), table.get("command")
        if bool(url) == bool(command):
            yield (), "needs either url or command"
        parts = command if isinstance(command, list) else []
        if parts and (not parts[0] or any("\0" in part for part in parts if isinstance(part, str))):
            yield ("command",), "names no program"
        if url and not command and table.get("env"):
            yield ("env",), "only a command has one"
        if command and not url and table.get("headers"):
            yield ("headers",), "only a url has them"

    @property
    def where(self) -> str:
        """The host, or the program that is started, for operators. Holds no secret."""
        return urlsplit(self.url).netloc if self.url else self.command[0]

    @property
    def secrets(self) -> list[str]:
        """The values that no log or chat may hold. A token is one without the word before it too."""
        given = (*self.headers.values(), *self.env.values())
        values = [value.get_secret_value() for value in given if isinstance(value, SecretStr)]
        return [part for value in values for part in {value, value.rpartition(" ")[2]} if is_key(part)]

    def offered_in(self, place: Place) -> bool:
        return not self.channels or f"{place.platform}:{place.channel}" in self.channels

    def rule(self, title: str, *, reads: bool) -> ToolRule:
        """The rule of a tool by its name at the server. `reads`: it says of itself that it only reads."""
        for rule, patterns in (
            (ToolRule.NEVER, self.never),
            (ToolRule.ASK, self.ask),
            (ToolRule.READ, self.read),
        ):
            if any(fnmatchcase(title, pattern) for pattern in patterns):
                return rule
        return ToolRule.READ if reads and self.trust else ToolRule.ASK

    def writes(self, title: str, *, reads: bool) -> bool:
        """True if a call may change something: unless the operator or a trusted tool says that it only reads."""
        return not (reads and self.trust) and self.rule(title, reads=reads) is not ToolRule.READ


def tool_servers(file: ConfigFile | None) -> tuple[ToolServer, ...]:
    """The servers of `parley.toml`, in its order; none where there is no file. Raises SettingsError with a line for
    each key at fault."""
    written = file.part("tools") if file is not None else None
    if file is None or written is None:
        return ()
    if not isinstance(written, list):
        raise SettingsError(f"{file.source}: tools: write each server as [[tools]]")
    servers, names, problems = list[ToolServer | None](), list[Any](), Problems()
    for number, values in enumerate(written):
        at = f"{file.source}: tools.{number}"
        name = values.get("name") if isinstance(values, dict) else None
        if name and name in names:
            problems.lines.append(f"{at}.name: {name!r} is there twice")
        names.append(name)
        servers.append(_server(values, file.environment, at, problems))
    problems.check()
    return tuple(server for server in servers if server is not None)


def _server(values: object, environment: Mapping[str, str], at: str, problems: Problems) -> ToolServer | None:
    """The server with the values that its `headers` and `env` name; None where something is wrong."""
    known, server = read_part(ToolServer, values, at, problems)
    given_headers, given_env = _texts(known, "headers"), _texts(known, "env")
    headers, wrong_headers = read_headers(given_headers, environment, authorization=True)
    env, wrong_env = _read_variables(given_env, environment)
    problems.lines += [f"{at}.headers: {reason}" for reason in wrong_headers]
    problems.lines += [f"{at}.env: {reason}" for reason in wrong_env]
    if server is None:
        return None
    found = {"headers": _with_plain(given_headers, headers), "env": _with_plain(given_env, env)}
    return server.model_copy(update=found)


def _texts(table: object, key: str) -> dict[str, str]:
    """The texts in the table at `key`; none where there is no such table."""
    values = table.get(key) if isinstance(table, Mapping) else None
    pairs = values.items() if isinstance(values, Mapping) else ()
    return {name: value for name, value in pairs if isinstance(value, str)}


def _read_variables(
    given: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[dict[str, SecretStr], list[str]]:
    """The values, and of each that is wrong the reason."""
    read, wrong = dict[str, SecretStr](), list[str]()
    for name, value in given.items():
        try:
            read[name] = _read_variable(name, value, environment)
        except ValueError as error:
            wrong.append(f"{error}")
    return read, wrong


def _read_variable(name: str, given: str, environment: Mapping[str, str]) -> SecretStr:
    """Raises ValueError."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a variable")
    value = read_value(name, given, environment)
    if "\0" in value:
        raise ValueError(f"{name}: its value holds what no variable can carry")
    return SecretStr(value)


def _with_plain(given: Mapping[str, str], values: Mapping[str, SecretStr]) -> dict[str, SecretStr | str]:
    """The values; those that need not be hidden, by how they were `given`, as they are."""
    return {
        name: value if is_secret(name, given[name]) else value.get_secret_value()
        for name, value in values.items()
    }


def revealed(values: Mapping[str, SecretStr | str]) -> dict[str, str]:
    """The values as they are sent."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
    }
