"""One Socket Mode connection that is kept alive.

The SDK's client answers pings, follows Slack's own `disconnect` to a fresh URL, and closes a socket whose peer
has gone silent. It does not get out of everything: it tries a dead URL for ever, and its first `connect` neither
returns nor raises while nothing answers. So a connection that stays down is thrown away whole, and a new one is
made with a new URL.

https://docs.slack.dev/apis/events-api/using-socket-mode/
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bots.slack import private
from core.clock import Clock
from core.errors import Code, PlatformError

log = structlog.get_logger(platform="slack")

# The SDK's own log lines hold URLs with secrets, and whole messages; this module logs the facts that operators need.
SDK_LOG = logging.getLogger("parley.slack.sdk")
SDK_LOG.setLevel(logging.CRITICAL + 1)

_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_LOOK_S = 0.5


class Socket:
    """`open_url` asks Slack for a URL and raises PlatformError; BAD_TOKEN ends `keep`, all else is tried again.

    aiohttp closes a socket whose peer leaves a ping, sent every `ping_interval_s`, unanswered for half of that.
    """

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        open_url: Callable[[], Awaitable[str]],
        clock: Clock,
        ping_interval_s: float,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._open_url = open_url
        self._clock = clock
        self._ping_interval_s = ping_interval_s
        self._patience_s = max(1.0, 2 * ping_interval_s)
        self._link: AsyncSocketModeHandler | None = None
        self.failure: PlatformError | None = None
        """The error of the last attempt to connect; None where Slack has given an address."""
        self.connected_at: datetime | None = None
        """The time at which it was first seen to be connected since it was last seen not to be."""

    @property
    def connected(self) -> bool:
        return self._link is not None and private.is_open(self._link)

    async def keep(self) -> None:
        """Be connected until cancelled. Raises PlatformError(BAD_TOKEN)."""
        pause_s = _PAUSE_S
        while True:
            least_s = 0.0
            try:
                url = await self._open_url()
            except PlatformError as error:
                if error.code is Code.BAD_TOKEN:
                    raise
                least_s = error.retry_after_s or 0.0
                self.failure = error
                log.warning("connection_failed", **error.log_keys)
            else:
                self.failure = None
                if await self._hold(url):
                    pause_s = _PAUSE_S
                log.warning("connection_lost")
            await self._clock.sleep(max(least_s, pause_s * random.uniform(0.5, 1.0)))  # noqa: S311
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _hold(self, url: str) -> bool:
        """Live on one SDK client for as long as it is well; whether it ever was."""
        link = AsyncSocketModeHandler(
            self._app, self._app_token, logger=SDK_LOG, ping_interval=self._ping_interval_s
        )
        private.aim(link, url, proxy_for(url))
        self._link = link
        try:
            async with asyncio.timeout(self._patience_s):
                await link.connect_async()  # type: ignore[no-untyped-call]
            down_s = 0.0
            while down_s < self._patience_s:
                self.connected_at = (self.connected_at or self._clock.now()) if self.connected else None
                await self._clock.sleep(_LOOK_S)
                reconnecting = private.is_reconnecting(link)
                down_s = 0.0 if self.connected else down_s + _LOOK_S if reconnecting else self._patience_s
        except TimeoutError:
            return False
        finally:
            self._link = self.connected_at = None
            await private.drop(link)
        return True


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names, save for this machine and NO_PROXY, which the SDK does not heed."""
    host = urlsplit(url).hostname or ""
    if _is_loopback(host) or proxy_bypass(host):
        return None
    return private.environment_proxy(SDK_LOG)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
