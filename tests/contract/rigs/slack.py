"""The rig of Slack: slack-bolt on the fake Slack of `tests.fakes.slack`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from bots.slack.connector import SlackConnector
from core.clock import SystemClock
from core.errors import Code
from core.ports.connector import Connector
from core.values.conversation import Ask
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
from core.values.ui import Button
from tests.contract.rigs.rig import CUT, LOST, PageCall, Rig, Shown, ShownReply
from tests.fakes import slack
from tests.fakes.slack import FakeSlack
from tests.waiting import until


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

    async def failing(self, call: PageCall, code: Code) -> PageCall:
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

    async def pictures(self, place: Place) -> list[tuple[str, bytes]]:
        messages, files = self.fake.thread("C1", place.thread), self.fake.space.files
        held = [files[file["id"]] for message in messages for file in message.files]
        found = [(file.alt_txt or "", file.content or b"") for file in held if file.mimetype == "image/png"]
        blocks = [block for message in messages for block in message.blocks if block["type"] == "image"]
        shown = [(block["alt_text"], files[block["slack_file"]["id"]].content or b"") for block in blocks]
        return [*found, *shown]

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
