"""The entry point of the `parley` program. It imports little: the commands take seconds to import, and `parley run` has
to deal with signals from the first moment."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED, HUNG_UP = 128 + signal.SIGINT, 128 + signal.SIGHUP
"""The exit statuses of a start that a person ended, as shells have them."""


def main() -> None:
    """Run the command of the command line."""
    try:
        with _deaf_to_reloads(starts := sys.argv[1:2] == ["run"]):
            if starts:
                # Modules stay: to look through them for garbage is a tenth of the start. `bots.programs` enables it.
                gc.disable()
            from bots.commands import parley

            parley()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def _deaf_to_reloads(starts: bool) -> Iterator[None]:
    """While Parley `starts`, SIGHUP changes nothing, unless the terminal is gone, and Ctrl+C ends it at once: nothing
    is open that would have to be closed. `bots.programs` takes both signals over."""
    if not starts:
        yield
        return
    had_terminal = os.isatty(0)

    def hung_up(*_: object) -> None:
        if had_terminal and not os.isatty(0):
            raise SystemExit(HUNG_UP)

    former = {
        signal.SIGINT: signal.signal(signal.SIGINT, _interrupted),
        signal.SIGHUP: signal.signal(signal.SIGHUP, hung_up),
    }
    try:
        yield
    finally:
        for signum, handler in former.items():
            signal.signal(signum, handler)


def _interrupted(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second one ends it wherever it is
    raise SystemExit(INTERRUPTED)
