"""SIGHUP: reads `.env`, `parley.toml` and the files of secrets anew, and applies what needs no restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from bots.config import Config
from bots.config_changes import changes_of, not_reread
from core.errors import SettingsError

log = structlog.get_logger()


class Reload:
    """Applies the settings that were changed, once for each request, by `apply`. `current` returns those in force.

    Where anything is wrong, nothing changes, and each problem is logged.
    """

    def __init__(self, current: Callable[[], Config], apply: Callable[[Config], None]) -> None:
        self._current = current
        self._apply = apply
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Have the settings read. Returns at once."""
        self._requested.set()

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            try:
                await self._read()
            except Exception:  # the settings in force stay
                log.exception("reload_crashed")

    async def _read(self) -> None:
        try:
            config = await asyncio.to_thread(Config.load)
        except SettingsError as error:
            for line in error.lines:
                log.error("setting_refused", problem=line)
            for line in error.warnings:
                log.warning("setting_not_read", problem=line)
            log.error("settings_not_reloaded", problems=len(error.lines))
            return
        for line in config.warnings:
            log.warning("setting_not_read", problem=line)
        changes = changes_of(self._current(), config)
        if changes.reloaded:
            self._apply(config)
        log.info(
            "settings_reloaded",
            changed=", ".join(changes.reloaded) or "nothing",
            needs_restart=", ".join(changes.restart) or "nothing",
            not_reread=not_reread(config, Path.cwd()),
        )
