"""The state of a small Discord: its guilds, people, channels and messages. All guilds have the same people and roles.

Nothing here does I/O. ``wire`` renders it as JSON, ``actions`` changes it and notifies the gateway.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any

from tests.fakes.discord.clock import Clock, Snowflakes
from tests.fakes.discord.errors import Refusal
from tests.fakes.discord.mentions import Pings

Json = dict[str, Any]

GUILD = 100
GENERAL, RANDOM = 200, 201
FORUM = 300
BOT_ROLE = 150
ADA, BO, CHEN = 501, 502, 503
OTHER_BOT = 950
BOT = 900
APPLICATION = 901


class ChannelType(IntEnum):
    """https://docs.discord.com/developers/resources/channel#channel-object-channel-types"""

    TEXT = 0
    DM = 1
    VOICE = 2
    ANNOUNCEMENT = 5
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    FORUM = 15
    MEDIA = 16


THREADS = (ChannelType.ANNOUNCEMENT_THREAD, ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD)
OF_POSTS = (ChannelType.FORUM, ChannelType.MEDIA)
"""Channels that hold threads and no messages. A thread in one begins with a message that has its id."""


class Permission(IntFlag):
    """https://docs.discord.com/developers/topics/permissions#permissions-bitwise-permission-flags"""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38


P = Permission
NOTHING = Permission(0)
ALL = Permission(sum(Permission))
EVERYONE_MAY = ALL ^ (
    P.ADMINISTRATOR | P.MANAGE_CHANNELS | P.MANAGE_GUILD | P.MANAGE_MESSAGES | P.MANAGE_THREADS
)
INVITED = (
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.CREATE_PUBLIC_THREADS
    | P.SEND_MESSAGES_IN_THREADS
    | P.READ_MESSAGE_HISTORY
    | P.ATTACH_FILES
)
"""The permissions in the link by which the bot was invited."""
BOT_MAY = EVERYONE_MAY | INVITED
DM_MAY = P.ATTACH_FILES | P.EMBED_LINKS | P.MENTION_EVERYONE | P.USE_EXTERNAL_EMOJIS


class MessageFlag(IntFlag):
    """https://docs.discord.com/developers/resources/message#message-object-message-flags"""

    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    IS_VOICE_MESSAGE = 1 << 13
    HAS_SNAPSHOT = 1 << 14
    IS_COMPONENTS_V2 = 1 << 15


class MessageType(IntEnum):
    """https://docs.discord.com/developers/resources/message#message-object-message-types"""

    DEFAULT = 0
    USER_JOIN = 7
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER_MESSAGE = 21
    CONTEXT_MENU_COMMAND = 23


@dataclass(slots=True)
class Person:
    """A user, and member of the guild. dm_open: whether the bot may write to them."""

    id: int
    username: str
    global_name: str | None = None
    locale: str = "en-US"
    nick: str | None = None
    bot: bool = False
    dm_open: bool = True
    roles: list[int] = field(default_factory=list)
    voice_guest: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """The permissions of its members beside those of everyone."""

    id: int
    name: str
    permissions: Permission


@dataclass(slots=True)
class Attachment:
    """A file on a message; its bytes are served by the CDN address. title: the name's stem, where Discord stripped
    letters from the name."""

    id: int
    filename: str
    data: bytes
    content_type: str
    description: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message. Link buttons have a url and no custom_id."""

    label: str | None
    custom_id: str | None
    style: int
    disabled: bool
    url: str | None
    emoji: str | None


@dataclass(slots=True)
class Message:
    """One message as a person sees it.

    history: every content it had, with ``time.monotonic()``. pinged: all that its texts ever notified.
    forwarded: the message that it forwards, as it was then.
    ephemeral_to: the one person who sees it, if only one does. odd: keys that it has beside or instead of ours.
    """

    id: int
    channel_id: int
    author_id: int
    content: str
    created_at: float
    type: int = MessageType.DEFAULT
    flags: int = 0
    components: list[Json] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reference: Json | None = None
    forwarded: Message | None = None
    nonce: str | int | None = None
    reply_ping: int | None = None
    mentions: Pings = field(default_factory=Pings)
    pinged: Pings = field(default_factory=Pings)
    reactions: dict[str, set[int]] = field(default_factory=dict)
    interaction: Json | None = None
    edited_at: float | None = None
    deleted: bool = False
    ephemeral_to: int | None = None
    thread_id: int | None = None
    odd: Json = field(default_factory=dict)
    history: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append((time.monotonic(), self.content))

    @property
    def edited(self) -> bool:
        return self.edited_at is not None

    @property
    def visible(self) -> bool:
        """True if people can still read it (an ephemeral one: its person)."""
        return not self.deleted

    @property
    def loading(self) -> bool:
        """True if it shows "... is thinking"."""
        return bool(self.flags & MessageFlag.LOADING)

    @property
    def text(self) -> str:
        """The content, and the texts of its components, in reading order."""
        shown = [c["content"] for c in walk(self.components) if c["type"] == 10]
        return "\n".join(filter(None, [self.content, *shown]))

    @property
    def buttons(self) -> list[Button]:
        return [
            Button(
                c.get("label"),
                c.get("custom_id"),
                c["style"],
                c.get("disabled", False),
                c.get("url"),
                (c.get("emoji") or {}).get("name"),
            )
            for c in walk(self.components)
            if c["type"] == 2
        ]


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component, outer before inner."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        if accessory := component.get("accessory"):
            yield from walk([accessory])


@dataclass(slots=True)
class Channel:
    """A text channel, forum, thread or direct conversation. guild_id: 0 for a direct one. denied: what the bot may not
    do in it; denied_people: what some people may not; overwrites: (allowed, denied) for the id of the guild (everyone),
    of a role or of a person. pinned: a post at the top of its forum; requires_tag: a forum whose posts need a tag."""

    id: int
    type: ChannelType
    name: str = ""
    guild_id: int = GUILD
    topic: str | None = None
    parent_id: int | None = None
    owner_id: int | None = None
    recipient_id: int | None = None
    bot_absent: bool = False
    nsfw: bool = False
    denied: Permission = NOTHING
    denied_people: dict[int, Permission] = field(default_factory=dict)
    overwrites: dict[int, tuple[Permission, Permission]] = field(default_factory=dict)
    archived: bool = False
    archived_at: float | None = None
    locked: bool = False
    pinned: bool = False
    requires_tag: bool = False
    auto_archive_minutes: int = 1440
    slowmode_s: int = 0
    created_at: float = 0.0
    members: dict[int, float] = field(default_factory=dict)
    tags: list[Json] = field(default_factory=list)
    applied_tags: list[str] = field(default_factory=list)
    messages: dict[int, Message] = field(default_factory=dict)

    @property
    def is_thread(self) -> bool:
        return self.type in THREADS

    @property
    def has_posts(self) -> bool:
        return self.type in OF_POSTS

    @property
    def is_dm(self) -> bool:
        return self.type == ChannelType.DM

    @property
    def listed(self) -> list[Message]:
        """The message list of the channel, oldest first."""
        return [m for m in self.messages.values() if not m.deleted and m.ephemeral_to is None]


@dataclass(slots=True)
class Interaction:
    """A command, press or form, and what became of it.

    answered: the callback type that was given (4, 5, 6, 7, 8, 9), None before. choices: of an autocomplete.
    modal: the form that was opened. opener: of a form, the interaction that opened it.
    """

    id: int
    token: str
    type: int
    user_id: int
    channel_id: int
    created_at: float
    name: str = ""
    message_type: int = MessageType.CHAT_INPUT_COMMAND
    owners: Json = field(default_factory=dict)
    source: Message | None = None
    opener: Interaction | None = None
    answered: int | None = None
    answered_at: float | None = None
    response: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] | None = None
    modal: Json | None = None

    @property
    def deferred(self) -> bool:
        """True if it was acknowledged by putting the answer off; ``response.loading`` until that comes."""
        return self.answered in (5, 6)


class World:
    """All of it. Ids of fixed things are small; ids of what happens later grow with time."""

    def __init__(self, *, message_content_allowed: bool = True) -> None:
        self.clock = Clock()
        self.ids = Snowflakes(self.clock)
        self.message_content_allowed = message_content_allowed
        self.people = {
            person.id: person
            for person in (
                Person(ADA, "ada", "Ada Byron"),
                Person(BO, "bo", "Bo Larsen", locale="da"),
                Person(CHEN, "chen", "陈晨", locale="zh-CN"),
                Person(OTHER_BOT, "herald", None, bot=True),
                Person(BOT, "parley", None, bot=True),
            )
        }
        self.members = {person: self.clock.now() for person in self.people}
        self.roles: dict[int, Role] = {}
        self.guilds = {GUILD: "Analytical Society"}
        self.everyone_may = EVERYONE_MAY
        self.bot_role_may = BOT_MAY
        self.bot_in_guild = True
        self.code_grant = False
        self.interactions_url: str | None = None
        self.channels = {
            GENERAL: Channel(GENERAL, ChannelType.TEXT, "general"),
            RANDOM: Channel(RANDOM, ChannelType.TEXT, "random"),
            FORUM: Channel(FORUM, ChannelType.FORUM, "questions", tags=[_tag(310, "open"), _tag(311, "done")]),
        }
        self.interactions: dict[int, Interaction] = {}
        self.tokens: dict[str, Interaction] = {}
        self.nonces: dict[str, Message] = {}
        self.uploads: dict[int, Attachment] = {}
        self.commands: list[Json] = []
        self.file_limit_bytes = 10 * 1024 * 1024
        self.cdn_url = ""
        self.gateway_url = ""

    def channel(self, channel_id: int | str) -> Channel:
        """Raises Refusal 10003."""
        try:
            return self.channels[int(channel_id)]
        except (KeyError, ValueError):
            raise Refusal(10003) from None

    def message(self, channel_id: int | str, message_id: int | str) -> Message:
        """Raises Refusal 10003 or 10008."""
        message = self.channel(channel_id).messages.get(int(message_id))
        if message is None or message.deleted:
            raise Refusal(10008)
        return message

    def file(self, file_id: int) -> Attachment | None:
        """Any file that was ever sent, by its id."""
        everything = (m for c in self.channels.values() for m in c.messages.values())
        sent = (file for message in everything for file in message.attachments if file.id == file_id)
        return self.uploads.get(file_id) or next(sent, None)

    def dm(self, person_id: int) -> Channel:
        """The conversation of the bot with a person, opened when needed."""
        for channel in self.channels.values():
            if channel.is_dm and channel.recipient_id == person_id and not channel.bot_absent:
                return channel
        opened = Channel(self.ids.next(), ChannelType.DM, guild_id=0, recipient_id=person_id)
        self.channels[opened.id] = opened
        return opened

    def in_guild(self, guild_id: int) -> list[Channel]:
        """The channels and threads of a guild."""
        return [channel for channel in self.channels.values() if channel.guild_id == guild_id]

    def threads(self, parent_id: int | None = None, *, archived: bool = False) -> list[Channel]:
        return [
            channel
            for channel in self.channels.values()
            if channel.is_thread and channel.archived == archived and parent_id in (None, channel.parent_id)
        ]

    def bot_may(self, channel: Channel) -> Permission:
        """The bot's permissions there; threads inherit from their parent.

        https://docs.discord.com/developers/topics/threads#permissions
        """
        if channel.bot_absent:
            return Permission(0)
        if channel.is_dm:
            return DM_MAY | P.VIEW_CHANNEL | P.SEND_MESSAGES | P.READ_MESSAGE_HISTORY | P.ADD_REACTIONS
        denied = channel.denied
        top = channel
        if channel.parent_id is not None:
            top = self.channels[channel.parent_id]
            denied |= top.denied
        may = _overwritten(top, self.bot_role_may, [BOT_ROLE], BOT) & ~denied
        joined = channel.type != ChannelType.PRIVATE_THREAD or BOT in channel.members
        return may if joined or P.MANAGE_THREADS in may else NOTHING

    def may(self, person_id: int, channel: Channel | None = None) -> Permission:
        """The permissions of a person in a channel or thread, or everywhere; ADA owns the guild.

        https://docs.discord.com/developers/topics/permissions#permission-overwrites
        """
        granted = self.everyone_may
        for role in self.people[person_id].roles:
            granted |= self.roles[role].permissions
        if person_id == ADA or P.ADMINISTRATOR in granted:
            return ALL
        if channel is not None and channel.parent_id is not None:
            channel = self.channels[channel.parent_id]
        if channel is None:
            return granted
        may = _overwritten(channel, granted, self.people[person_id].roles, person_id)
        return may & ~channel.denied_people.get(person_id, NOTHING)

    def need(self, channel: Channel, permission: Permission) -> None:
        """Raises Refusal 50001 when the bot cannot see the channel, 50013 when it lacks the permission."""
        may = self.bot_may(channel)
        if P.VIEW_CHANNEL not in may:
            raise Refusal(50001)
        if permission not in may:
            raise Refusal(50013)


def _overwritten(channel: Channel, base: Permission, roles: list[int], person_id: int) -> Permission:
    """The permissions after the overwrites of everyone, then of all roles together, then of the person."""
    nothing = (NOTHING, NOTHING)
    allowed, denied = channel.overwrites.get(channel.guild_id, nothing)
    may = base & ~denied | allowed
    of_roles = [channel.overwrites.get(role, nothing) for role in roles]
    for _, denied in of_roles:
        may &= ~denied
    for allowed, _ in of_roles:
        may |= allowed
    allowed, denied = channel.overwrites.get(person_id, nothing)
    return may & ~denied | allowed


def _tag(tag_id: int, name: str) -> Json:
    return {"id": str(tag_id), "name": name, "moderated": False, "emoji_id": None, "emoji_name": None}
