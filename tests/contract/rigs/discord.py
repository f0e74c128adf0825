"""The rig of Discord: discord.py on the fake Discord of `tests.fakes.discord`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from bots.discord import DiscordSettings
from bots.discord import create as create_discord
from core.clock import SystemClock
from core.errors import Code
from core.ports.connector import Connector
from core.values.conversation import Ask
from core.values.events import Command
from core.values.outgoing import DeleteMessage, EditMessage, OutgoingCall, Page, PostMessage
from core.values.places import Place
from core.values.ui import Button
from tests.contract.rigs.rig import CUT, LOST, PageCall, Rig, Shown, ShownReply
from tests.fakes import discord
from tests.fakes.discord import FakeDiscord
from tests.waiting import until


class DiscordRig(Rig):
    """A question is a mention in a channel, and its thread the conversation."""

    name = "discord"
    whispers_to_messages = False
    mentions = ("@everyone", "@here", f"<@{discord.ADA}>", f"<@&{discord.GUILD}>")
    limited_for_all_teams = frozenset({f"discord/{discord.BOT}/bot"})
    _POST, _EDIT = ("POST", "/channels/*/messages"), ("PATCH", "/channels/*/messages/*")

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeDiscord(bot_token="secret-of-discord")
        self.secrets = (self.fake.bot_token,)
        self._aimed_before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY

    async def open(self) -> None:
        await self.fake.start()
        self.platform = self.again()

    async def close(self) -> None:
        await self.fake.stop()
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = self._aimed_before

    def again(self) -> Connector:
        return self._make(self.fake.bot_token)

    def refused(self) -> list[tuple[str, Connector]]:
        self.secrets += ("secret-but-wrong",)
        return [("DISCORD_BOT_TOKEN", self._make("secret-but-wrong"))]

    def _make(self, token: str) -> Connector:
        settings = DiscordSettings(
            discord_bot_token=SecretStr(token),
            discord_api_url=self.fake.api_url,
            discord_gateway_url=self.fake.gateway_url,
        )
        platform = create_discord(settings, SystemClock())
        assert platform is not None
        return platform

    async def lose(self) -> None:
        self.fake.refuse_connections = True
        self.fake.abort_gateway()

    async def vanish(self) -> None:
        await self.fake.stop()

    async def hang(self) -> None:
        self.fake.half_open()

    async def say(self, text: str) -> None:
        await self.fake.say(discord.ADA, discord.GENERAL, f"<@{discord.BOT}> {text}")

    async def follow_up(self, ask: Ask, text: str) -> None:
        if self.fake.thread_of(int(ask.place.thread)) is None:
            await self.fake.open_thread(discord.BO, discord.GENERAL, int(ask.id), "looms")
        await self.fake.say(discord.BO, int(ask.place.thread), text)

    async def edit(self, ask: Ask, text: str) -> None:
        await self.fake.edit(int(ask.id), text)

    async def delete(self, ask: Ask) -> None:
        await self.fake.delete(int(ask.id))

    async def press(self, ask: Ask, message_id: str, button: Button) -> None:
        message = self.fake.message(int(message_id))
        ids = {found.label: found.custom_id for found in message.buttons}
        await self.fake.press(discord.BO, message.channel_id, message.id, ids[button.label] or "")

    async def command(self, text: str) -> None:
        await self.fake.slash(discord.ADA, discord.GENERAL, "ask", question=text)

    async def bot_says(self, ask: Ask, text: str) -> None:
        await self.fake.bot_says(int(ask.place.thread), text)

    async def failing(self, call: PageCall, code: Code) -> PageCall:
        posting = isinstance(call, PostMessage)
        method, path = self._route(call)
        match code:
            case Code.SLOW_DOWN:
                self.slow(call)
            case Code.UNAVAILABLE:
                await self.vanish()
                await asyncio.sleep(0.01)  # until the client has seen its idle connections close
            case Code.GONE if isinstance(call, EditMessage):
                await self.fake.delete(int(call.message_id))
            case Code.GONE:
                self.fake.fail("*", f"/channels/{call.place.thread}/**", None, status=404, code=10003)
            case Code.NOT_ALLOWED if posting:
                await self.fake.deny(discord.GENERAL, discord.Permission.SEND_MESSAGES_IN_THREADS)
            case Code.NOT_ALLOWED:
                self.fake.fail(method, path, status=403, code=50001)
            case Code.REJECTED:
                return replace(call, page=Page("x" * 2_001))
            case Code.EXPIRED:
                return await self._expired(call)
        return call

    async def _expired(self, call: PageCall) -> PageCall:
        """Asked by a command where the bot is no member: the ticket is the only way in, and runs out."""
        chat = self.fake.private_chat(discord.CHEN)
        await self.fake.slash(discord.CHEN, chat, "ask", question="and here?")
        asked = await self.inbox.first(Command)
        self.secrets += (asked.interaction_token,)
        place = replace(asked.place, thread=asked.place.thread or asked.opens)
        first = await self.installation.perform(
            PostMessage(place, Page("A"), "expiring", asked.id, asked.interaction_token)
        )
        self.fake.clock.advance(901)
        if isinstance(call, PostMessage):
            return PostMessage(place, call.page, call.key, asked.id, asked.interaction_token)
        return EditMessage(place, first, call.page, asked.interaction_token)

    async def uncertain(self, call: OutgoingCall, way: str) -> None:
        self.fake.fail(*self._route(call), drop={LOST: "after", CUT: "before"}[way])

    def strange(self) -> list[Callable[[OutgoingCall], None]]:
        ways: list[dict[str, Any]] = [
            {"status": n} for n in (302, 400, 401, 404, 405, 418, 429, 500, 502, 504, 530)
        ]
        ways += [{"status": 403, "code": 999_999}, {"status": 400, "message": "?"}]
        return [partial(self._spoil, way) for way in ways]

    def _spoil(self, way: dict[str, Any], call: OutgoingCall) -> None:
        self.fake.fail(*self._route(call), **way)

    def _route(self, call: OutgoingCall) -> tuple[str, str]:
        match call:
            case EditMessage():
                return self._EDIT
            case DeleteMessage():
                return ("DELETE", "/channels/*/messages/*")
        return self._POST

    def slow(self, call: OutgoingCall) -> float:
        self.fake.fail(*self._route(call), retry_after=2.5)
        return 2.5

    async def files(self, place: Place) -> list[tuple[str, str]]:
        held = [file for message in self.fake.from_bot(int(place.thread)) for file in message.attachments]
        return [(file.filename, file.data.decode()) for file in held]

    async def pictures(self, place: Place) -> list[tuple[str, bytes]]:
        held = [file for message in self.fake.from_bot(int(place.thread)) for file in message.attachments]
        return [(file.description or "", file.data) for file in held if file.content_type == "image/png"]

    def read_slowly(self) -> float:
        self.fake.fail("GET", "/channels/*/messages", retry_after=60.0)
        return 60

    def break_typing(self) -> None:
        self.fake.fail("POST", "/channels/*/typing", status=403, code=50001)

    def mend(self) -> None:
        self.fake.rest.failures.clear()

    async def shown(self, place: Place) -> list[Shown]:
        held = int(place.thread) if place.thread.isdecimal() else int(place.channel)
        if held not in self.fake.world.channels:
            return []
        return [_discord_shown(message) for message in self.fake.from_bot(held)]

    async def replies(self, words: str) -> list[ShownReply]:
        def found() -> list[ShownReply]:
            said = [m for channel in self.fake.world.channels for m in self.fake.from_bot(channel)]
            return [
                ShownReply(m.content, tuple(one.label or "" for one in m.buttons), m.ephemeral_to is not None)
                for m in said
                if words in m.content
            ]

        return await until(found)

    def alerts(self) -> list[Any]:
        return list(self.fake.pinged)

    def acknowledged(self) -> bool:
        self.cannot("the gateway takes no acknowledgement")

    async def told(self) -> str:
        found = await until(lambda: self.fake.from_bot(discord.GENERAL))
        return found[0].content

    def calls(self) -> int:
        return len(self.fake.calls)

    async def typed(self, place: Place) -> bool:
        return any(channel in (discord.GENERAL, int(place.thread)) for channel, _ in self.fake.typing)

    def channel(self) -> str:
        return str(discord.GENERAL)

    def elsewhere(self, place: Place) -> Place:
        return replace(place, team="101", channel="210", thread="220")


def _discord_shown(message: discord.Message) -> Shown:
    lines = message.content.split("\n")
    text = "\n".join(line for line in lines if not line.startswith("-# ")).strip("\u200b")
    notice = "\n".join(line.removeprefix("-# ") for line in lines if line.startswith("-# "))
    return Shown(str(message.id), text, notice, tuple(button.label or "" for button in message.buttons))
