"""Payloads of Discord, read as discord.py would hold them."""

from __future__ import annotations

from typing import Any

import discord

from bots.discord.incoming import (
    channel_to_place,
    message_to_ask,
    update_to_edited,
)
from bots.discord.lenient import read_message
from core.values.conversation import Ask
from core.values.events import Edited
from tests.fakes.discord import ADA, APPLICATION, BO, BOT, CHEN, FORUM, GENERAL, GUILD, wire
from tests.fakes.discord.guild import BOT_ROLE, World

THREAD, FORUM_POST, DM = 700, 701, 702
EDITED: Json = {"edited_timestamp": "2026-11-22T10:05:00+00:00"}
MESSAGE = 1_300_000_000_000_000_000
Json = dict[str, Any]


class Reader:
    """discord.py with one guild in its cache, and no network."""

    def __init__(self) -> None:
        self.world = World()
        self.client = discord.Client(intents=discord.Intents.default())
        self.state: Any = self.client._connection
        self.state.user = discord.ClientUser(state=self.state, data=self.user(BOT))  # type: ignore[arg-type]
        guild: Any = wire.guild_create(self.world, all_members=False)
        guild["threads"] = [self.thread(THREAD, GENERAL), self.thread(FORUM_POST, FORUM)]
        self.state._add_guild_from_data(guild)

    @property
    def me(self) -> discord.ClientUser:
        assert self.client.user is not None
        return self.client.user

    def user(self, user_id: int) -> Json:
        return wire.user(self.world.people[user_id])

    def thread(self, thread_id: int, parent_id: int) -> Json:
        return {
            "id": str(thread_id),
            "guild_id": str(GUILD),
            "parent_id": str(parent_id),
            "owner_id": str(ADA),
            "type": 11,
            "name": "a thread",
            "last_message_id": None,
            "message_count": 0,
            "member_count": 1,
            "flags": 0,
            "thread_metadata": {
                "archived": False,
                "locked": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": "2026-11-22T10:00:00+00:00",
            },
        }

    def payload(self, content: str, *, by: int = ADA, channel: int = GENERAL, **fields: Any) -> Json:
        mentions = [i for i in (BOT, ADA, BO, CHEN) if f"<@{i}>" in content]
        shown: Json = {
            "id": str(MESSAGE),
            "channel_id": str(channel),
            "type": 0,
            "author": self.user(by),
            "content": content,
            "timestamp": "2026-11-22T10:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [self.user(i) for i in mentions],
            "mention_roles": [str(BOT_ROLE)] if f"<@&{BOT_ROLE}>" in content else [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "pinned": False,
            "flags": 0,
        }
        if channel != DM:
            shown["guild_id"] = str(GUILD)
        return shown | fields

    def reply(self, content: str, *, to: int, of: int, pings: bool = True, **fields: Any) -> Json:
        """A reply to message `to`, which `of` wrote."""
        shown: Json = {
            "type": 19,
            "message_reference": {"type": 0, "message_id": str(to), "channel_id": str(GENERAL)},
            "referenced_message": self.payload("earlier", by=of, id=str(to)),
        }
        return self.payload(content, **shown | ({"mentions": [self.user(of)]} if pings else {}) | fields)

    def message(self, data: Json) -> discord.Message:
        channel, _ = self.state._get_guild_channel(data)
        return read_message(self.state, channel, data)

    def ask(self, data: Json) -> Ask | None:
        message = self.message(data)
        here = channel_to_place(message.channel)
        assert here is not None
        return message_to_ask(message, self.me, here)

    def heard(self, data: Json) -> Ask:
        ask = self.ask(data)
        assert ask is not None
        return ask

    def text(self, content: str, **fields: Any) -> str:
        return self.heard(self.payload(content, **fields)).text

    def update(self, data: Json, before: Json | None = None) -> Edited | None:
        message = self.message(data)
        payload = discord.RawMessageUpdateEvent(data=data, message=message)  # type: ignore[arg-type]
        payload.cached_message = self.message(before) if before else None
        here = channel_to_place(message.channel)
        assert here is not None
        return update_to_edited(payload, self.me, here)

    def interaction(
        self, channel: Json, *, kind: int = 2, data: Json | None = None, may: int = 0, **fields: Any
    ) -> Any:
        in_guild = channel["type"] not in (1, 3)
        who: Json = {"member": wire.member(self.world, self.world.people[CHEN]) | {"user": self.user(CHEN)}}
        who["member"]["permissions"] = str(may)
        payload: Json = {
            "id": str(MESSAGE),
            "application_id": str(APPLICATION),
            "type": kind,
            "token": "ticket",
            "version": 1,
            "attachment_size_limit": 1,
            "entitlements": [],
            "locale": "zh-CN",
            "channel": channel,
            "context": 0 if in_guild else 1,
            "authorizing_integration_owners": {"0": str(GUILD) if in_guild else "0"},
            "data": data or {"id": "1", "name": "ask", "type": 1},
        }
        payload |= {"guild_id": str(GUILD)} | who if in_guild else {"user": self.user(CHEN)}
        return discord.Interaction(data=payload | fields, state=self.state)  # type: ignore[arg-type]


GENERAL_CHANNEL: Json = {"id": str(GENERAL), "type": 0, "name": "general", "permissions": "0"}
DM_CHANNEL: Json = {"id": str(DM), "type": 1, "last_message_id": None, "flags": 0, "recipients": []}
