"""Events of Discord as values of the core. Pure: no call, no cache of our own.

Messages: https://docs.discord.com/developers/resources/message ; interactions:
https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import discord

from bots.discord.lenient import read_message
from bots.discord.members import member_to_roles
from bots.discord.mentions import Names, resolved_names
from bots.discord.message_parts import (
    Around,
    answered_message,
    message_to_parts,
    own_role,
    replied_to,
)
from bots.discord.outgoing import custom_id_to_press
from bots.discord.private import state_of
from core.values.conversation import Ask, ThreadMessage
from core.values.events import ButtonPress, Command, Deleted, Edited
from core.values.parts import File
from core.values.places import Person, Place

ATTACHMENT = 11
"""The type of an option that is a file:
https://docs.discord.com/developers/interactions/application-commands#application-command-object-application-command-option-type"""
ASK = "ask-"
"""The prefix of a place's thread that is a chain of replies in a channel."""

_SAID = (
    # Everything else is Discord speaking: joins, pins, boosts, thread openings.
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.chat_input_command,
    discord.MessageType.context_menu_command,
)
_READS = discord.Permissions(read_message_history=True)
"""The permission to read earlier messages, in a channel and in its threads, for those who see it at all:
https://docs.discord.com/developers/topics/permissions"""


def channel_to_place(channel: object) -> Place | None:
    """The place of `channel`; a thread names its parent. None for an object of another kind.

    A direct channel belongs to the bot's account, whose id is used as its team.
    """
    match channel:
        case discord.DMChannel():
            return Place("discord", str(channel.me.id), str(channel.id), direct=True)
        case discord.GroupChannel():
            return Place("discord", str(channel.me.id), str(channel.id))
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
    replies_to, replied = _reply(message)
    answers_me = replied == me.id
    mentioned = _mentions(message, me)
    addressed = here.direct or mentioned or answers_me
    parts = message_to_parts(message, me)
    if parts.wordless and not addressed:
        return None
    if not here.direct and not here.thread:
        here = replace(here, thread=f"{ASK}{replies_to}" if answers_me else str(message.id))
    return Ask(
        id=str(message.id),
        place=here,
        author=_author(message),
        text=parts.text,
        at=message.created_at,
        addressed=addressed,
        to_others=not mentioned
        and (replied not in (None, me.id, message.author.id) or _calls_others(message, me)),
        replies_to=replies_to,
        attached=parts.attached,
    )


def message_to_entry(
    message: discord.Message, me: discord.ClientUser, around: Around | None = None
) -> ThreadMessage | None:
    """A message of a thread's history, or None where a reader sees nothing of it.

    `around`: as in `message_to_parts`.
    """
    if message.type not in _SAID:
        return None
    parts = message_to_parts(message, me, around)
    if parts.wordless:
        return None
    mine = message.author.id == me.id
    return ThreadMessage(
        str(message.id), _author(message), parts.text, message.created_at, mine=mine, attached=parts.attached
    )


def update_to_edited(
    payload: discord.RawMessageUpdateEvent, me: discord.ClientUser, here: Place
) -> Edited | None:
    """A change of another author's message, or None: the bot's own edits, and links that unfurl, change
    nothing.

    `here` is the place of the channel; which thread a channel's message has opened is not known there. An edit has a
    time, except the results of a poll that has ended.
    """
    message, before = payload.message, payload.cached_message
    if message.author.id == me.id or message.type not in _SAID:
        return None
    if message.edited_at is None and not (message.poll is not None and message.poll.is_finalised()):
        return None
    parts = message_to_parts(message, me)
    if before is not None and before.content == message.content and message_to_parts(before, me) == parts:
        return None
    return Edited(here, str(message.id), parts.text, parts.attached)


def update_to_ask(payload: discord.RawMessageUpdateEvent, me: discord.ClientUser, here: Place) -> Ask | None:
    """The message as a new one: another bot has filled its deferred reply, or an edit may have made it a question.

    It then speaks to the bot now, and did not before, as far as is known.

    https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-response-object-interaction-callback-type
    """
    ask, before = message_to_ask(payload.message, me, here), payload.cached_message
    if before is not None and before.flags.loading and not payload.message.flags.loading:
        return ask
    if ask is None or not ask.addressed or ask.wordless or payload.message.edited_at is None:
        return None
    asked = None if before is None else message_to_ask(before, me, here)
    return None if asked is not None and asked.addressed and not asked.wordless else ask


def deletion_to_deleted(message_id: int, here: Place) -> Deleted:
    """The event of a deleted message."""
    return Deleted(here, str(message_id))


def interaction_to_command(
    interaction: discord.Interaction[Any],
    name: str,
    options: Mapping[str, str],
    files: tuple[File, ...] = (),
) -> Command | None:
    """A command given there with `files`, answered by its token. None where it has no channel.

    At the top level of a channel, and where the bot is not a member, an answer is a place of its own.
    """
    here = channel_to_place(interaction.channel)
    if here is None:
        return None
    if not _at_home(interaction):
        here = replace(here, thread="", direct=False)
    return Command(
        name,
        here,
        _asker(interaction),
        interaction.created_at,
        options=options,
        id=str(interaction.id),
        opens="" if here.thread or here.direct else f"{ASK}{interaction.id}",
        interaction_token=interaction.token,
        attached=files,
    )


def interaction_to_options(interaction: discord.Interaction[Any]) -> tuple[str, dict[str, str], str]:
    """(the command's name, its options as text, which of them is being typed). Files are no options."""
    data: dict[str, Any] = dict(interaction.data or {})
    given = [option for option in data.get("options", ()) if option.get("type") != ATTACHMENT]
    options = {option["name"]: str(option.get("value", "")) for option in given}
    focused = next((option["name"] for option in given if option.get("focused")), "")
    return str(data.get("name", "")), options, focused


def interaction_to_attachments(interaction: discord.Interaction[Any]) -> list[discord.Attachment]:
    """The files that a command was given. They are in no message.

    https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-resolved-data-structure
    """
    data: dict[str, Any] = dict(interaction.data or {})
    given = [str(option.get("value")) for option in data.get("options", ()) if option.get("type") == ATTACHMENT]
    known = data.get("resolved", {}).get("attachments", {})
    return [
        discord.Attachment(data=known[id_], state=state_of(interaction.client)) for id_ in given if id_ in known
    ]


def interaction_to_names(interaction: discord.Interaction[Any]) -> Names:
    """The known names of the people, roles and channels in an interaction's texts."""
    return resolved_names(dict(interaction.data or {}), interaction.guild, interaction.client.user)


def interaction_to_target(interaction: discord.Interaction[Any]) -> discord.Message | None:
    """The message whose menu a command was picked from."""
    data: dict[str, Any] = dict(interaction.data or {})
    target = data.get("resolved", {}).get("messages", {}).get(str(data.get("target_id")))
    if target is None or interaction.channel is None:
        return None
    return read_message(state_of(interaction.client), interaction.channel, target)


def interaction_to_target_time(interaction: discord.Interaction[Any]) -> datetime | None:
    """The time of the message whose menu a command was picked from, by its id."""
    target_id = str(dict(interaction.data or {}).get("target_id", ""))
    return discord.utils.snowflake_time(int(target_id)) if target_id.isdecimal() else None


def interaction_to_press(interaction: discord.Interaction[Any], text: str = "") -> ButtonPress | None:
    """A press of a button of ours, or the form `text` behind it; None for all else.

    `place` is the channel's: the turn knows its own.
    """
    data: dict[str, Any] = dict(interaction.data or {})
    pressed = custom_id_to_press(str(data.get("custom_id", "")))
    here = channel_to_place(interaction.channel)
    if pressed is None or here is None:
        return None
    action, turn_id = pressed
    author, at = _asker(interaction), interaction.created_at
    return ButtonPress(action, turn_id, here, author, interaction.token, text, at)


def _at_home(interaction: discord.Interaction[Any]) -> bool:
    """True if the bot itself is a member there, and not only a person who installed it for themselves."""
    if interaction.guild_id is not None:
        return interaction.is_guild_integration() or not interaction.is_user_integration()
    return not interaction.context.private_channel


def _asker(interaction: discord.Interaction[Any]) -> Person:
    """The person who acts. Every interaction with a server's channel has their permissions; elsewhere there are
    no roles, and all members see the whole conversation."""
    rights = interaction.permissions if interaction.guild_id is not None else _READS
    return _person(interaction.user, rights, locale=interaction.locale.value)


def _author(message: discord.Message) -> Person:
    """The author of a message. Their permissions are computed from the server's roles, where both are known;
    unknown permissions count as none."""
    author, channel = message.author, message.channel
    rights = discord.Permissions.none()
    if message.guild is None:
        rights = _READS
    elif isinstance(author, discord.Member) and (
        not isinstance(channel, discord.Thread) or channel.parent is not None
    ):
        rights = channel.permissions_for(author)
        if not rights.view_channel:  # they wrote there, so the known roles are out of date
            rights |= _READS
    return _person(author, rights, locale=_spoken_in(message.guild), bot=message.webhook_id is not None)


def _spoken_in(guild: discord.Guild | None) -> str:
    """A message has no locale of its author's. A server's own says something where it isn't the default:
    https://docs.discord.com/developers/resources/guild#guild-object
    """
    if guild is None or guild.preferred_locale is discord.Locale.american_english:
        return ""
    return str(guild.preferred_locale.value)


def _person(
    user: discord.User | discord.Member, rights: discord.Permissions, *, locale: str = "", bot: bool = False
) -> Person:
    return Person(
        str(user.id),
        user.display_name,
        locale,
        bot or user.bot,
        admin=rights.administrator or rights.manage_guild,
        manager=rights.manage_channels,
        may_read=rights.administrator or rights >= _READS,
        roles=member_to_roles(user) if isinstance(user, discord.Member) else (),
    )


def _reply(message: discord.Message) -> tuple[str, int | None]:
    """(the id of the message that this one replies to, who wrote that, as far as is known)."""
    answered = answered_message(message)
    return str(replied_to(message) or ""), answered.author.id if answered else None


def _mentions(message: discord.Message, me: discord.ClientUser) -> bool:
    return any(user.id == me.id for user in message.mentions) or any(
        own_role(role, me) for role in message.role_mentions
    )


def _calls_others(message: discord.Message, me: discord.ClientUser) -> bool:
    """True if it mentions people or roles other than the bot, or, by `@everyone` or `@here`, everybody."""
    people = any(user.id != me.id for user in message.mentions)
    return message.mention_everyone or people or not all(own_role(role, me) for role in message.role_mentions)
