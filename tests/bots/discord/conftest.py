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
from core.errors import BotError
from core.i18n import language_of
from core.values.conversation import Ask
from core.values.events import Command, Edited, Event, Outcome, Receipt
from core.values.places import Person, Place
from core.values.ui import Choice, ImmediateReply
from tests.fakes.discord import FakeDiscord
from tests.waiting import until

T = TypeVar("T")
E = TypeVar("E")


class Recorder:
    """An inbox that takes everything in, or raises `error`, or gives `outcome` and `told`. As in the core, the
    command `ask` is a question. `foresees`: a refusal is known before the command is taken. `concerned`: something may
    come of what is said."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.error: BotError | None = None
        self.outcome = Outcome.TURN
        self.told: ImmediateReply | None = None
        self.foresees = True
        self.concerned = True
        self.choices: list[Choice] = []
        self.typed: list[tuple[Command, str]] = []

    async def receive(self, event: Event) -> Receipt:
        if self.error is not None:
            raise self.error
        self.events.append(event)
        if isinstance(event, Command) and event.name == "ask":
            self.events.append(command_to_ask(event))
        return Receipt(self.outcome, len(self.events), self.told)

    async def language(self, person: Person, place: Place) -> str:
        return language_of(person.locale)

    async def concerns(self, event: Ask | Edited) -> bool:
        return self.concerned

    async def refusal(self, command: Command) -> ImmediateReply | None:
        if self.error is not None:
            raise self.error
        return self.told if self.foresees and self.outcome is Outcome.REFUSED else None

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        if self.error is not None:
            raise self.error
        self.typed.append((command, option))
        return self.choices

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def ask(self, text: str) -> Ask:
        """The ask with this text, once it is there."""
        return await until(lambda: next((a for a in self.of(Ask) if a.text == text), None))


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
    fake: FakeDiscord, *, ready: bool = True, beat_s: float = BEAT_S, clock: Clock | None = None
) -> AsyncIterator[Bot]:
    aim(fake.api_url, fake.gateway_url)
    platform = DiscordConnector(fake.bot_token, clock or SystemClock(), beat_s=beat_s)
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
