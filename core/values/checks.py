"""Checks of the installation by `parley doctor`, and what they find."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit


class CheckStatus(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    """Something is missing that Parley can do without, or could not be verified."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `check` names its subject in a few words, `detail` says what was found, and `todo` what
    to do about it; empty where nothing is to be done. None of them holds a secret. `unreached`: the hosts without which
    nothing could be found out."""

    check: str
    status: CheckStatus
    detail: str
    todo: str = ""
    unreached: tuple[str, ...] = ()


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check, CheckStatus.OK, detail)


def warning(check: str, detail: str, todo: str = "") -> Finding:
    """Parley works without it, or it could not be verified."""
    return Finding(check, CheckStatus.WARNING, detail, todo)


def failed(check: str, detail: str, todo: str, *unreached: str) -> Finding:
    """Something that is set does not work, for lack of the hosts that were not reached if there are any."""
    return Finding(check, CheckStatus.FAILED, detail, todo, unreached)


def host_of(url: str) -> str:
    """Host and port of a URL, without a name or password."""
    return urlsplit(url).netloc.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Check:
    """One check, which may find several things. `run` ends by itself or is cancelled after `limit_s` seconds; it raises
    nothing that it can explain. `patience`: the time that it may take, in words, where that is long."""

    name: str
    run: Callable[[], Awaitable[Sequence[Finding]]]
    limit_s: float = 20.0
    patience: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """A host that Parley connects to: any URL of it, and its use. `proxy`: the URL of the proxy in between, which may
    hold a password; empty where there is none."""

    url: str
    use: str
    proxy: str = ""
