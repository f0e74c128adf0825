"""The page's room with nothing around it: a real HTTP server on a free port, the store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from bots.http import HttpServer
from bots.web import Hosts, WebConnector, refuse_host
from core.clock import SystemClock
from core.conversation.file_content import ContentReader
from core.ports.files import Extractor, Transcriber
from tests.bots.web.echo import EchoInbox
from tests.fakes.files import PlainExtractor
from tests.fakes.memory import MemoryStore


@dataclass(frozen=True, slots=True)
class App:
    url: str
    platform: WebConnector
    inbox: EchoInbox
    store: MemoryStore
    running: asyncio.Task[None]


@asynccontextmanager
async def serving_page(
    store: MemoryStore | None = None,
    *,
    port: int = 0,
    gap_s: float = 0.0,
    heartbeat_s: float = 15.0,
    hosts: Hosts | None = None,
    extractor: Extractor | None = None,
    transcriber: Transcriber | None = None,
    **limits: Any,
) -> AsyncIterator[App]:
    store, hosts = store or MemoryStore(), hosts or Hosts()
    content = ContentReader(extractor or PlainExtractor(), transcriber)
    platform = WebConnector(hosts, SystemClock(), store, content, heartbeat_s=heartbeat_s, **limits)
    inbox = EchoInbox(store, platform, gap_s)
    http = HttpServer("127.0.0.1", port, {}, platform.routes(), bytes, partial(refuse_host, hosts))
    url = await http.start()
    running = asyncio.create_task(platform.run(inbox))
    await asyncio.sleep(0)
    assert platform.ready()
    try:
        yield App(url, platform, inbox, store, running)
    finally:
        await inbox.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await http.stop()
