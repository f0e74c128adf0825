"""Network errors in the words of an operator. Pure: no library's words, and no name of an exception."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum


class ConnectionProblem(StrEnum):
    """The reason why a connection fails, in words."""

    NAME = "its name can't be resolved"
    REFUSED = "the connection is refused"
    CERTIFICATE = "its certificate is not trusted"
    TLS = "TLS fails"
    TIME = "no answer in time"
    NO_ROUTE = "there is no route to it"
    NO_SOCKET = "its socket is not there"
    FORBIDDEN = "this machine forbids the connection"
    CUT = "the connection was cut"
    FAILED = "the connection failed"

    @property
    def begun(self) -> bool:
        """True if there was a connection."""
        return self is ConnectionProblem.CUT


_BY_CLASS: tuple[tuple[type[BaseException], ConnectionProblem], ...] = (
    (socket.gaierror, ConnectionProblem.NAME),
    (ssl.SSLCertVerificationError, ConnectionProblem.CERTIFICATE),
    (ssl.SSLError, ConnectionProblem.TLS),
    (ConnectionRefusedError, ConnectionProblem.REFUSED),
    (FileNotFoundError, ConnectionProblem.NO_SOCKET),
    (PermissionError, ConnectionProblem.FORBIDDEN),
    (ConnectionResetError, ConnectionProblem.CUT),
    (ConnectionAbortedError, ConnectionProblem.CUT),
    (BrokenPipeError, ConnectionProblem.CUT),
    (TimeoutError, ConnectionProblem.TIME),
)
_BY_NUMBER = {
    errno.ECONNREFUSED: ConnectionProblem.REFUSED,
    errno.ENETUNREACH: ConnectionProblem.NO_ROUTE,
    errno.EHOSTUNREACH: ConnectionProblem.NO_ROUTE,
    errno.EADDRNOTAVAIL: ConnectionProblem.NO_ROUTE,
    errno.ETIMEDOUT: ConnectionProblem.TIME,
    errno.ENOENT: ConnectionProblem.NO_SOCKET,
}
_NUMBERS = re.compile(r"\[Errno (\d+)\]")


def connection_problem(error: BaseException | None) -> ConnectionProblem:
    """The problem by the errors of the system that caused `error`; FAILED where there are none."""
    found = [problem for one in _causes(error) if (problem := _problem(one)) is not None]
    return found[-1] if found else ConnectionProblem.FAILED


def connection_trouble(error: BaseException, otherwise: str) -> str:
    """`error` as a line that names the host, where a library tells it and the system knows the problem; else
    `otherwise`."""
    problem = connection_problem(error)
    host = next((host for one in _causes(error) if (host := getattr(one, "host", ""))), "")
    return (
        otherwise if problem is ConnectionProblem.FAILED or not host else f"{host} can't be reached: {problem}"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """`error`, and the errors that caused it, each once; the first of a group of tries."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = _cause(error)


def _cause(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    return error.__cause__ or error.__context__


def _problem(error: BaseException) -> ConnectionProblem | None:
    for known, problem in _BY_CLASS:
        if isinstance(error, known):
            return problem
    if not isinstance(error, OSError):
        return None
    # asyncio joins the errors of several addresses into one text.
    # https://github.com/python/cpython/blob/3.11/Lib/asyncio/base_events.py
    numbers = [error.errno] if error.errno else map(int, _NUMBERS.findall(str(error)))
    return next((_BY_NUMBER[number] for number in numbers if number in _BY_NUMBER), None)
