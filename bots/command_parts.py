"""The parts that all commands of the command line share: their errors, their lines and the store.

`parley --help` loads this module: what reads settings and writes the log is imported where it is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import BotError, SettingsError, StoreError

if TYPE_CHECKING:
    from core.clock import SystemClock
    from core.settings.environment import CoreSettings
    from core.settings.problems import Problems
    from storage import DatabaseSettings, SqlStore

AGAIN, WRONG_SETTINGS, INTERRUPTED = 1, 2, 130
"""The exit statuses. A service manager starts the program again after the first one alone."""


@contextmanager
def errors_in_lines() -> Iterator[Problems]:
    """Errors end the program with a line each on standard error: with status 2 where a person has to mend something,
    with status 1 where the database could not be reached, so that who starts it may try again.

    Yields what is wrong so far, for the command to say it with what else it finds."""
    from core.settings.problems import Problems

    problems = Problems()
    try:
        problems.attempt(_check_key_log, os.environ)
        yield problems
        problems.check()
    except SettingsError as error:
        leave(*error.lines, *(f"warning: {line}" for line in error.warnings))
    except StoreError as error:
        passing = error.retryable and not error.lasting
        leave(f"DATABASE_URL: {error.shown}", status=AGAIN if passing else WRONG_SETTINGS)
    except BotError as error:
        leave(error.detail or str(error))


def _check_key_log(environment: MutableMapping[str, str]) -> None:
    """Raises SettingsError, and removes the variable of a file that can't be written. `ssl` opens that file for every
    context that it creates: https://docs.python.org/3/library/ssl.html#ssl.create_default_context"""
    file = environment.get("SSLKEYLOGFILE", "")
    if not file:
        return
    try:
        with Path(file).open("ab"):
            pass
    except OSError as error:
        del environment["SSLKEYLOGFILE"]
        raise SettingsError(f"SSLKEYLOGFILE: {file} can't be written: {error.strerror}") from None


def stored_settings(problems: Problems) -> tuple[DatabaseSettings, CoreSettings, SystemClock]:
    """The settings of the commands that only read the store, and the clock. Raises SettingsError."""
    from core.clock import SystemClock
    from core.log import configure
    from core.settings.environment import CoreSettings
    from core.settings.variables import Variables
    from storage import DatabaseSettings

    variables = Variables.of_process(problems)
    database, core = DatabaseSettings.read(variables, problems), CoreSettings.read(variables, problems)
    problems.check()
    configure(core.parley_log, database.secrets)
    return database, core, SystemClock()


async def open_shared(database: DatabaseSettings, clock: SystemClock) -> SqlStore:
    """The store as it is, for a command that changes workspaces. Replicas of Parley that run on it are told. Raises
    StoreError."""
    from storage import open_existing
    from storage.replicas.notices import Notices

    store = await open_existing(database, clock)
    if database.file is None:
        store.share(Notices("workspaces", lambda place: False))
    return store


def tell(line: str) -> None:
    """Print a line of the output."""
    print(_redacted(line), flush=True)


def note(line: str) -> None:
    """Print a line on standard error."""
    print(f"parley: {_redacted(line)}", file=sys.stderr, flush=True)


def _redacted(line: str) -> str:
    from core.log import redact

    return redact(line)


def leave(*lines: str, status: int = WRONG_SETTINGS) -> None:
    """End the program with these lines on standard error."""
    for line in lines:
        note(line)
    raise SystemExit(status)
