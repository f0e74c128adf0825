"""Changes of the guild by any actor: the state changes, then the gateway notifies the bot."""

from __future__ import annotations

import re
import time
from copy import copy
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from tests.fakes.discord import wire
from tests.fakes.discord.clock import iso
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.guild import (
    Attachment,
    Channel,
    ChannelType,
    Json,
    Message,
    MessageFlag,
    MessageType,
    World,
)
from tests.fakes.discord.mentions import ALL, Pings, pings


@dataclass(frozen=True, slots=True)
class File:
    """An upload: name, bytes, media type."""

    filename: str
    data: bytes
    content_type: str = "application/octet-stream"
    description: str | None = None


def attachment(world: World, file: File) -> Attachment:
    """An upload as Discord keeps it: its name has ASCII letters alone, and its title the whole stem.

    https://docs.discord.com/developers/resources/message#attachment-object
    """
    kept = re.sub(r"[^A-Za-z0-9._-]", "", file.filename.replace(" ", "_")) or "unknown"
    title = PurePath(file.filename).stem if kept != file.filename.replace(" ", "_") else None
    return Attachment(world.ids.next(), kept, file.data, file.content_type, file.description, title)


class Actions:
    """Each method is one thing that happens, with all of its events."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self._world = world
        self.gateway = gateway

    async def post(
        self,
        place: Channel,
        author_id: int,
        content: str = "",
        *,
        kind: MessageType = MessageType.DEFAULT,
        message_id: int | None = None,
        reply_to: Message | None = None,
        forwarded: Message | None = None,
        reference: Json | None = None,
        allowed: Json | None = None,
        parse: tuple[str, ...] = ALL,
        files: list[File] | None = None,
        **fields: Any,
    ) -> Message:
        """Adds a message; ``fields`` are those of Message. Speaking in a thread joins and un-archives it."""
        if reply_to is not None:
            kind, reference = MessageType.REPLY, self.reference(reply_to)
        if forwarded is not None:
            reference = self.reference(forwarded) | {"type": 1}
            forwarded = copy(forwarded)
        message = Message(
            message_id or self._world.ids.next(),
            place.id,
            author_id,
            content,
            self._world.clock.now(),
            type=kind,
            reference=reference,
            forwarded=forwarded,
            **fields,
        )
        message.attachments = [self._attach(file) for file in files or ()]
        if reply_to is not None and (allowed is None or allowed.get("replied_user")):
            message.reply_ping = reply_to.author_id if reply_to.author_id != author_id else None
        message.mentions = self._pings(message, allowed, parse)
        message.pinged = message.mentions
        if place.is_thread and message.ephemeral_to is None:
            await self.enter(place, author_id)
        place.messages[message.id] = message
        await self._tell("MESSAGE_CREATE", message)
        return message

    async def edit(
        self,
        message: Message,
        changes: Json,
        *,
        allowed: Json | None = None,
        parse: tuple[str, ...] = ALL,
        files: list[File] | None = None,
        quietly: bool = False,
    ) -> None:
        """Sets fields of a message. quietly: an answer that fills a loading one does not count as edited."""
        for name, value in changes.items():
            setattr(message, name, value)
        if files:
            message.attachments = [*message.attachments, *map(self._attach, files)]
        if "content" in changes or "components" in changes:
            message.mentions = self._pings(message, allowed, parse)
            message.pinged |= message.mentions
        if "content" in changes:
            message.history.append((time.monotonic(), message.content))
        if not quietly:
            message.edited_at = self._world.clock.now()
        await self._tell("MESSAGE_UPDATE", message)

    async def delete(self, message: Message) -> None:
        message.deleted = True
        place = self._world.channels[message.channel_id]
        private = self._is_private(message)
        body = {"id": str(message.id), "channel_id": str(place.id)}
        await self.gateway.dispatch(
            "MESSAGE_DELETE", body if private else body | {"guild_id": str(place.guild_id)}, private=private
        )

    async def delete_channel(self, channel: Channel) -> None:
        """Discord reports the end of the channel only, not that of its threads.

        https://docs.discord.com/developers/events/gateway-events#channel-delete
        """
        threads = self._world.threads(channel.id) + self._world.threads(channel.id, archived=True)
        for gone in (channel, *threads):
            del self._world.channels[gone.id]
        if channel.is_thread:
            body = {"id": str(channel.id), "parent_id": str(channel.parent_id), "type": int(channel.type)}
            await self.gateway.dispatch("THREAD_DELETE", body | {"guild_id": str(channel.guild_id)})
        else:
            await self.gateway.dispatch("CHANNEL_DELETE", wire.channel(self._world, channel))

    async def open_thread(
        self,
        parent: Channel,
        owner_id: int,
        name: str,
        *,
        starter: Message | None = None,
        kind: ChannelType = ChannelType.PUBLIC_THREAD,
        auto_archive_minutes: int = 1440,
        applied_tags: list[str] | None = None,
    ) -> Channel:
        """A thread on a message takes its id, and repeats it as first message (type 21).

        https://docs.discord.com/developers/topics/threads#public-threads
        """
        thread = Channel(
            starter.id if starter else self._world.ids.next(),
            kind,
            name,
            guild_id=parent.guild_id,
            parent_id=parent.id,
            owner_id=owner_id,
            auto_archive_minutes=auto_archive_minutes,
            created_at=self._world.clock.now(),
            applied_tags=applied_tags or [],
        )
        thread.members[owner_id] = self._world.clock.now()
        self._world.channels[thread.id] = thread
        await self.gateway.dispatch("THREAD_CREATE", wire.thread(self._world, thread) | {"newly_created": True})
        await self._tell_members(thread, owner_id)
        if starter is not None:
            starter.thread_id = thread.id
            starter.flags |= MessageFlag.HAS_THREAD
            await self._tell("MESSAGE_UPDATE", starter)
            await self.post(
                thread,
                owner_id,
                kind=MessageType.THREAD_STARTER_MESSAGE,
                reference=self.reference(starter),
            )
        elif parent.type == ChannelType.TEXT and kind == ChannelType.PUBLIC_THREAD:
            await self.post(
                parent,
                owner_id,
                name,
                kind=MessageType.THREAD_CREATED,
                reference={"type": 0, "channel_id": str(thread.id), "guild_id": str(thread.guild_id)},
            )
        return thread

    async def enter(self, thread: Channel, person_id: int) -> None:
        """Joins a thread and, if it was archived, wakes it."""
        if thread.archived:
            await self.change(thread, archived=False)
        if person_id not in thread.members:
            thread.members[person_id] = self._world.clock.now()
            await self._tell_members(thread, person_id)

    async def change(self, place: Channel, **fields: Any) -> None:
        """Sets fields of a channel or thread: name, topic, archived, locked, denied and so on."""
        if fields.get("archived", place.archived) != place.archived:
            place.archived_at = self._world.clock.now()
        for name, value in fields.items():
            setattr(place, name, value)
        event = "THREAD_UPDATE" if place.is_thread else "CHANNEL_UPDATE"
        await self.gateway.dispatch(event, wire.channel(self._world, place), private=place.is_dm)

    async def react(self, message: Message, person_id: int, emoji: str) -> None:
        message.reactions.setdefault(emoji, set()).add(person_id)
        private = self._is_private(message)
        person = self._world.people[person_id]
        body: Json = {
            "user_id": str(person_id),
            "channel_id": str(message.channel_id),
            "message_id": str(message.id),
            "message_author_id": str(message.author_id),
            "emoji": {"id": None, "name": emoji},
            "burst": False,
            "type": 0,
        }
        if not private:
            guild_id = self._world.channels[message.channel_id].guild_id
            body |= {"guild_id": str(guild_id), "member": wire.member_with_user(self._world, person)}
        await self.gateway.dispatch("MESSAGE_REACTION_ADD", body, private=private)

    def reference(self, message: Message) -> Json:
        found = {"type": 0, "channel_id": str(message.channel_id), "message_id": str(message.id)}
        place = self._world.channels[message.channel_id]
        return found if place.is_dm else found | {"guild_id": str(place.guild_id)}

    def _attach(self, file: File) -> Attachment:
        return attachment(self._world, file)

    def _pings(self, message: Message, allowed: Json | None, parse: tuple[str, ...]) -> Pings:
        found = pings(message.text, allowed, parse=parse)
        if message.reply_ping is not None:
            found |= Pings(users=frozenset({message.reply_ping}))
        return Pings(users=found.users) if self._world.channels[message.channel_id].is_dm else found

    def _is_private(self, message: Message) -> bool:
        """Direct and ephemeral messages belong to the DIRECT_MESSAGES intent."""
        return self._world.channels[message.channel_id].is_dm or bool(message.flags & MessageFlag.EPHEMERAL)

    async def _tell(self, event: str, message: Message) -> None:
        if self._world.channels[message.channel_id].bot_absent:
            return
        await self.gateway.dispatch(
            event,
            lambda sees: wire.message_event(self._world, message, sees_content=sees),
            private=self._is_private(message),
        )

    async def _tell_members(self, thread: Channel, person_id: int) -> None:
        added = wire.thread_member(thread, person_id) | {
            "member": wire.member_with_user(self._world, self._world.people[person_id]),
            "presence": None,
        }
        await self.gateway.dispatch(
            "THREAD_MEMBERS_UPDATE",
            {
                "id": str(thread.id),
                "guild_id": str(thread.guild_id),
                "member_count": len(thread.members),
                "added_members": [added],
            },
        )

    async def join(self, person_id: int, place: Channel) -> Message:
        """A new member: the event, and the system message (type 7) in the channel."""
        self._world.members[person_id] = self._world.clock.now()
        person = self._world.people[person_id]
        body = wire.member_with_user(self._world, person) | {"guild_id": str(place.guild_id)}
        await self.gateway.dispatch("GUILD_MEMBER_ADD", body | {"joined_at": iso(self._world.clock.now())})
        return await self.post(place, person_id, kind=MessageType.USER_JOIN)
