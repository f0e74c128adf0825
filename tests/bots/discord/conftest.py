"""The real discord.py against a Discord on loopback, with an inbox that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TypeVar

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from bots.discord import DiscordSettings
from bots.discord.client import BEAT_S
from bots.discord.connector import DiscordConnector
from bots.discord.private import aim
from core.clock import Clock, SystemClock
from core.values.conversation import Ask
from core.values.events import Command, Event, Outcome, Receipt
from core.values.ui import ImmediateReply
from tests.bots.discord.reader import Reader
from tests.fakes.discord import FakeDiscord
from tests.fakes.inbox import RecordingInbox
from tests.waiting import until

T = TypeVar("T")
E = TypeVar("E")


class Recorder(RecordingInbox):
    """Gives `outcome` and `told`. As in the core, the command `ask` is a question.

    `foresees`: a refusal is known before the command is taken.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outcome = Outcome.TURN
        self.told: ImmediateReply | None = None
        self.foresees = True

    async def respond(self, event: Event) -> Receipt:
        if isinstance(event, Command) and event.name == "ask":
            self.events.append(command_to_ask(event))
        return Receipt(self.outcome, len(self.events), self.told)

    async def refusal(self, event: Ask | Command) -> ImmediateReply | None:
        await super().refusal(event)
        return self.told if self.foresees and self.outcome is Outcome.REFUSED else None


def command_to_ask(command: Command) -> Ask:
    place = command.place if command.place.thread else replace(command.place, thread=command.opens)
    text = command.options.get("question", "")
    return Ask(
        command.id,
        place,
        command.author,
        text,
        command.at,
        addressed=True,
        interaction_token=command.interaction_token,
    )


class Bot:
    """A running platform, what it heard, and the Discord around it."""

    def __init__(self, fake: FakeDiscord, platform: DiscordConnector, inbox: Recorder) -> None:
        self.fake = fake
        self.platform = platform
        self.inbox = inbox


def settings(fake: FakeDiscord, token: str | None = None) -> DiscordSettings:
    return DiscordSettings(
        discord_bot_token=SecretStr(token or fake.bot_token),
        discord_api_url=fake.api_url + "/",
        discord_gateway_url=fake.gateway_url,
    )


@asynccontextmanager
async def running(
    fake: FakeDiscord,
    *,
    ready: bool = True,
    beat_s: float = BEAT_S,
    clock: Clock | None = None,
    shards: int | None = None,
) -> AsyncIterator[Bot]:
    aim(fake.api_url, fake.gateway_url)
    platform = DiscordConnector(fake.bot_token, clock or SystemClock(), shards=shards, beat_s=beat_s)
    inbox = Recorder()
    run = asyncio.create_task(platform.run(inbox))
    try:
        if ready:
            await until(platform.ready)
        yield Bot(fake, platform, inbox)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


@pytest.fixture(autouse=True)
def _aimed_back() -> Iterator[None]:
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


@pytest.fixture
async def fake() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake
        assert fake.spec_problems == []
        assert fake.pinged == []


@pytest.fixture
async def bot(fake: FakeDiscord) -> AsyncIterator[Bot]:
    async with running(fake) as bot:
        yield bot


@pytest.fixture
def reader() -> Reader:
    return Reader()
