"""A connector of Slack against the fake Slack on loopback, and an inbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from bots.http import HttpServer
from bots.slack.connector import SlackConnector
from bots.web import Hosts, refuse_host
from core.clock import SystemClock
from core.errors import PlatformError, StoreError
from core.values.conversation import Ask
from core.values.events import Event, Outcome, Receipt
from core.values.outgoing import Page, PostMessage
from core.values.places import Person, Place
from core.values.ui import Button
from tests.fakes.inbox import RecordingInbox
from tests.fakes.slack import FakeSlack, Message
from tests.waiting import until

MENTION = "<@U_BOT> what is a monad?"
C1 = Place("slack", "T1", "C1")


class Inbox(RecordingInbox):
    """Stores slowly; `broken` is how often it can't. `acked_before`: whether anything was acknowledged before."""

    def __init__(self, slack: FakeSlack) -> None:
        super().__init__()
        self.slack = slack
        self.broken = 0
        self.acked_before: list[bool] = []

    async def receive(self, event: Event) -> Receipt:
        if self.broken:
            self.broken -= 1
            raise StoreError("the disk is full")
        await asyncio.sleep(0.01)
        self.acked_before.append(any(envelope.acked for envelope in self.slack.envelopes))
        return await super().receive(event)

    async def respond(self, event: Event) -> Receipt:
        self.slack.pulse.beat()
        return Receipt(Outcome.NOTED)

    def asks(self) -> list[Ask]:
        return self.of(Ask)


def connecting(slack: FakeSlack, **changes: Any) -> SlackConnector:
    given: dict[str, Any] = {
        "bot_token": slack.bot_token,
        "app_token": slack.app_token,
        "api_url": slack.api_url,
    }
    return SlackConnector(**given | {"clock": SystemClock(), "ping_interval_s": 0.2} | changes)


@asynccontextmanager
async def listening(slack: FakeSlack, platform: SlackConnector) -> AsyncIterator[Inbox]:
    """`platform` while events come in: over sockets, or over HTTP where it has no others."""
    inbox = Inbox(slack)
    async with serving(slack, platform):
        running = asyncio.create_task(platform.run(inbox))
        try:
            if slack.sockets.requests is None:
                await slack.wait_for(lambda: running.done() or len(slack.sockets.open) == 2)
            else:
                await until(lambda: running.done() or platform.ready())
            yield inbox
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@asynccontextmanager
async def serving(slack: FakeSlack, platform: SlackConnector) -> AsyncIterator[None]:
    """The routes of `platform`, if it has any: Slack then sends requests to them."""
    if not (routes := platform.routes()):
        yield
        return
    refuse = partial(refuse_host, Hosts())
    server = HttpServer("127.0.0.1", 0, {}, routes, bytes, refuse, signed_paths=platform.signed_paths)
    slack.send_to(await server.start())
    try:
        yield
    finally:
        await server.stop()


def said(text: str = "Hello", notice: str = "", *buttons: Button) -> Page:
    return Page(text, notice, buttons)


def post(thread: str = "", page: Page | None = None, key: str = "turn-1/0", answers: str = "") -> PostMessage:
    return PostMessage(Place("slack", "T1", "C1", thread), page or said(), key, answers)


def ask(ts: str, thread: str) -> Ask:
    at = datetime.fromtimestamp(int(ts[:-7]), UTC).replace(microsecond=int(ts[-6:]))
    return Ask(ts, Place("slack", "T1", "C1", thread), Person("U1", "ada"), "?", at)


def shown(slack: FakeSlack, ts: str) -> Message:
    return slack.message("C1", ts)


async def refusal(call: Any) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        await call
    return caught.value
