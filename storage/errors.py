"""The one table in which a database's failures become StoreError."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from core.connection_problems import ConnectionProblem, connection_problem
from core.errors import StoreError


@dataclass(frozen=True, slots=True)
class Cause:
    """A class of failures.

    `signs`: prefixes of SQLite's error name or of PostgreSQL's SQLSTATE (https://sqlite.org/rescode.html,
    https://www.postgresql.org/docs/current/errcodes-appendix.html), or names of exception classes. `words`: the text
    for the operator. `retryable`: a later try may succeed. `lasting`: only a person can mend it, so that a start does
    not wait for it.
    """

    signs: tuple[str, ...]
    words: str
    retryable: bool = True
    lasting: bool = False


_LOST, _UNREACHED = "connection lost", "can't be reached"
_NEVER_BEGUN = {ConnectionProblem.REFUSED, ConnectionProblem.NAME, ConnectionProblem.NO_ROUTE}
CAUSES = (
    Cause(("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40P01", "40001"), "database is locked"),
    Cause(("SQLITE_FULL", "53100"), "disk is full"),
    Cause(("SQLITE_READONLY", "25006"), "read-only", lasting=True),
    Cause(
        ("SQLITE_CANTOPEN", "PermissionError", "NotADirectoryError", "FileExistsError", "IsADirectoryError"),
        "cannot be opened",
        lasting=True,
    ),
    Cause(("SQLITE_IOERR", "58"), "disk read or write failed"),
    Cause(("SQLITE_CORRUPT", "SQLITE_NOTADB"), "damaged, or not a database", retryable=False, lasting=True),
    Cause(("28",), "login refused", lasting=True),
    Cause(("3D000",), "no such database", lasting=True),
    Cause(("42501",), "permission denied", lasting=True),
    Cause(("53300",), "too many connections"),
    Cause(("57014", "TimeoutError"), "timed out"),
    Cause(("57P03",), "starting up or shutting down"),
    Cause(("08001", "ConnectionRefusedError", "FileNotFoundError", "gaierror"), _UNREACHED),
    Cause(("08", "57P", "OSError"), _LOST),
    Cause(("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "22", "23", "42"), "refused", retryable=False),
    Cause(("CommandError",), "made by a newer Parley", retryable=False, lasting=True),
)
"""Every known cause. The first match counts."""


def translate(error: Exception) -> StoreError:
    """The StoreError of a database's failure. Raises `error` itself where it is not a database's.

    `detail` names the driver's class and the cause: no SQL, parameter or URL.
    """
    cause = getattr(error, "orig", None) or error
    kinds = [kind.__name__ for one in (cause, error) for kind in type(one).__mro__]
    if not (
        isinstance(error, SQLAlchemyError | OSError) or _package(cause) in ("asyncpg", "sqlite3", "alembic")
    ):
        raise error
    codes = [code for name in ("sqlite_errorname", "sqlstate") if (code := getattr(cause, name, None))]
    problem = connection_problem(cause) if isinstance(cause, OSError) else ConnectionProblem.FAILED
    if problem in _NEVER_BEGUN:
        codes.append("08001")
    if getattr(error, "connection_invalidated", False):
        codes.append("08")
    for known in CAUSES:
        if any(code.startswith(known.signs) for code in codes) or any(kind in known.signs for kind in kinds):
            reason = problem if problem in _NEVER_BEGUN else _reason(cause)
            return StoreError(
                ": ".join(filter(None, (type(cause).__name__, known.words, reason))),
                retryable=known.retryable,
                cause=known.words,
                reason=reason,
                lasting=known.lasting,
            )
    return StoreError(
        f"{type(cause).__name__}: unexpected ({codes[0] if codes else 'no code'})", cause="unexpected"
    )


@contextmanager
def opening(place: str) -> Iterator[None]:
    """Has `shown` of a StoreError that is raised while the database is opened name its place."""
    try:
        yield
    except StoreError as error:
        words = error.reason or error.words
        away = error.cause in (_LOST, _UNREACHED)
        error.shown = f"no connection to {place} ({words})" if away else f"{place}: {error.words}"
        raise


def _reason(cause: BaseException) -> str:
    """The words of the system for the error that it gave, if it gave one. They name no place."""
    number = cause.errno if isinstance(cause, OSError) else None
    return os.strerror(number).lower() if number is not None and number > 0 else ""


def _package(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]
