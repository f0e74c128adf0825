"""One rig a platform: the real SDK before its wire-level fake, what people do there, how it fails, what stands.

What a platform cannot do, or cannot fail at, its rig says in words, and the test skips with them.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, Final, NoReturn, TypeVar
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from bots.discord import DiscordSettings
from bots.discord import create as create_discord
from bots.slack.connector import SlackConnector
from bots.web import Hosts, WebConnector
from core.clock import SystemClock
from core.conversation.file_content import ContentReader
from core.errors import Code
from core.ports.connector import Connector, Installation
from core.values.conversation import Ask
from core.values.events import ButtonPress, Command, Event, Outcome, Receipt
from core.values.outgoing import (
    AppendStream,
    DeleteMessage,
    EditMessage,
    OutgoingCall,
    Page,
    PostMessage,
    StartStream,
    StopStream,
    UploadFile,
)
from core.values.places import Place
from core.values.ui import Button, ImmediateReply
from tests.fakes import discord, slack
from tests.fakes.discord import FakeDiscord
from tests.fakes.files import PlainExtractor
from tests.fakes.inbox import RecordingInbox
from tests.fakes.memory import MemoryStore
from tests.fakes.slack import FakeSlack
from tests.waiting import until

T = TypeVar("T")
E = TypeVar("E")

Painting = PostMessage | EditMessage
"""The calls that show a page: every platform has them."""

LOST, CUT = "done, and its answer lost", "cut off before it was done"
"""The two ways to be UNCERTAIN."""


class Recorder(RecordingInbox):
    """`came`: events that arrived; `open`: while it is cleared, none is stored. `keep` stores questions as well.

    `reply`: the immediate reply to every question, command and press.
    """

    def __init__(self, keep: Callable[[Ask], Awaitable[object]] | None = None) -> None:
        super().__init__()
        self.came: list[Event] = []
        self.open = asyncio.Event()
        self.open.set()
        self.reply: ImmediateReply | None = None
        self._keep = keep

    async def receive(self, event: Event) -> Receipt:
        self.came.append(event)
        await self.open.wait()
        if self.error is None and self._keep is not None and isinstance(event, Ask):
            await self._keep(event)
        return await super().receive(event)

    async def respond(self, event: Event) -> Receipt:
        if self.reply is None or not isinstance(event, Ask | Command | ButtonPress):
            return await super().respond(event)
        # Slack delivers a mention twice.
        again = isinstance(event, Ask) and [ask.id for ask in self.of(Ask)].count(event.id) > 1
        return Receipt(Outcome.DUPLICATE) if again else Receipt(Outcome.TOLD, reply=self.reply)

    async def refusal(self, command: Command) -> ImmediateReply | None:
        return self.reply or await super().refusal(command)


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot's as its readers see it."""

    id: str
    text: str
    notice: str = ""
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownReply:
    """An immediate reply as it is read; `alone`: by the person alone who caused it."""

    text: str
    buttons: tuple[str, ...]
    alone: bool


class Rig(ABC):
    """A platform that runs, and the people around it. `secrets` must never be seen in an error."""

    name: str
    secrets: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    posts_and_edits_are_limited_apart = True
    deletes = True
    whispers_to_messages = True
    """Whether the reply to a message, and not only to a command or a press, can be for its author alone."""
    has_others = True
    keeps_posts = True
    """Whether the platform keeps what the bot posts: else the turn is all that there is."""
    only_threads_stand_in_the_channel = False
    limited_for_all_teams: frozenset[str] = frozenset()
    platform: Connector

    def __init__(self) -> None:
        self.inbox = Recorder()
        self.running: asyncio.Task[None] | None = None
        self.context: Context | None = None

    @property
    def installation(self) -> Installation:
        """The one that the platform has without being told of others."""
        (one,) = self.platform.installations
        return one

    def cannot(self, reason: str) -> NoReturn:
        pytest.skip(f"{self.name}: {reason}")

    # Life.

    @abstractmethod
    async def open(self) -> None:
        """The other side is there, and `platform` is made, but does not run yet."""

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    def again(self) -> Connector:
        """The platform as a new process would make it: it remembers nothing."""

    @abstractmethod
    def refused(self) -> list[tuple[str, Connector]]:
        """Platforms whose credentials are not accepted, each with the setting to name."""

    async def start(self) -> None:
        self.running = asyncio.create_task(self.platform.run(self.inbox), context=self.context)
        await until(self.platform.ready)

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            with suppress(asyncio.CancelledError):
                await self.running

    async def restart(self) -> None:
        await self.stop()
        self.platform = self.again()
        await self.start()

    @abstractmethod
    async def lose(self) -> None:
        """The connection for events goes, and does not come back."""

    @abstractmethod
    async def vanish(self) -> None:
        """Nobody is there any more."""

    @abstractmethod
    async def hang(self) -> None:
        """Somebody is connected whose line has died, or who never hangs up."""

    # What people do.

    @abstractmethod
    async def say(self, text: str) -> None:
        """One person asks the bot something, in a new conversation."""

    @abstractmethod
    async def follow_up(self, ask: Ask, text: str) -> None:
        """Another line in the conversation of `ask`, as people there add one."""

    @abstractmethod
    async def edit(self, ask: Ask, text: str) -> None: ...

    @abstractmethod
    async def delete(self, ask: Ask) -> None: ...

    @abstractmethod
    async def press(self, ask: Ask, message_id: str, button: Button) -> None: ...

    @abstractmethod
    async def command(self, text: str) -> None:
        """The command `ask` with these words."""

    @abstractmethod
    async def bot_says(self, ask: Ask, text: str) -> None:
        """Another bot speaks in the conversation."""

    async def ask(self, text: str = "what is a loom?") -> Ask:
        await self.say(text)
        return await self.inbox.ask(text)

    # How it fails.

    @abstractmethod
    async def failing(self, call: Painting, code: Code) -> Painting:
        """The call to perform, like `call`, so that it fails with `code` and is not done."""

    @abstractmethod
    async def uncertain(self, call: OutgoingCall, way: str) -> None:
        """The next call for such a call ends LOST or CUT."""

    @abstractmethod
    def strange(self) -> list[Callable[[OutgoingCall], None]]:
        """Ways in which the next call for such a call is answered as no documentation says."""

    @abstractmethod
    def slow(self, call: OutgoingCall) -> float:
        """The next call for such a call is refused for a while: for how long, in seconds."""

    async def halt(self, ask: Ask) -> None:
        """A person presses the platform's own button that stops what grows."""
        self.cannot("messages do not grow")

    @abstractmethod
    async def files(self, place: Place) -> list[tuple[str, str]]:
        """Names and texts of the files that the bot put into the conversation."""

    @abstractmethod
    def read_slowly(self) -> float:
        """The next read is refused for a while: for how long, in seconds."""

    @abstractmethod
    def break_typing(self) -> None: ...

    @abstractmethod
    def mend(self) -> None: ...

    # What there is to see.

    @abstractmethod
    async def shown(self, place: Place) -> list[Shown]:
        """The bot's messages in the conversation, oldest first."""

    def tasks(self, message_id: str) -> list[tuple[str, str]]:
        """The tasks that a message shows, each with its state in the platform's words."""
        self.cannot("no message grows there")

    @abstractmethod
    async def replies(self, words: str) -> list[ShownReply]:
        """The immediate replies with these words, once there is one."""

    @abstractmethod
    def alerts(self) -> list[Any]:
        """Whoever the bot's messages alerted."""

    @abstractmethod
    def acknowledged(self) -> bool:
        """Has the other side been told that anything a person did has arrived?"""

    @abstractmethod
    async def told(self) -> str:
        """What a person reads whose question could not be stored; empty where it comes again instead."""

    @abstractmethod
    def calls(self) -> int:
        """How often the other side was called."""

    @abstractmethod
    async def typed(self, place: Place) -> bool: ...

    @abstractmethod
    def channel(self) -> str:
        """The id of a channel, as an operator would write it down."""

    @abstractmethod
    def elsewhere(self, place: Place) -> Place:
        """A place in a channel of another team."""


class SlackRig(Rig):
    name = "slack"
    mentions = ("<!channel>", "<!here>", "<!everyone>", "<@U1>", "<!subteam^S1>", "@channel")
    _FAULTS: Final[dict[Code, dict[str, dict[str, Any]]]] = {
        Code.GONE: {"chat.postMessage": {"error": "is_archived"}},
        Code.NOT_ALLOWED: {
            "chat.postMessage": {"error": "restricted_action"},
            "chat.update": {"error": "edit_window_closed"},
        },
        Code.REJECTED: {"chat.postMessage": {"error": "msg_too_long"}},
    }

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeSlack(bot_token="xoxb-secret-of-slack", app_token="xapp-secret-of-slack")
        self.fake.sockets.ack_timeout_s = 0.15
        self.fake.sockets.retry_delays_s = (0.05,) * 20
        self.secrets = (self.fake.bot_token, self.fake.app_token)
        self._made: list[SlackConnector] = []

    async def open(self) -> None:
        await self.fake.start()
        self.platform = self.again()

    async def close(self) -> None:
        for platform in self._made:
            await platform.installation.close()
        await self.fake.stop()

    def again(self) -> Connector:
        return self._make(self.fake.bot_token, self.fake.app_token)

    def refused(self) -> list[tuple[str, Connector]]:
        return [
            ("SLACK_BOT_TOKEN", self._make("xoxb-secret-but-wrong", self.fake.app_token)),
            ("SLACK_APP_TOKEN", self._make(self.fake.bot_token, "xapp-secret-but-wrong")),
        ]

    def _make(self, bot_token: str, app_token: str) -> SlackConnector:
        self.secrets += (bot_token, app_token)
        self._made.append(
            SlackConnector(
                bot_token=bot_token,
                app_token=app_token,
                api_url=self.fake.api_url,
                clock=SystemClock(),
                ping_interval_s=0.2,
            )
        )
        return self._made[-1]

    async def start(self) -> None:
        await super().start()
        await until(lambda: len(self.fake.sockets.open) == 2)

    async def lose(self) -> None:
        self.fake.refuse_connections = True
        self.fake.abort_sockets()

    async def vanish(self) -> None:
        await self.fake.stop()

    async def hang(self) -> None:
        self.fake.half_open()

    async def say(self, text: str) -> None:
        await self.fake.say("U1", "C1", f"<@U_BOT> {slack_escaped(text)}")

    async def follow_up(self, ask: Ask, text: str) -> None:
        await self.fake.say("U2", "C1", slack_escaped(text), ask.place.thread)

    async def edit(self, ask: Ask, text: str) -> None:
        await self.fake.edit("U1", "C1", ask.id, slack_escaped(text))

    async def delete(self, ask: Ask) -> None:
        await self.fake.delete("U1", "C1", ask.id)

    async def press(self, ask: Ask, message_id: str, button: Button) -> None:
        found = self.fake.message("C1", message_id).blocks[-1]["elements"]
        ids = {element["text"]["text"]: element["action_id"] for element in found}
        await self.fake.press("U1", "C1", message_id, ids[button.label])

    async def command(self, text: str) -> None:
        await self.fake.slash("U1", "C1", "/parley", f"ask {text}")

    async def bot_says(self, ask: Ask, text: str) -> None:
        await self.fake.bot_says("C1", text, ask.place.thread)

    async def failing(self, call: Painting, code: Code) -> Painting:
        method = _method(call)
        if code is Code.EXPIRED:
            self.cannot("asks have no tickets")
        if code is Code.UNAVAILABLE:
            await self.vanish()
            await asyncio.sleep(0.01)  # until the client has seen its idle connections close
        elif code is Code.GONE and isinstance(call, EditMessage):
            await self.fake.delete("U1", "C1", call.message_id)
        elif code is Code.REJECTED and isinstance(call, EditMessage):
            return replace(call, page=Page("x" * 13_000))
        elif code is Code.SLOW_DOWN:
            self.slow(call)
        else:
            self.fake.fail(method, **self._FAULTS[code][method])
        return call

    async def uncertain(self, call: OutgoingCall, way: str) -> None:
        self.fake.fail(_method(call), drop={LOST: "after", CUT: "before"}[way])

    def strange(self) -> list[Callable[[OutgoingCall], None]]:
        ways: list[dict[str, Any]] = [{"status": n} for n in (302, 400, 401, 403, 404, 418, 500, 502, 504)]
        ways += [{"error": "never_heard_of", "needed": "x"}, {"status": 429}]
        return [partial(self._spoil, way) for way in ways]

    def _spoil(self, way: dict[str, Any], call: OutgoingCall) -> None:
        self.fake.fail(_method(call), **way)

    def slow(self, call: OutgoingCall) -> float:
        self.fake.fail(_method(call), retry_after=7)
        return 7

    async def halt(self, ask: Ask) -> None:
        await self.fake.stop_session("U1", "C1", ask.place.thread)

    async def files(self, place: Place) -> list[tuple[str, str]]:
        held = [file for message in self.fake.thread("C1", place.thread) for file in message.files]
        found = [self.fake.space.files[file["id"]] for file in held]
        return [(file.name, (file.content or b"").decode()) for file in found]

    def read_slowly(self) -> float:
        self.fake.fail("conversations.replies", retry_after=9)
        return 9

    def break_typing(self) -> None:
        self.fake.fail("assistant.threads.setStatus", error="internal_error")

    def mend(self) -> None:
        for method in ("chat.postMessage", "chat.update"):
            self.fake.mend(method)

    async def shown(self, place: Place) -> list[Shown]:
        found = self.fake.thread("C1", place.thread) if place.thread else self.fake.messages("C1")
        ours = [m for m in found if m.bot_id == slack.BOT and not m.deleted]
        return [
            Shown(
                message.ts,
                "".join(block["text"] for block in message.blocks if block["type"] == "markdown"),
                "".join(b["elements"][0]["text"] for b in message.blocks if b["type"] == "context"),
                tuple(message.buttons),
            )
            for message in ours
            if place.thread or message.root == message.ts
        ]

    def tasks(self, message_id: str) -> list[tuple[str, str]]:
        cards = self.fake.message("C1", message_id).blocks
        return [(block["title"], block["status"]) for block in cards if block["type"] == "task_card"]

    async def replies(self, words: str) -> list[ShownReply]:
        def found() -> list[ShownReply]:
            said = [m for m in self.fake.messages("C1") if m.bot_id == slack.BOT and not m.deleted]
            return [
                ShownReply(m.visible, tuple(m.buttons), m.ephemeral_to == "U1")
                for m in said
                if words in m.visible
            ]

        return await until(found)

    def alerts(self) -> list[Any]:
        ours = [message for message in self.fake.messages("C1") if message.bot_id == slack.BOT]
        loud = [m.options for m in ours if m.options and m.options.get("parse") != "none"]
        # A notice is plain_text, in which Slack reads no mention.
        read = [replace(m, blocks=[b for b in m.blocks if b["type"] != "context"]) for m in ours]
        return [ping for message in read for ping in message.pings] + loud

    def acknowledged(self) -> bool:
        return any(envelope.acked for envelope in self.fake.envelopes)

    async def told(self) -> str:
        await until(lambda: len(self.inbox.came) > 2)
        return ""

    def calls(self) -> int:
        return len(self.fake.calls)

    async def typed(self, place: Place) -> bool:
        return bool(self.fake.space.statuses.get((place.channel, place.thread)))

    def channel(self) -> str:
        return "C1"

    def elsewhere(self, place: Place) -> Place:
        return replace(place, team="T2")


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

    async def failing(self, call: Painting, code: Code) -> Painting:
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

    async def _expired(self, call: Painting) -> Painting:
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

    async def failing(self, call: Painting, code: Code) -> Painting:
        match code:
            case Code.GONE:
                return replace(call, place=replace(call.place, channel="elsewhere"))
            case Code.REJECTED:
                return replace(call, page=Page("x" * (self.installation.limits.page_size + 1)))
            case Code.EXPIRED:
                self.cannot("asks have no tickets")
        self.cannot("a stroke leaves the process by nothing that could refuse it or be cut")

    async def uncertain(self, call: OutgoingCall, way: str) -> None:
        self.cannot("a stroke leaves the process by nothing that could be cut")

    def strange(self) -> list[Callable[[OutgoingCall], None]]:
        self.cannot("nobody answers strokes")

    def slow(self, call: OutgoingCall) -> float:
        self.cannot("nobody refuses strokes")

    async def files(self, place: Place) -> list[tuple[str, str]]:
        self.cannot("there are no files")

    def read_slowly(self) -> float:
        self.cannot("all history is in the store")

    def break_typing(self) -> None:
        self.cannot("typing calls nobody")

    def mend(self) -> None: ...

    async def shown(self, place: Place) -> list[Shown]:
        return [
            Shown(
                view["id"],
                view["text"],
                view["notice"],
                tuple(button["label"] for button in view["buttons"]),
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


RIGS: Final[dict[str, type[Rig]]] = {rig.name: rig for rig in (SlackRig, DiscordRig, WebRig)}

_numbers = count(1)


def post(ask: Ask, page: Page, key: str = "") -> PostMessage:
    """An answer to `ask`, under a key of its own unless one is given."""
    return PostMessage(ask.place, page, key or f"turn-{next(_numbers)}/0", ask.id, ask.interaction_token)


def slack_escaped(text: str) -> str:
    """As Slack sends what people type."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_METHODS: Final[dict[type[OutgoingCall], str]] = {
    PostMessage: "chat.postMessage",
    EditMessage: "chat.update",
    StartStream: "chat.startStream",
    AppendStream: "chat.appendStream",
    StopStream: "chat.stopStream",
    DeleteMessage: "chat.delete",
    UploadFile: "files.completeUploadExternal",
}


def _method(call: OutgoingCall) -> str:
    return _METHODS[type(call)]


def _discord_shown(message: discord.Message) -> Shown:
    lines = message.content.split("\n")
    text = "\n".join(line for line in lines if not line.startswith("-# ")).strip("\u200b")
    notice = "\n".join(line.removeprefix("-# ") for line in lines if line.startswith("-# "))
    return Shown(str(message.id), text, notice, tuple(button.label or "" for button in message.buttons))
