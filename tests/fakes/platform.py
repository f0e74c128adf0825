"""A platform in memory, connector and installation in one.

Every post stays; nothing is limited unless a test says so.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime

from bots import discord, slack, web
from core.errors import Code, PlatformError
from core.ports.connector import Inbox
from core.values.conversation import Ask, History, ThreadMessage
from core.values.outgoing import DeleteMessage, EditMessage, Limits, OutgoingCall, Page, PostMessage, RateLimit
from core.values.places import Place

TRAITS = {"slack": slack.TRAITS, "discord": discord.TRAITS, "web": web.TRAITS}


class MemoryPlatform:
    """`shown` holds every message's pages, oldest view first. `missing` is what `missed` finds, by place's key,
    `said` what `recent` does; errors in `refusals` are raised first, one a call. The place of the key `unreadable`
    can't be read for now. A call takes `latency_s`. A message whose text holds `blocked` is refused; one that is
    no longer in `shown`, and everything once the place is `closed`, is gone."""

    name = "slack"
    id = "T1"
    limits = Limits(page_size=4_000)
    traits = TRAITS["slack"]

    def __init__(self) -> None:
        self.up = True
        self.shown: dict[str, list[Page]] = {}
        self.keys: dict[str, str] = {}
        self.missing: dict[str, list[Ask]] = {}
        self.said: dict[str, list[ThreadMessage]] = {}
        self.refusals: deque[Exception] = deque()
        self.read: list[str] = []
        self.shown_channels: list[Place] = []
        self.unreadable = ""
        self.latency_s = 0.0
        self.blocked = "\0"
        self.closed = False
        self.typings = 0
        self.away = 0
        self.deleted: set[str] = set()
        self.looked_up: list[str] = []

    @property
    def installations(self) -> tuple[MemoryPlatform, ...]:
        return (self,)

    def serving(self, place: Place) -> MemoryPlatform | None:
        return self if place.team in ("", self.id) else None

    async def run(self, inbox: Inbox) -> None:
        await asyncio.Event().wait()

    def ready(self) -> bool:
        return self.up

    async def history(self, place: Place, before: Ask) -> History:
        return History()

    def channels(self) -> list[Place]:
        return self.shown_channels

    async def recent(self, place: Place, limit: int, since: datetime | None = None) -> History:
        said = [entry for entry in self.said.get(place.key, []) if since is None or entry.at >= since]
        return History(tuple(said[-limit:]), len(said) <= limit)

    async def missed(self, place: Place, after: datetime) -> list[Ask]:
        self.read.append(place.key)
        if self.refusals:
            raise self.refusals.popleft()
        if place.key == self.unreadable:
            raise PlatformError(Code.UNAVAILABLE, retryable=True)
        return [ask for ask in self.missing.get(place.key, []) if ask.at > after]

    def rate_limits(self, call: OutgoingCall) -> tuple[RateLimit, ...]:
        return (RateLimit("all", 1_000, 1_000),)

    async def perform(self, call: OutgoingCall) -> str:
        await asyncio.sleep(self.latency_s)
        if self.closed or (isinstance(call, EditMessage | DeleteMessage) and call.message_id not in self.shown):
            raise PlatformError(Code.GONE)
        if isinstance(call, PostMessage | EditMessage) and self.blocked in call.page.text:
            raise PlatformError(Code.REJECTED)
        if isinstance(call, PostMessage):
            message_id = f"p{len(self.keys)}"
            self.keys[call.key] = message_id
        elif isinstance(call, DeleteMessage):
            del self.shown[call.message_id]
            return call.message_id
        else:
            assert isinstance(call, EditMessage)
            message_id = call.message_id
        self.shown.setdefault(message_id, []).append(call.page)
        return message_id

    async def find(self, call: OutgoingCall) -> str | None:
        return self.keys.get(call.key) if isinstance(call, PostMessage) else None

    async def typing(self, place: Place, language: str = "en") -> None:
        self.typings += 1

    async def question_exists(self, ask: Ask) -> bool:
        self.looked_up.append(ask.id)
        if self.refusals:
            raise self.refusals.popleft()
        return ask.id not in self.deleted

    async def channel(self, channel: str) -> Place:
        self.away -= 1
        if self.away >= 0:
            raise PlatformError(Code.UNAVAILABLE, retryable=True)
        return Place(self.name, "T1", channel)
