"""Everything that Parley uses of slack_sdk and slack_bolt without a promise of theirs. No other file names any of it.

Read from slack_sdk 3.47.0 and slack_bolt 1.30.0 (`READ_FROM`). Before newer ones are allowed, read
socket_mode/aiohttp/__init__.py and proxy_env_variable_loader.py of slack_sdk again.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_sdk.proxy_env_variable_loader import load_http_proxy_from_env

READ_FROM = {"slack_sdk": "3.47.0", "slack_bolt": "1.30.0"}

_CLOSE_S = 0.4
"""A peer that never answers CLOSE would hold aiohttp for 10 s."""


def aim(link: AsyncSocketModeHandler, url: str, proxy: str | None) -> None:
    """Have `link` connect to `url` first, instead of asking Slack for one."""
    link.client.wss_uri = url
    link.client.proxy = proxy


def is_open(link: AsyncSocketModeHandler) -> bool:
    """True if `link` has a connection that answers."""
    session = link.client.current_session
    return session is not None and not session.closed and not link.client.stale


def is_reconnecting(link: AsyncSocketModeHandler) -> bool:
    """True if the SDK itself is connecting again, which may succeed."""
    return link.client.connect_operation_lock.locked()


async def drop(link: AsyncSocketModeHandler) -> None:
    """Close for good, within `_CLOSE_S` however dead the peer is. `close` leaves tasks and a session behind."""
    client = link.client
    with suppress(Exception):
        async with asyncio.timeout(_CLOSE_S):
            await link.close_async()  # type: ignore[no-untyped-call]
    tasks = [client.message_processor, client.current_session_monitor, client.message_receiver]
    begun = [task for task in tasks if task is not None]
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)
    await client.aiohttp_client_session.close()


def environment_proxy(logger: logging.Logger) -> str | None:
    """The proxy that HTTPS_PROXY and its kin name, as the SDK reads them."""
    return load_http_proxy_from_env(logger)
