"""Tokens of stored installations that Slack may refuse: checked one after the other, and ended where it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bots.slack.errors import reason_of
from core.clock import Clock
from core.errors import Code, PlatformError, StoreError

log = structlog.get_logger(platform="slack")

_AGAIN_S = 5.0

Check = Callable[[], Awaitable[None]]
"""Raises PlatformError: BAD_TOKEN where the token is refused."""

Version = Callable[[str], Awaitable[int]]
"""The version of the tokens of a workspace. Raises StoreError."""


class DoubtedTokens:
    """Checks each doubted workspace's token by one call. `end` receives the workspaces whose token is refused, Slack's
    word for it, and the version that was refused: the workspace may install the app anew meanwhile."""

    def __init__(self, clock: Clock, version: Version, end: Callable[[str, str, int], Awaitable[None]]) -> None:
        self._clock = clock
        self._version = version
        self._end = end
        self._doubted: dict[str, Check] = {}
        self._added = asyncio.Event()

    def add(self, team: str, check: Check) -> None:
        """Have the token of a workspace checked."""
        self._doubted[team] = check
        self._added.set()

    async def run(self) -> None:
        """Check until cancelled. Where it can't be told, the workspace is checked again later."""
        while True:
            await self._added.wait()
            self._added.clear()
            for team, check in list(self._doubted.items()):
                await self._check(team, check)
            if self._doubted:
                await self._clock.sleep(_AGAIN_S)
                self._added.set()

    async def _check(self, team: str, check: Check) -> None:
        reason = ""
        try:
            version = await self._version(team)
            await check()
        except StoreError as error:
            log.warning("token_not_checked", team=team, **error.log_keys)
            return
        except PlatformError as error:
            if error.code is not Code.BAD_TOKEN:
                log.warning("token_not_checked", team=team, **error.log_keys)
                return
            cause = error.__cause__
            reason = (reason_of(cause) if isinstance(cause, PlatformError) else "") or "no token"
        try:
            if reason:
                await self._end(team, reason, version)
        except StoreError as error:
            log.warning("installation_not_ended", team=team, **error.log_keys)
            return
        if self._doubted.get(team) is check:
            del self._doubted[team]
