"""The thread that makes the page's HTML: the event loop does not wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from aiohttp import ClientError, ClientSession

from bots.web.outgoing import MessageView
from bots.web.renderer import ViewRenderer
from core.values.events import Outcome, Receipt
from core.values.outgoing import Page, PostMessage
from core.values.ui import Button, ImmediateReply
from tests.bots.web.rig import App, serving_page
from tests.waiting import HANG_S, until

STOP = (Button("stop", "Stop", 1),)


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@contextmanager
def held(renderer: ViewRenderer) -> Iterator[threading.Event]:
    """The thread renders nothing until the event is set, or the block ends."""
    release = threading.Event()
    renderer._executor.submit(release.wait, HANG_S)
    try:
        yield release
    finally:
        release.set()


async def asked(client: ClientSession, home: App) -> str:
    body = {"text": "> quoted\n\n**Hello**", "client_id": str(uuid4())}
    async with client.post(f"{home.url}/api/asks", json=body) as response:
        thread: str = (await response.json())["thread"]
    await home.inbox.settled()
    return f"{home.url}/api/threads/{thread}"


async def html(client: ClientSession, url: str) -> list[list[str]]:
    async with client.get(url) as response:
        return [message["html"] for message in (await response.json())["messages"]]


async def test_other_requests_are_answered_while_a_message_is_rendered(client: ClientSession) -> None:
    async with serving_page() as home:
        url = await asked(client, home)
        renderer = home.platform._renderer
        with held(renderer) as release:
            waiting = asyncio.create_task(html(client, url))
            await until(lambda: renderer.waiting)
            async with client.get(f"{home.url}/api/threads") as response:
                assert response.status == 200
            assert not waiting.done()
            release.set()
            assert await waiting == [
                ["<p>quoted</p>"],
                ["<p>You said: &gt; quoted</p>", "<p><strong>Hello</strong></p>"],
            ]


async def test_a_reply_and_a_live_view_are_rendered_in_the_thread(client: ClientSession) -> None:
    async with serving_page() as home:
        url = await asked(client, home)
        renderer = home.platform._renderer
        home.inbox.told["help"] = ImmediateReply("**Help**")
        async with client.get(f"{url}/events") as stream:
            with held(renderer) as release:
                command = {"name": "help", "client_id": str(uuid4())}
                told = asyncio.create_task(client.post(f"{home.url}/api/commands", json=command).__aenter__())
                await until(lambda: renderer.waiting == 2)
                assert not told.done()
                release.set()
            assert (await (await told).json())["told"]["html"] == ["<p><strong>Help</strong></p>"]
            assert b"event: state" in await stream.content.readuntil(b"data: ")


async def test_streams_end_at_once_when_the_platform_is_stopped_while_a_message_is_rendered(
    client: ClientSession,
) -> None:
    async with serving_page() as home:
        url = await asked(client, home)
        renderer = home.platform._renderer
        async with client.get(f"{url}/events") as stream:
            await stream.content.readuntil(b"event: state")
            with held(renderer):
                place = home.inbox.events[0].place
                await home.platform.installation.perform(PostMessage(place, Page("Word"), "k"))
                await until(lambda: renderer.waiting)
                home.running.cancel()
                with pytest.raises(ClientError):
                    await stream.read()
                assert not renderer.waiting
        assert await html(client, url)


async def test_two_readers_of_a_growing_answer_share_one_rendering() -> None:
    renderer, view = ViewRenderer(), MessageView("q.1", True, "It was **going", buttons=STOP)
    first, second = await asyncio.gather(renderer.view(view), renderer.view(view))
    assert first["html"] == ("<p>It was <strong>going</strong></p>",)
    assert first["html"] is second["html"]
    renderer.close()


async def test_a_receipt_that_says_nothing_does_not_wait_for_a_rendering() -> None:
    renderer = ViewRenderer()
    with held(renderer):
        assert await renderer.receipt(Receipt(Outcome.TURN, 1)) == {}
    renderer.close()
