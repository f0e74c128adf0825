"""A connector of an app that teams install themselves, against the fake Slack, and the browser of the person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bots.http import HttpServer
from bots.slack.connector import SlackConnector
from bots.slack.oauth import OAuthApp, OAuthStore
from core.clock import Clock, SystemClock
from tests.fakes.inbox import RecordingInbox
from tests.fakes.memory import MemoryStore
from tests.fakes.slack.teams import FakeSlackApp
from tests.waiting import until


@dataclass
class Answer:
    """A response: its status, its text, where it leads, its headers."""

    status: int
    text: str
    location: str
    headers: dict[str, str]


@dataclass
class Host:
    """One process that hosts the app: its connector, its routes and its inbox."""

    app: FakeSlackApp
    store: OAuthStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=SystemClock)
    own: frozenset[str] = frozenset()
    given: dict[str, Any] = field(default_factory=dict)
    inbox: RecordingInbox = field(default_factory=RecordingInbox)
    url: str = ""
    connector: SlackConnector = field(init=False)
    oauth: OAuthApp = field(init=False)
    cookies: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Host]:
        oauth = self.oauth = OAuthApp(
            self.app.client_id,
            self.app.client_secret,
            "https://parley.example",
            self.app.api_url,
            self.store,
            self.clock,
            self.own,
        )
        given: dict[str, Any] = {
            "bot_token": "",
            "signing_secret": self.app.signing_secret,
            "api_url": self.app.api_url,
            "clock": self.clock,
            "oauth": oauth,
        }
        connector = self.connector = SlackConnector(**given | self.given)
        await connector.load()
        server = HttpServer("127.0.0.1", 0, {}, connector.routes(), bytes, signed_paths=connector.signed_paths)
        self.url = await server.start()
        if connector.routes() and not self.given.get("app_token"):
            self.app.send_to(self.url)
        running = asyncio.create_task(connector.run(self.inbox))
        try:
            await until(lambda: running.done() or connector.ready())
            yield self
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await server.stop()

    async def browse(self, url: str, language: str = "en", *, cookies: bool = True) -> Answer:
        """Open an address as the person's browser does, without going where it leads."""
        target = url.replace("https://parley.example", self.url)
        headers = {"Accept-Language": language, "Host": "parley.example"}
        if cookies and self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(target, headers=headers, allow_redirects=False) as response,
        ):
            for name, morsel in response.cookies.items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
            location = response.headers.get("Location", "")
            return Answer(response.status, await response.text(), location, dict(response.headers))

    async def begin(self) -> str:
        """Begin an installation. The address of Slack's page."""
        return (await self.browse("https://parley.example/slack/install")).location

    async def install(self, team: str, *, org: bool = False, language: str = "en") -> Answer:
        """Install the app in a workspace, or in its organisation."""
        return await self.browse(self.app.approve(await self.begin(), team, org=org), language)
