"""The rig of the page: an HTTP client in place of the browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web

from bots.web import Hosts, WebConnector
from core.clock import SystemClock
from core.conversation.file_content import ContentReader
from core.errors import Code
from core.ports.connector import Connector
from core.values.conversation import Ask
from core.values.outgoing import OutgoingCall, Page
from core.values.places import Place
from core.values.ui import Button
from tests.contract.rigs.rig import PageCall, Recorder, Rig, Shown, ShownReply
from tests.fakes.files import PlainExtractor
from tests.fakes.memory import MemoryStore


class WebRig(Rig):
    """The page itself: the browser is an HTTP client."""

    name = "web"
    posts_and_edits_are_limited_apart = False
    deletes = False
    has_others = False
    keeps_posts = False
    only_threads_stand_in_the_channel = True

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.inbox = Recorder(self.store.accept)
        self._sent: set[asyncio.Task[tuple[int, str]]] = set()
        self._watching: aiohttp.ClientResponse | None = None

    async def open(self) -> None:
        platform = WebConnector(Hosts(), SystemClock(), self.store, ContentReader(PlainExtractor()))
        app = web.Application()
        app.add_routes(platform.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._browser = aiohttp.ClientSession()
        self.platform = platform

    async def close(self) -> None:
        await asyncio.gather(*self._sent, return_exceptions=True)
        if self._watching is not None:
            self._watching.close()
        await self._browser.close()
        await self._runner.cleanup()

    def again(self) -> Connector:
        self.cannot("what was posted is in this process alone")

    def refused(self) -> list[tuple[str, Connector]]:
        self.cannot("there are no credentials")

    async def lose(self) -> None:
        self.cannot("it keeps no connection of its own")

    async def vanish(self) -> None:
        self.cannot("the browser is the only one outside")

    async def hang(self) -> None:
        ask = await self.ask("are you there?")
        self._watching = await self._browser.get(f"{self._url}/api/threads/{ask.place.thread}/events")
        assert self._watching.status == 200

    async def say(self, text: str) -> None:
        self._send("/api/asks", {"text": text, "client_id": str(uuid4())})

    async def follow_up(self, ask: Ask, text: str) -> None:
        self._send("/api/asks", {"text": text, "client_id": str(uuid4()), "thread": ask.place.thread})

    def _send(self, path: str, body: dict[str, object]) -> None:
        self._sent.add(asyncio.create_task(self._posted(path, body)))

    async def _posted(self, path: str, body: dict[str, object]) -> tuple[int, str]:
        async with self._browser.post(self._url + path, json=body) as response:
            return response.status, await response.text()

    async def edit(self, ask: Ask, text: str) -> None:
        self.cannot("what was said cannot be edited")

    async def delete(self, ask: Ask) -> None:
        self.cannot("what was said cannot be deleted")

    async def press(self, ask: Ask, message_id: str, button: Button) -> None:
        view = next(view for view in await self._views(ask.place) if view["id"] == message_id)
        found = next(found for found in view["buttons"] if found["label"] == button.label)
        body = {"action": found["action"], "turn_id": found["turn_id"], "thread": ask.place.thread}
        self._send("/api/presses", body)

    async def command(self, text: str) -> None:
        self.cannot("what is a command is said like a question")

    async def bot_says(self, ask: Ask, text: str) -> None:
        self.cannot("there are no other bots")

    async def failing(self, call: PageCall, code: Code) -> PageCall:
        match code:
            case Code.GONE:
                return replace(call, place=replace(call.place, channel="elsewhere"))
            case Code.REJECTED:
                return replace(call, page=Page("x" * (self.installation.limits.page_size + 1)))
            case Code.EXPIRED:
                self.cannot("asks have no tickets")
        self.cannot("a call leaves the process by nothing that could refuse it or be cut")

    async def uncertain(self, call: OutgoingCall, way: str) -> None:
        self.cannot("a call leaves the process by nothing that could be cut")

    def strange(self) -> list[Callable[[OutgoingCall], None]]:
        self.cannot("nobody answers calls")

    def slow(self, call: OutgoingCall) -> float:
        self.cannot("nobody refuses calls")

    async def files(self, place: Place) -> list[tuple[str, str]]:
        self.cannot("there are no files")

    async def pictures(self, place: Place) -> list[tuple[str, bytes]]:
        attached = [one for view in await self._views(place) if view["mine"] for one in view["attached"]]
        return [(one["name"], await self._picture(one["picture"])) for one in attached]

    async def _picture(self, path: str) -> bytes:
        async with self._browser.get(self._url + path) as response:
            assert (response.status, response.content_type) == (200, "image/png")
            return await response.read()

    def read_slowly(self) -> float:
        self.cannot("all history is in the store")

    def break_typing(self) -> None:
        self.cannot("typing calls nobody")

    def mend(self) -> None: ...

    async def shown(self, place: Place) -> list[Shown]:
        return [
            Shown(
                view["id"], view["text"], view["notice"], tuple(button["label"] for button in view["buttons"])
            )
            for view in await self._views(place)
            if view["mine"]
        ]

    async def _views(self, place: Place) -> list[dict[str, Any]]:
        return list((await self._state(place)).get("messages", ()))

    async def _state(self, place: Place) -> dict[str, Any]:
        async with self._browser.get(f"{self._url}/api/threads/{place.thread or 'board'}") as response:
            assert response.status in (200, 404)
            state: dict[str, Any] = await response.json()
            return state

    async def replies(self, words: str) -> list[ShownReply]:
        answers = [json.loads(text) for _, text in await asyncio.gather(*self._sent)]
        told = [answer["told"] for answer in answers if "told" in answer]
        return [
            ShownReply(one["text"], tuple(button["label"] for button in one["buttons"]), alone=True)
            for one in told
            if words in one["text"]
        ]

    def alerts(self) -> list[Any]:
        self.cannot("nobody can be alerted")

    def acknowledged(self) -> bool:
        return any(sent.done() and sent.result()[0] == 202 for sent in self._sent)

    async def told(self) -> str:
        ((status, words),) = await asyncio.gather(*self._sent)
        return words if status == 503 else ""

    def calls(self) -> int:
        return 0

    async def typed(self, place: Place) -> bool:
        return bool((await self._state(place))["thinking"]["ms"])

    def channel(self) -> str:
        return "web"

    def elsewhere(self, place: Place) -> Place:
        self.cannot("there is one team")
