"""The page's room with nothing around it: a real HTTP server on a free port, the store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiohttp import web

from bots.web import WebPlatform
from core.clock import SystemClock
from tests.bots.web.echo import EchoInbox
from tests.fakes.memory import MemoryStore


@dataclass(frozen=True, slots=True)
class House:
    url: str
    platform: WebPlatform
    inbox: EchoInbox
    store: MemoryStore
    running: asyncio.Task[None]


@asynccontextmanager
async def house(
    store: MemoryStore | None = None, *, port: int = 0, gap_s: float = 0.0, heartbeat_s: float = 15.0
) -> AsyncIterator[House]:
    store = store or MemoryStore()
    platform = WebPlatform("127.0.0.1", SystemClock(), store, heartbeat_s=heartbeat_s)
    inbox = EchoInbox(store, platform, gap_s)
    app = web.Application()
    app.add_routes(platform.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    running = asyncio.create_task(platform.run(inbox))
    await asyncio.sleep(0)
    assert platform.ready()
    host, port = runner.addresses[0][:2]
    try:
        yield House(f"http://{host}:{port}", platform, inbox, store, running)
    finally:
        await inbox.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await runner.cleanup()
