"""What Discord tells, as the core's values. Pure: no call, no cache of our own.

Messages: https://docs.discord.com/developers/resources/message ; interactions:
https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import discord

from bots.discord.outgoing import content_to_text, custom_id_to_press
from core.types import Ask, Deleted, Edited, Entry, Person, Place, Press

ASK = "ask-"
"""How the thread of a place begins that is a chain of replies in a channel."""

_SAID = (
    # Everything else is Discord speaking: joins, pins, boosts, thread openings.
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.chat_input_command,
    discord.MessageType.context_menu_command,
)
_MARK = re.compile(
    r"<(?:@!?(?P<user>\d+)|@&(?P<role>\d+)|#(?P<channel>\d+)|a?:(?P<emoji>\w+):\d+|/(?P<command>[^:>]+):\d+)>"
)


def channel_to_place(channel: object) -> Place | None:
    """Where `channel` is; a thread names its parent. None where nothing can be said about it."""
    match channel:
        case discord.DMChannel():
            return Place("discord", "@me", str(channel.id), direct=True)
        case discord.GroupChannel():
            return Place("discord", "@me", str(channel.id))
        case discord.Thread():
            return Place("discord", str(channel.guild.id), str(channel.parent_id), str(channel.id))
        case discord.abc.GuildChannel():
            return Place("discord", str(channel.guild.id), str(channel.id))
    return None


def message_to_ask(message: discord.Message, me: discord.ClientUser, here: Place) -> Ask | None:
    """`message`, said at `here` (the place of its channel), or None where no other person or bot said it.

    In a plain channel the place is the thread that the message would open, or, for a reply to the bot's
    message, the chain of replies; the core knows a better place by `replies_to`.
    """
    if message.type not in _SAID or message.author.id == me.id:
        return None
    replies_to, answers_me = _reply(message, me)
    mentioned = _mentions(message, me)
    addressed = here.direct or mentioned or answers_me
    text = message_to_text(message, me)
    if not text and not addressed:
        return None
    if not here.direct and not here.thread:
        here = replace(here, thread=f"{ASK}{replies_to}" if answers_me else str(message.id))
    return Ask(
        id=str(message.id),
        place=here,
        author=_person(message),
        text=text,
        at=message.created_at,
        addressed=addressed,
        to_others=not mentioned and bool(_named(message, me)),
        replies_to=replies_to,
    )


def message_to_entry(message: discord.Message, me: discord.ClientUser) -> Entry | None:
    """A line of a thread's history, or None where nobody said anything."""
    if message.type not in _SAID:
        return None
    mine = message.author.id == me.id
    text = content_to_text(message.content) if mine else message_to_text(message, me)
    if not text:
        return None
    return Entry(str(message.id), _person(message), text, message.created_at, mine=mine)


def message_to_text(message: discord.Message, me: discord.ClientUser) -> str:
    """The words as their author sees them: names for ids, the bot's own mention taken off the front."""
    users = {user.id: user.display_name for user in message.mentions}
    users[me.id] = me.display_name
    guild = message.guild

    def named(found: re.Match[str]) -> str:
        kind, value = next((kind, value) for kind, value in found.groupdict().items() if value)
        name: str | None = value
        if kind == "user":
            member = guild.get_member(int(value)) if guild else None
            name = users.get(int(value)) or (member.display_name if member else None)
        elif kind == "role":
            role = guild.get_role(int(value)) if guild else None
            name = role.name if role else None
        elif kind == "channel":
            channel = guild.get_channel_or_thread(int(value)) if guild else None
            name = channel.name if channel else None
        elif kind == "emoji":
            return f":{value}:"
        sign = {"user": "@", "role": "@", "channel": "#", "command": "/"}[kind]
        return f"{sign}{name}" if name else found[0]

    ours = [rf"<@!?{me.id}>", *(rf"<@&{role.id}>" for role in message.role_mentions if _own_role(role, me))]
    content = re.sub(rf"\A(?:\s*(?:{'|'.join(ours)})[,:]?)+", "", message.content)
    return _MARK.sub(named, content).strip()


def update_to_edited(
    payload: discord.RawMessageUpdateEvent, me: discord.ClientUser, here: Place
) -> Edited | None:
    """A person's change of words, or None: the bot's own edits, and links that unfurl, change none.

    `here` is the place of the channel; which thread a channel's message has opened is not known there.
    """
    message, before = payload.message, payload.cached_message
    if message.author.id == me.id or message.type not in _SAID:
        return None
    if "content" not in payload.data or message.edited_at is None:
        return None
    if before is not None and before.content == message.content:
        return None
    return Edited(here, str(message.id), message_to_text(message, me))


def deletion_to_deleted(message_id: int, here: Place) -> Deleted:
    return Deleted(here, str(message_id))


def interaction_to_ask(interaction: discord.Interaction[Any], question: str) -> Ask | None:
    """A slash command as an ask: addressed, answered by its token. None where it has no channel."""
    here = channel_to_place(interaction.channel)
    if here is None:
        return None
    if not _at_home(interaction) or not (here.thread or here.direct):
        here = replace(here, thread=f"{ASK}{interaction.id}", direct=False)
    return Ask(
        id=str(interaction.id),
        place=here,
        author=_asker(interaction),
        text=question.strip(),
        at=interaction.created_at,
        addressed=True,
        ticket=interaction.token,
    )


def interaction_to_press(interaction: discord.Interaction[Any]) -> Press | None:
    """A press of a button of ours; None for all else. `place` is the channel's: the turn knows its own."""
    if interaction.type is not discord.InteractionType.component:
        return None
    data: dict[str, Any] = dict(interaction.data or {})
    pressed = custom_id_to_press(str(data.get("custom_id", "")))
    here = channel_to_place(interaction.channel)
    if pressed is None or here is None:
        return None
    action, turn_id = pressed
    return Press(action, turn_id, here, _asker(interaction), interaction.token)


def _at_home(interaction: discord.Interaction[Any]) -> bool:
    """Is the bot itself there, or only the person who installed it for themselves?"""
    if interaction.guild_id is not None:
        return interaction.is_guild_integration() or not interaction.is_user_integration()
    return not interaction.context.private_channel


def _asker(interaction: discord.Interaction[Any]) -> Person:
    user = interaction.user
    return Person(str(user.id), user.display_name, interaction.locale.value, user.bot)


def _person(message: discord.Message) -> Person:
    author = message.author
    return Person(str(author.id), author.display_name, bot=author.bot or message.webhook_id is not None)


def _reply(message: discord.Message, me: discord.ClientUser) -> tuple[str, bool]:
    """(the id of the message that this one replies to, is that one the bot's?). Forwards are no replies."""
    reference = message.reference
    if message.type is not discord.MessageType.reply or reference is None or reference.message_id is None:
        return "", False
    answered = reference.resolved or reference.cached_message
    return str(reference.message_id), isinstance(answered, discord.Message) and answered.author.id == me.id


def _mentions(message: discord.Message, me: discord.ClientUser) -> bool:
    return any(user.id == me.id for user in message.mentions) or any(
        _own_role(role, me) for role in message.role_mentions
    )


def _named(message: discord.Message, me: discord.ClientUser) -> list[object]:
    people = [user for user in message.mentions if user.id != me.id]
    return [*people, *(role for role in message.role_mentions if not _own_role(role, me))]


def _own_role(role: discord.Role, me: discord.ClientUser) -> bool:
    """The role that Discord makes for each bot; people pick it by mistake, for it has the bot's name."""
    return role.tags is not None and role.tags.bot_id == me.id
