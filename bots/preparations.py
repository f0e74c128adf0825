"""Prepares, once Parley is ready, what a start leaves out and the first questions would wait for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from core.clock import Clock
from core.errors import SettingsError
from core.llm.errors import compile_patterns
from core.llm.network import create_tls
from core.settings.channel import SETTINGS
from storage.steps import STEPS_BY_KIND
from storage.tasks import TASKS

LOOK_S = 0.5
LONGEST_S = 10.0
"""Seconds after which it is prepared at the latest: a platform that can't be reached is not ready for long."""


async def prepare(is_ready: Callable[[], bool], clock: Clock) -> None:
    """Return when it is done, in a thread: the event loop runs meanwhile."""
    until = clock.monotonic() + LONGEST_S
    await clock.sleep(LOOK_S)  # it is ready already: who waits for that is to see it first
    while not is_ready() and clock.monotonic() < until:
        await clock.sleep(LOOK_S)
    await asyncio.to_thread(_prepare)


def _prepare() -> None:
    """A tenth of a second of the processor."""
    compile_patterns()
    with suppress(SettingsError):  # the first connection says so
        create_tls(os.environ)
    for setting in SETTINGS.values():
        setting.prepare()
    TASKS.prepare()
    STEPS_BY_KIND.prepare()
