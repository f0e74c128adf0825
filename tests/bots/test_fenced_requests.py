"""Requests pass the fence behind every wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from bots.fenced_requests import FencedRequest
from core.call_fence import Fence, NotSentError
from tests.waiting import until


class Server:
    """Answers on loopback once it `may_answer`."""

    def __init__(self) -> None:
        self.came = 0
        self.may_answer = asyncio.Event()
        self.url = ""

    async def handle(self, _: web.Request) -> web.Response:
        self.came += 1
        await self.may_answer.wait()
        return web.Response(text="so")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server, app = Server(), web.Application()
    app.router.add_get("/", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield server
    server.may_answer.set()
    await runner.cleanup()


async def test_a_request_that_waited_for_a_connection_is_not_written_when_it_may_not_be_any_more(
    server: Server,
) -> None:
    may_send = True
    fence = Fence(lambda: may_send)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=1), request_class=FencedRequest
    ) as session:

        async def get() -> str:
            async with session.get(server.url) as response:
                return await response.text()

        first = asyncio.create_task(get())
        await until(lambda: server.came)
        with fence.around():
            waiting = asyncio.create_task(get())
        await asyncio.sleep(0)
        may_send = False
        server.may_answer.set()
        assert await first == "so"
        with pytest.raises(NotSentError):
            await waiting
        assert not fence.sent
        assert await get() == "so", "the connection is free again, and without a fence nothing is held back"
        assert server.came == 2
