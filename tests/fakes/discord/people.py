"""The actions of people, and their views. The bot has no part in this file."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from tests.fakes.discord import commands, wire
from tests.fakes.discord.actions import Actions, File, attachment
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.guild import (
    APPLICATION,
    BOT,
    BOT_ROLE,
    DM_MAY,
    GENERAL,
    GUILD,
    NOTHING,
    OTHER_BOT,
    Attachment,
    Channel,
    ChannelType,
    Interaction,
    Json,
    Message,
    MessageFlag,
    MessageType,
    Permission,
    Person,
    Role,
    World,
    walk,
)
from tests.waiting import HANG_S

T = TypeVar("T")

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
IN_GUILD, IN_BOT_DM, IN_PRIVATE_CHANNEL = 0, 1, 2


class People:
    """Acts of people return the id of what came of them. Users, channels and messages are named by id."""

    def __init__(self, world: World, gateway: Gateway, actions: Actions) -> None:
        self.world = world
        self.gateway = gateway
        self.actions = actions
        self._change = asyncio.Event()

    # -- the place ----------------------------------------------------------------------------------------

    def add_person(
        self, name: str, *, locale: str = "en-US", bot: bool = False, nick: str | None = None
    ) -> int:
        """A new user who is a member of the guild already."""
        person = Person(self.world.ids.next(), name.lower().replace(" ", "."), name, locale, nick, bot)
        self.world.people[person.id] = person
        self.world.members[person.id] = self.world.clock.now()
        return person.id

    async def add_guild(self, name: str) -> int:
        """A guild that the bot joins; its one channel has its id. Those added in turn belong to different shards."""
        guild_id = GUILD + (len(self.world.guilds) << 22)
        self.world.guilds[guild_id] = name
        self.world.channels[guild_id] = Channel(guild_id, ChannelType.TEXT, "general", guild_id)
        await self.gateway.dispatch("GUILD_CREATE", wire.guild_create(self.world, guild_id, all_members=False))
        return guild_id

    async def add_channel(self, name: str, *, kind: ChannelType = ChannelType.TEXT, guild: int = GUILD) -> int:
        channel = Channel(self.world.ids.next(), kind, name, guild)
        self.world.channels[channel.id] = channel
        await self.gateway.dispatch("CHANNEL_CREATE", wire.channel(self.world, channel))
        return channel.id

    def private_chat(self, user: int) -> int:
        """A conversation between two people: the bot is only there through commands a user installed."""
        channel = Channel(self.world.ids.next(), ChannelType.DM, guild_id=0, recipient_id=user, bot_absent=True)
        self.world.channels[channel.id] = channel
        return channel.id

    async def deny(self, channel: int, *permissions: Permission) -> None:
        """Takes permissions from the bot in a channel and its threads; with none given, gives all back."""
        denied = Permission(0)
        for permission in permissions:
            denied |= permission
        await self.actions.change(self.world.channels[channel], denied=denied)

    async def deny_person(self, user: int, channel: int, *permissions: Permission) -> None:
        """Takes permissions from a person in a channel and its threads; with none given, gives all back."""
        denied = Permission(0)
        for permission in permissions:
            denied |= permission
        place = self.world.channels[channel]
        await self.actions.change(place, denied_people=place.denied_people | {user: denied})

    async def hide(self, channel: int, *roles: int) -> None:
        """Lets nobody see a channel but who has one of these roles, and the bot."""
        sees = Permission.VIEW_CHANNEL
        overwrites = {self.world.channels[channel].guild_id: (NOTHING, sees)} | dict.fromkeys(
            (BOT_ROLE, *roles), (sees, NOTHING)
        )
        await self.actions.change(self.world.channels[channel], overwrites=overwrites)

    async def overwrite(
        self, channel: int, target: int, *, allow: Permission = NOTHING, deny: Permission = NOTHING
    ) -> None:
        """Sets the overwrite of everyone (the guild's id), of a role or of a person; with none given, removes it."""
        place = self.world.channels[channel]
        await self.actions.change(place, overwrites=place.overwrites | {target: (allow, deny)})

    async def let_everyone(self, permissions: Permission) -> None:
        """Sets the permissions of @everyone in the whole guild."""
        self.world.everyone_may = permissions
        shown = wire.role(GUILD, "@everyone", permissions, 0)
        await self.gateway.dispatch("GUILD_ROLE_UPDATE", {"guild_id": str(GUILD), "role": shown})

    async def grant(self, user: int, *permissions: Permission, role: str = "trusted") -> int:
        """A new role with these permissions, given to a person; returns its id."""
        granted = Permission(0)
        for permission in permissions:
            granted |= permission
        made = Role(self.world.ids.next(), role, granted)
        self.world.roles[made.id] = made
        person = self.world.people[user]
        person.roles.append(made.id)
        shown = wire.role(made.id, made.name, made.permissions, 2)
        await self.gateway.dispatch("GUILD_ROLE_CREATE", {"guild_id": str(GUILD), "role": shown})
        member = wire.member_with_user(self.world, person) | {"guild_id": str(GUILD)}
        await self.gateway.dispatch("GUILD_MEMBER_UPDATE", member)
        return made.id

    async def pin(self, post: int) -> None:
        """Pins a post to the top of its forum."""
        await self.actions.change(self.world.channels[post], pinned=True)
        self.notify()

    async def archive(self, thread: int, *, locked: bool = False) -> None:
        await self.actions.change(self.world.channels[thread], archived=True, locked=locked)

    # -- talking ------------------------------------------------------------------------------------------

    async def say(
        self,
        user: int,
        channel: int,
        content: str,
        reply_to: int | None = None,
        *,
        ping: bool = True,
        files: list[File] | None = None,
        **odd: Any,
    ) -> int:
        """A message; with ``reply_to`` a reply, which mentions its author unless ``ping`` is off.

        odd: what Discord says of it beside or instead, such as ``sticker_items`` or ``poll``.
        """
        place = self.world.channels[channel]
        allowed = None if ping else {"parse": ["users", "roles", "everyone"], "replied_user": False}
        message = await self.actions.post(
            place,
            user,
            content,
            reply_to=place.messages[reply_to] if reply_to is not None else None,
            allowed=allowed,
            files=files,
            odd=odd,
        )
        return self._note(message.id)

    async def direct(
        self,
        user: int,
        content: str,
        reply_to: int | None = None,
        *,
        files: list[File] | None = None,
        **odd: Any,
    ) -> int:
        """A direct message to the bot."""
        return await self.say(user, self.dm(user), content, reply_to, files=files, **odd)

    async def forward(self, user: int, message: int, to: int) -> int:
        """Forwards a message to the channel ``to``."""
        place = self.world.channels[to]
        flags = MessageFlag.HAS_SNAPSHOT
        made = await self.actions.post(place, user, forwarded=self.message(message), flags=flags)
        return self._note(made.id)

    async def bot_says(self, channel: int, content: str, reply_to: int | None = None) -> int:
        """A message of another bot."""
        return await self.say(OTHER_BOT, channel, content, reply_to)

    async def edit(self, message: int, content: str | None = None, **odd: Any) -> None:
        """odd: as in ``say``."""
        said = self.message(message)
        said.odd |= odd
        await self.actions.edit(said, {} if content is None else {"content": content})
        self.notify()

    async def delete(self, message: int) -> None:
        await self.actions.delete(self.message(message))
        self.notify()

    async def delete_channel(self, channel: int) -> None:
        """Deletes a channel with its threads, or one thread."""
        await self.actions.delete_channel(self.world.channels[channel])
        self.notify()

    async def react(self, user: int, message: int, emoji: str) -> None:
        await self.actions.react(self.message(message), user, emoji)
        self.notify()

    async def join(self, name: str = "Newcomer", channel: int = GENERAL) -> int:
        """A new person joins; returns the id of the system message."""
        person = self.add_person(name)
        message = await self.actions.join(person, self.world.channels[channel])
        return self._note(message.id)

    async def open_thread(
        self, user: int, channel: int, message: int | None, name: str, first: str = "", *, private: bool = False
    ) -> int:
        """A thread on a message, or without one. In a forum ``first`` is the post that opens it. To a private one the
        bot is added."""
        place = self.world.channels[channel]
        starter = place.messages[message] if message is not None else None
        kind = ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD
        thread = await self.actions.open_thread(place, user, name, starter=starter, kind=kind)
        if private:
            await self.actions.enter(thread, BOT)
        if place.has_posts:
            await self.actions.post(thread, user, first or name, message_id=thread.id)
        return self._note(thread.id)

    # -- interactions -------------------------------------------------------------------------------------

    async def slash(self, user: int, channel: int, command: str, **options: Any) -> int:
        """Uses a registered slash command; returns the id of the interaction.

        Raises LookupError when it is not registered or not offered there, ValueError when the client of a
        person would not send it. A file is an option whose value comes from ``upload``.
        """
        sent = commands.data(self.world, user, command, options, context=self._context(channel))
        return await self._interact(COMMAND, user, channel, sent, name=command)

    async def autocomplete(self, user: int, channel: int, command: str, focused: str, **options: Any) -> int:
        """Types into the option ``focused``; the answer is in ``Interaction.choices``."""
        context = self._context(channel)
        sent = commands.data(self.world, user, command, options, context=context, focused=focused)
        return await self._interact(AUTOCOMPLETE, user, channel, sent, name=command)

    async def context_menu(self, user: int, channel: int, message: int, name: str) -> int:
        """Picks a command from the menu of a message. The bot sees that message with any intents."""
        command = commands.find(self.world, name, commands.ON_MESSAGE, self._context(channel))
        target = self.world.channels[channel].messages[message]
        seen = {str(message): wire.message(self.world, target)}
        sent = {
            "id": command["id"],
            "name": name,
            "type": commands.ON_MESSAGE,
            "target_id": str(message),
            "resolved": {"messages": seen},
        }
        kind = MessageType.CONTEXT_MENU_COMMAND
        return await self._interact(COMMAND, user, channel, sent, name=name, message_type=kind)

    async def press(
        self, user: int, channel: int, message: int, custom_id: str, *, values: list[str] | None = None
    ) -> int:
        """Presses a button, or picks ``values`` in a menu. Raises LookupError if it is not there to press."""
        source = self.world.channels[channel].messages[message]
        component = next((c for c in walk(source.components) if c.get("custom_id") == custom_id), None)
        hidden = source.deleted or source.ephemeral_to not in (None, user)
        if component is None or component.get("disabled") or hidden:
            raise LookupError(f"no {custom_id!r} to press under {source.text[:60]!r}")
        sent: Json = {"custom_id": custom_id, "component_type": component["type"], "id": component.get("id", 1)}
        if component["type"] != 2:
            sent["values"] = values or []
        return await self._interact(COMPONENT, user, channel, sent, source=source)

    async def submit_modal(self, interaction: int, **values: str) -> int:
        """Fills in the form that ``interaction`` opened: custom_id of each field to its value."""
        opener = self.world.interactions[interaction]
        if opener.modal is None:
            raise LookupError("no form was opened")
        filled = [_fill(component, values) for component in opener.modal["components"]]
        sent = {"custom_id": opener.modal["custom_id"], "components": filled}
        return await self._interact(
            MODAL_SUBMIT, opener.user_id, opener.channel_id, sent, source=opener.source, opener=opener
        )

    def upload(self, file: File) -> Attachment:
        """A file for an option of a slash command."""
        return attachment(self.world, file)

    async def _interact(
        self,
        kind: int,
        user: int,
        channel: int,
        sent: Json,
        *,
        name: str = "",
        message_type: MessageType = MessageType.CHAT_INPUT_COMMAND,
        source: Message | None = None,
        opener: Interaction | None = None,
    ) -> int:
        interaction = Interaction(
            self.world.ids.next(),
            secrets.token_urlsafe(96),
            kind,
            user,
            channel,
            self.world.clock.now(),
            name=name,
            message_type=message_type,
            owners=self._owners(sent, user, channel),
            source=source,
            opener=opener,
        )
        self.world.interactions[interaction.id] = interaction
        self.world.tokens[interaction.token] = interaction
        await self.gateway.dispatch("INTERACTION_CREATE", self._interaction_json(interaction, sent))
        return self._note(interaction.id)

    def _interaction_json(self, interaction: Interaction, sent: Json) -> Json:
        """https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object"""
        place = self.world.channels[interaction.channel_id]
        person = self.world.people[interaction.user_id]
        event: Json = {
            "id": str(interaction.id),
            "application_id": str(APPLICATION),
            "type": interaction.type,
            "data": sent,
            "channel": wire.partial_channel(self.world, place, person.id)
            if not place.is_dm
            else wire.dm(self.world, place),
            "channel_id": str(place.id),
            "token": interaction.token,
            "version": 1,
            "app_permissions": str(int(DM_MAY if place.is_dm else self.world.bot_may(place))),
            "locale": person.locale,
            "entitlements": [],
            "authorizing_integration_owners": interaction.owners,
            "context": self._context(place.id),
            "attachment_size_limit": self.world.file_limit_bytes,
        }
        if interaction.source is not None:
            event["message"] = wire.message(self.world, interaction.source)
        if place.is_dm:
            return event | {"user": wire.user(person)}
        permissions = {"permissions": str(int(self.world.may(person.id, place)))}
        return event | {
            "guild_id": str(place.guild_id),
            "guild": {"id": str(place.guild_id), "locale": "en-US", "features": []},
            "guild_locale": "en-US",
            "member": wire.member_with_user(self.world, person) | permissions,
        }

    def _context(self, channel: int) -> int:
        place = self.world.channels[channel]
        if not place.is_dm:
            return IN_GUILD
        return IN_PRIVATE_CHANNEL if place.bot_absent else IN_BOT_DM

    def _owners(self, sent: Json, user: int, channel: int) -> Json:
        """The owners of the installation: the guild ("0") and, for commands that allow it, the user ("1")."""
        context = self._context(channel)
        registered = next((c for c in self.world.commands if c["id"] == sent.get("id")), None)
        by_user = registered is not None and 1 in registered.get("integration_types", [0])
        owners: Json = {}
        if context == IN_GUILD:
            owners["0"] = str(self.world.channels[channel].guild_id)
        elif context == IN_BOT_DM:
            owners["0"] = "0"
        return owners | {"1": str(user)} if by_user and context != IN_GUILD else owners

    # -- what they see ------------------------------------------------------------------------------------

    def dm(self, user: int) -> int:
        """The id of the conversation between a person and the bot."""
        return self.world.dm(user).id

    def messages(self, channel: int) -> list[Message]:
        """All messages of the channel, oldest first; see ``visible`` and ``ephemeral_to`` of each."""
        return list(self.world.channels[channel].messages.values())

    def seen(self, channel: int, by: int) -> list[Message]:
        """The messages that one person sees there now."""
        return [m for m in self.messages(channel) if m.visible and m.ephemeral_to in (None, by)]

    def from_bot(self, channel: int) -> list[Message]:
        """The visible messages of the bot, without the markers that Discord adds itself."""
        markers = (MessageType.THREAD_STARTER_MESSAGE, MessageType.THREAD_CREATED)
        return [m for m in self.messages(channel) if m.author_id == BOT and m.visible and m.type not in markers]

    def message(self, message: int) -> Message:
        """Any message by its id, deleted ones too. Raises LookupError."""
        for channel in self.world.channels.values():
            if message in channel.messages:
                return channel.messages[message]
        raise LookupError(f"no message {message}")

    def thread_of(self, message: int) -> Channel | None:
        """The thread on a message."""
        thread = self.world.channels.get(message)
        return thread if thread is not None and thread.is_thread else None

    def threads(self, channel: int) -> list[Channel]:
        """Threads of a channel, archived ones too, oldest first."""
        return [c for c in self.world.channels.values() if c.is_thread and c.parent_id == channel]

    def interaction(self, interaction: int) -> Interaction:
        return self.world.interactions[interaction]

    @property
    def pinged(self) -> list[Message]:
        """The bot's messages that notified people: tests expect none."""
        return [
            message
            for channel in self.world.channels.values()
            for message in channel.messages.values()
            if message.author_id == BOT and message.pinged
        ]

    @property
    def registered_commands(self) -> dict[str, Json]:
        """Global and guild commands by name."""
        return {command["name"]: command for command in self.world.commands}

    # -- waiting ------------------------------------------------------------------------------------------

    async def wait_for(self, predicate: Callable[[], T | None], timeout_s: float = HANG_S) -> T:
        """The first true value of ``predicate``, asked again after everything that happens here.

        It is asked every 50 ms too, as it may look at things the fake does not see. Raises TimeoutError.
        """
        deadline = time.monotonic() + timeout_s
        while not (value := predicate()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout_s} s; {self._story()}")
            self._change.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._change.wait(), 0.05)
        return value

    def notify(self) -> None:
        """Something happened: waiting predicates are asked again."""
        self._change.set()

    def _note(self, made: int) -> int:
        self.notify()
        return made

    def _story(self) -> str:
        return f"gateway {'connected' if self.gateway.connected else 'not connected'}"


def _fill(component: Json, values: dict[str, str]) -> Json:
    """One part of a form with what was typed into it: rows hold many fields, labels one."""
    filled: Json = {"type": component["type"], "id": component.get("id", 1)}
    if "components" in component:
        return filled | {"components": [_fill(inner, values) for inner in component["components"]]}
    if "component" in component:
        return filled | {"component": _fill(component["component"], values)}
    if "custom_id" in component:
        filled |= {"custom_id": component["custom_id"]}
        shown = component.get("value") or ""
        if component["type"] == 4:
            return filled | {"value": values.get(component["custom_id"], shown)}
        picked = [one["value"] for one in component.get("options") or () if one.get("default")]
        if (value := values.get(component["custom_id"])) is not None:
            picked = [value] if value else []
        return filled | {"values": picked}
    return filled
