"""One Slack workspace: people, channels, messages, files, views, and the changes to them."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import blocks as block_kit
from . import payloads
from .limits import Limiter
from .payloads import BOT, BOT_USER, TEAM
from .socket import Sockets

Json = dict[str, Any]

POST_TEXT_MAX = 40_000
KINDS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
TYPES = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
TYPE_OF = dict(zip(KINDS, ("public_channel", "private_channel", "im", "mpim"), strict=True))
PING = r"<(?:@[UW]|!subteam\^|!channel|!here|!everyone)[^>]*>"


class SlackError(Exception):
    """A call that Slack answers with `{"ok": false, "error": ...}`."""

    def __init__(self, error: str, **detail: Any) -> None:
        super().__init__(error)
        self.error = error
        self.detail = detail


class Clock:
    """Seconds that only go forward; `advance` lets five minutes pass at once."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        return time.monotonic() + self._ahead_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds


class Pulse:
    """Wakes those who wait for the next change."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def next(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)


@dataclass(slots=True)
class Person:
    id: str
    name: str
    real_name: str
    locale: str = "en-GB"
    tz: str = "Europe/London"
    is_bot: bool = False
    is_restricted: bool = False
    bot_id: str | None = None
    is_admin: bool = False
    team: str = TEAM
    deleted: bool = False


@dataclass(slots=True)
class Stream:
    """The state of a message that grows: `open`, `stopped_by_user` or `closed`; after `ends_s` it is over."""

    now: Callable[[], float] = field(repr=False)
    ends_s: float
    size_bytes: int = 0
    state: str = "open"
    mode: str = ""  # "text" or "chunks", as its first call was

    @property
    def alive(self) -> bool:
        return self.state != "closed" and self.now() < self.ends_s


@dataclass(slots=True)
class Message:
    """A message in its present state. `history` holds (monotonic seconds, what a reader saw) for each
    change."""

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    bot_id: str | None = None
    subtype: str | None = None
    metadata: Json | None = None
    files: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    options: Json = field(default_factory=dict)
    edited: Json | None = None
    deleted: bool = False
    truncated: bool = False
    ephemeral_to: str | None = None
    reactions: dict[str, set[str]] = field(default_factory=dict)
    stream: Stream | None = None
    client_msg_id: str | None = None
    history: list[tuple[float, str]] = field(default_factory=list)

    @property
    def visible(self) -> str:
        """The text that a reader sees: blocks win over text."""
        return "" if self.deleted else block_kit.visible(self.blocks) if self.blocks else self.text

    @property
    def buttons(self) -> list[str]:
        """The labels of its buttons."""
        return [] if self.deleted else block_kit.labels(self.blocks)

    @property
    def pings(self) -> list[str]:
        """The people, groups and whole channels that it alerts.

        https://docs.slack.dev/messaging/formatting-message-text/#advanced-formatting
        """
        found = re.findall(PING, f"{self.text}\n{self.visible}")
        return list(dict.fromkeys(found))

    @property
    def streaming(self) -> bool:
        return self.stream is not None and self.stream.alive and self.stream.state == "open"

    @property
    def root(self) -> str:
        """The ts of its thread's first message."""
        return self.thread_ts or self.ts


@dataclass(slots=True)
class Channel:
    """`refusal`: the error with which Slack refuses every post of the bot, for instance restricted_action. `shared`:
    with another workspace of the organisation ("org"), of another one ("ext"), or soon ("pending_ext"). `untold`:
    fields that Slack leaves out."""

    id: str
    name: str = ""
    kind: str = "channel"  # channel, group, im, mpim
    members: set[str] = field(default_factory=set)
    topic: str = ""
    creator: str = ""
    archived: bool = False
    refusal: str = ""
    shared: str = ""
    untold: set[str] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    threads: dict[str, list[Message]] = field(default_factory=dict)

    def add(self, message: Message) -> None:
        self.messages[message.ts] = message
        self.threads.setdefault(message.root, []).append(message)

    def thread(self, ts: str) -> list[Message]:
        """The root and its replies, oldest first; the deleted and the ephemeral ones too."""
        return sorted(self.threads.get(ts, ()), key=lambda m: m.ts)


@dataclass(slots=True)
class File:
    """`told`: what Slack says of it in a message beside its id; None: as a rule, empty: nothing more. `size`: the one
    that is announced. `status`, `redirects` and `pause_s` (before each byte) are those of its private URL.

    `unprocessed`: calls of files.info until Slack has looked at an upload. Until then its type is empty, and no block
    shows it: https://github.com/slackapi/node-slack-sdk/issues/2040
    """

    id: str
    name: str
    mimetype: str
    content: bytes | None = None
    title: str = ""
    alt_txt: str | None = None
    shared: bool = False
    unprocessed: int = 0
    mode: str = "hosted"
    told: Json | None = None
    more: Json = field(default_factory=dict)
    size: int | None = None
    status: int = 200
    redirects: list[str] = field(default_factory=list)
    pause_s: float = 0.0


@dataclass(slots=True)
class View:
    """A modal or a home tab that the app has shown."""

    id: str
    user: str
    body: Json
    hash: str = "1"
    errors: Json = field(default_factory=dict)


@dataclass(slots=True)
class ResponseUrl:
    """Good for 5 uses in 30 minutes.

    https://docs.slack.dev/interactivity/handling-user-interaction/#message_responses
    """

    channel: str
    user: str
    source_ts: str | None
    at_s: float
    uses: int = 0


@dataclass(slots=True)
class Action:
    """The right to search for a person who has just addressed the bot in a channel."""

    user: str
    channel: str
    at_s: float
    uses: int = 0


class Workspace:
    """The state, and the only place that changes it. Every change beats the pulse and goes to the sockets."""

    def __init__(
        self, sockets: Sockets, pulse: Pulse, clock: Clock, limiter: Limiter, team: str = TEAM
    ) -> None:
        self.sockets, self.pulse, self.clock, self.limiter = sockets, pulse, clock, limiter
        self.base_url = ""
        self.team, self.team_name = team, "Fake"
        self.enterprise = ""  # the organisation that the workspace belongs to
        self.of_org = False  # the app is installed in the organisation, not in the workspace alone
        self.bot_name = "parley"
        self.app_id = ""  # what auth.test says of the app, where it says it
        self.echo = True
        self.lose_events = False
        # Reports disagree on whether `app_mention` has files, and on which of the two events comes first.
        # https://github.com/slackapi/bolt-python/issues/925
        self.mention_first = False
        self.files_in = {"message"}
        self.stream_lifetime_s = 300.0
        self.stream_cap_bytes = 10_600
        self.edit_window_s: float | None = None
        self.list_page_max = 1_000  # a page of a list may hold fewer than were asked for
        self.slow_files = 1  # calls of files.info until an upload is processed
        self.envelope_team = team  # where events and commands come from; another one may have the same app
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.statuses: dict[tuple[str, str], str] = {}
        self.sessions: dict[tuple[str, str], Json] = {}
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[tuple[str, str | None], list[Json]] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.subscriptions = set(payloads.SUBSCRIPTIONS)
        self.search_gives_tokens = True  # only to apps with features of AI, and only for full members
        self.search_token_s, self.search_token_uses = 120.0, 1  # neither is documented: as little as may be
        self.search_knows_types = True  # False: what is found is of any channel, whatever was asked for
        self.search_extra: list[Json] = []  # more results, ahead of the others
        self.actions: dict[str, Action] = {}
        self._triggers: dict[str, tuple[str, float]] = {}
        self._number = itertools.count(1)
        self._last_us = 0

    # -- names and numbers

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{next(self._number):08d}"

    def shows(self, file: str) -> bool:
        """True if a block of the bot's can show this file."""
        known = self.files.get(file)
        picture = known is not None and known.mimetype in ("image/png", "image/jpeg", "image/gif")
        return picture and known is not None and known.shared and not known.unprocessed

    def new_ts(self, at: float | None = None) -> str:
        """A timestamp that no other message has; `at` are Unix seconds."""
        us = int((time.time() if at is None else at) * 1_000_000)
        if at is None:
            us = self._last_us = max(us, self._last_us + 1)
        return f"{us // 1_000_000}.{us % 1_000_000:06d}"

    def new_trigger(self, user: str) -> str:
        """Opens one modal within 3 s: https://docs.slack.dev/interactivity/handling-user-interaction/"""
        trigger = f"{next(self._number)}.{self.team}.trigger"
        self._triggers[trigger] = (user, self.clock.now())
        return trigger

    def new_action_token(self, user: str, channel: str) -> str:
        """https://docs.slack.dev/apis/web-api/real-time-search-api"""
        token = f"{next(self._number)}.action.{uuid.uuid4().hex}"
        self.actions[token] = Action(user, channel, self.clock.now())
        return token

    def searcher(self, args: Json) -> str:
        """The person for whom a call searches, by its token."""
        action = self.actions.get(str(args.get("action_token", "")))
        return action.user if action else ""

    def spend_trigger(self, trigger: str) -> str:
        """The user it belongs to.

        Raises:
            SlackError: invalid_trigger_id, expired_trigger_id.
        """
        if trigger not in self._triggers:
            raise SlackError("invalid_trigger_id")
        user, at_s = self._triggers.pop(trigger)
        if self.clock.now() - at_s > 3:
            raise SlackError("expired_trigger_id")
        return user

    def new_response_url(self, channel: str, user: str, source_ts: str | None = None) -> str:
        key = self.new_id("R")
        self.response_urls[key] = ResponseUrl(channel, user, source_ts, self.clock.now())
        return f"{self.base_url}/response/{key}"

    # -- people and channels

    def add_person(self, id: str, name: str, real_name: str, **more: Any) -> Person:
        self.people[id] = Person(id, name, real_name, **{"team": self.team} | more)
        return self.people[id]

    def add_channel(self, id: str, name: str, kind: str = "channel", *, bot_in: bool = True) -> Channel:
        members = set(self.people) - (set() if bot_in else {BOT_USER})
        self.channels[id] = Channel(id, name, kind, members)
        return self.channels[id]

    def direct_channel(self, user: str) -> Channel:
        """The DM of this person and the bot: D1 for U1."""
        id = "D" + user.removeprefix("U")
        return self.channels.setdefault(id, Channel(id, "", "im", {user, BOT_USER}))

    def channel(self, id: str, *, joined: bool = False) -> Channel:
        """A channel the bot may see.

        Raises:
            SlackError: channel_not_found, and not_in_channel where the bot has to be a member.
        """
        channel = self.channels.get(id)
        inside = channel is not None and BOT_USER in channel.members
        if channel is None or (channel.kind != "channel" and not inside):
            raise SlackError("channel_not_found")
        if joined and not inside:
            raise SlackError("not_in_channel")
        return channel

    def find(self, channel: str, ts: str) -> Message | None:
        held = self.channels[channel].messages.get(ts) if channel in self.channels else None
        return None if held is None or held.deleted else held

    # -- changes

    def post(self, message: Message) -> Message:
        """Puts a message into its channel and announces it."""
        if len(message.text) > POST_TEXT_MAX:
            message.text, message.truncated = message.text[:POST_TEXT_MAX], True
        self.channels[message.channel].add(message)
        if message.bot_id == BOT and message.thread_ts:
            self.statuses.pop((message.channel, message.thread_ts), None)
        self.seen(message)
        if not message.ephemeral_to:
            both = (self._tell, self.mention)
            for tell in reversed(both) if self.mention_first else both:
                tell(message)
        return message

    def _tell(self, message: Message) -> None:
        self.announce(message, payloads.message_event(self, message))

    def mention(self, message: Message) -> None:
        """Announces that the bot is mentioned, if it is, outside of direct messages."""
        direct = self.channels[message.channel].kind == "im"
        if f"<@{BOT_USER}>" in message.text and message.user != BOT_USER and not direct:
            self.announce(message, payloads.mention_event(self, message))

    def change(self, message: Message, alter: Callable[[Message], None], *, quiet: bool = False) -> None:
        """Alters a message and announces what it was and is."""
        before = payloads.message_body(self, message)
        alter(message)
        self.seen(message)
        if not quiet and not message.ephemeral_to:
            self.announce(message, payloads.changed_event(self, message, before))

    def delete(self, message: Message) -> None:
        before = payloads.message_body(self, message)
        message.deleted = True
        self.seen(message)
        if not message.ephemeral_to:
            self.announce(message, payloads.deleted_event(self, message, before))

    def seen(self, message: Message) -> None:
        message.history.append((time.monotonic(), message.visible))
        self.pulse.beat()

    def announce(self, message: Message, event: Json) -> None:
        """Emits an event about a message, where the bot is a member; its own only with `echo`."""
        if BOT_USER in self.channels[message.channel].members and (self.echo or message.bot_id != BOT):
            self.emit(event)

    def emit(self, event: Json) -> None:
        """Delivers an event, if the app subscribes to it and events are not being lost."""
        name = event["type"]
        if name == "message":
            name = f"message.{KINDS[event['channel_type']]}"
        if name in self.subscriptions and not self.lose_events:
            self.sockets.deliver("events_api", payloads.event_callback(self, event))
