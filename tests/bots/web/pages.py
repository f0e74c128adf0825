"""Requests and event streams of an open page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import uuid4

from aiohttp import ClientResponse, ClientSession

from tests.waiting import HANG_S

Client = ClientSession


class Served(Protocol):
    """A page that is served at `url`."""

    @property
    def url(self) -> str: ...


async def ask(client: Client, home: Served, text: str = "Hello", **fields: object) -> dict[str, str]:
    body = {"text": text, "client_id": str(uuid4()), **fields}
    async with client.post(f"{home.url}/api/asks", json=body) as response:
        assert response.status == 202, await response.text()
        answer: dict[str, str] = await response.json()
        return answer


async def thread_of(client: Client, home: Served, thread: str) -> list[dict[str, Any]]:
    async with client.get(f"{home.url}/api/threads/{thread}") as response:
        assert response.status == 200
        messages: list[dict[str, Any]] = (await response.json())["messages"]
        return messages


class Stream:
    """The events of one thread, as a browser's EventSource reads them."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.comments = 0

    async def next(self) -> tuple[str, Any]:
        name = ""
        async with asyncio.timeout(HANG_S):
            while line := (await self.response.content.readline()).decode():
                if line.startswith(":"):
                    self.comments += 1
                elif line.startswith("event: "):
                    name = line.removeprefix("event: ").strip()
                elif line.startswith("data: "):
                    return name, json.loads(line.removeprefix("data: "))
        raise EOFError

    async def until(self, text: str) -> list[str]:
        """The texts of the answer up to `text`."""
        texts: list[str] = []
        while not texts or texts[-1] != text:
            name, data = await self.next()
            views = data["messages"] if name == "state" else [data] if name == "message" else []
            texts += [view["text"] for view in views if view["mine"]]
        return texts


@asynccontextmanager
async def events(client: Client, home: Served, thread: str) -> AsyncIterator[Stream]:
    async with client.get(f"{home.url}/api/threads/{thread}/events", read_bufsize=1 << 20) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Stream(response)


async def error(response: ClientResponse) -> tuple[int, str]:
    body = await response.json()
    assert body["error"]["message"]
    return response.status, body["error"]["code"]
