"""What Discord tells, as the core's values. Pure: no call, no cache of our own.

Messages: https://docs.discord.com/developers/resources/message ; interactions:
https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import discord

from bots.discord.lenient import read_message
from bots.discord.members import member_to_roles
from bots.discord.mentions import Names, named, resolved_names
from bots.discord.outgoing import content_to_text, custom_id_to_press
from bots.discord.private import state_of
from core.text import is_blank
from core.values.conversation import Ask, ThreadMessage
from core.values.events import ButtonPress, Command, Deleted, Edited
from core.values.places import Person, Place

ASK = "ask-"
"""How the thread of a place begins that is a chain of replies in a channel."""

_SAID = (
    # Everything else is Discord speaking: joins, pins, boosts, thread openings.
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.chat_input_command,
    discord.MessageType.context_menu_command,
)
_READS = discord.Permissions(read_message_history=True)
"""What reading earlier messages takes, in a channel and in its threads, of who sees it at all:
https://docs.discord.com/developers/topics/permissions"""


def channel_to_place(channel: object) -> Place | None:
    """Where `channel` is; a thread names its parent. None where nothing can be said about it.

    A direct channel belongs to the bot's account, whose id stands for its team.
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
    text = message_to_text(message, me)
    if not (_says_something(message) or addressed):
        return None  # a picture, an alert or a forward alone asks nothing
    if not here.direct and not here.thread:
        here = replace(here, thread=f"{ASK}{replies_to}" if answers_me else str(message.id))
    return Ask(
        id=str(message.id),
        place=here,
        author=_author(message),
        text=text,
        at=message.created_at,
        addressed=addressed,
        to_others=not mentioned
        and (replied not in (None, me.id, message.author.id) or _calls_others(message, me)),
        replies_to=replies_to,
    )


def message_to_entry(message: discord.Message, me: discord.ClientUser) -> ThreadMessage | None:
    """A message of a thread's history, or None where it has no text."""
    if message.type not in _SAID:
        return None
    mine = message.author.id == me.id
    text = content_to_text(message.content) if mine else message_to_text(message, me)
    if not text:
        return None
    return ThreadMessage(str(message.id), _author(message), text, message.created_at, mine=mine)


def message_to_text(message: discord.Message, me: discord.ClientUser) -> str:
    """The words as their author sees them: names for ids, the bot's own mention taken off the front.

    The first message of a forum's post has the post's title above it. Where there are no words, those of a forward
    or of embeds count, as other bots' alerts have them; files are named.
    """
    ours = [rf"<@!?{me.id}>", *(rf"<@&{role.id}>" for role in message.role_mentions if _own_role(role, me))]
    content = re.sub(rf"\A(?:\s*(?:{'|'.join(ours)})[,:]?)+", "", _content(message))
    text = named(content, _names(message, me)).strip()
    text = "" if is_blank(text) else text
    title = _title(message)
    return text if text.startswith(title) else f"{title}\n\n{text}".strip()


def _names(message: discord.Message, me: discord.ClientUser) -> Names:
    users = {user.id: user.display_name for user in message.mentions}
    return Names(users | {me.id: me.display_name}, guild=message.guild)


def _content(message: discord.Message) -> str:
    words = "" if _is_gif(message) else message.content
    if is_blank(words):
        shown = [*(one.content for one in message.message_snapshots), *map(_embed_words, message.embeds)]
        words = "\n\n".join(part for part in shown if part)
    files = " ".join(f"[{file.filename}]" for file in message.attachments)
    return "\n".join(part for part in (words, files) if part)


def _is_gif(message: discord.Message) -> bool:
    """Whether its words are nothing but the link of an animation, which readers see in its place:
    https://docs.discord.com/developers/resources/message#embed-object-embed-types"""
    return any(one.type == "gifv" and message.content.strip() in ("", one.url) for one in message.embeds)


def _embed_words(embed: discord.Embed) -> str:
    """https://docs.discord.com/developers/resources/message#embed-object"""
    if embed.type == "gifv":
        return ""
    fields = [f"{field.name}: {field.value}" for field in embed.fields]
    return "\n".join(part for part in (embed.title, embed.description, *fields) if part)


def _title(message: discord.Message) -> str:
    channel = message.channel
    if not isinstance(channel, discord.Thread) or channel.id != message.id:
        return ""
    return channel.name if isinstance(channel.parent, discord.ForumChannel) else ""


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


def update_to_ask(payload: discord.RawMessageUpdateEvent, me: discord.ClientUser, here: Place) -> Ask | None:
    """The message as a question, where its change of words may have made it one: it speaks to the bot now, and did not
    before, as far as is known."""
    ask, before = message_to_ask(payload.message, me, here), payload.cached_message
    if ask is None or not ask.addressed or not ask.text:
        return None
    asked = None if before is None else message_to_ask(before, me, here)
    return None if asked is not None and asked.addressed and asked.text else ask


def deletion_to_deleted(message_id: int, here: Place) -> Deleted:
    """The event of a deleted message."""
    return Deleted(here, str(message_id))


def interaction_to_command(
    interaction: discord.Interaction[Any], name: str, options: Mapping[str, str]
) -> Command | None:
    """A command given there, answered by its token. None where it has no channel.

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
    )


def interaction_to_options(interaction: discord.Interaction[Any]) -> tuple[str, dict[str, str], str]:
    """(the command's name, its options as text, which of them is being typed)."""
    data: dict[str, Any] = dict(interaction.data or {})
    given = data.get("options", ())
    options = {option["name"]: str(option.get("value", "")) for option in given}
    focused = next((option["name"] for option in given if option.get("focused")), "")
    return str(data.get("name", "")), options, focused


def interaction_to_names(interaction: discord.Interaction[Any]) -> Names:
    """What is known of the people, roles and channels in an interaction's texts."""
    return resolved_names(dict(interaction.data or {}), interaction.guild, interaction.client.user)


def interaction_to_target(interaction: discord.Interaction[Any]) -> discord.Message | None:
    """The message whose menu a command was picked from."""
    data: dict[str, Any] = dict(interaction.data or {})
    target = data.get("resolved", {}).get("messages", {}).get(str(data.get("target_id")))
    if target is None or interaction.channel is None:
        return None
    return read_message(state_of(interaction.client), interaction.channel, target)


def interaction_to_target_time(interaction: discord.Interaction[Any]) -> datetime | None:
    """When the message was said whose menu a command was picked from: its id tells."""
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
    return ButtonPress(action, turn_id, here, _asker(interaction), interaction.token, text)


def _at_home(interaction: discord.Interaction[Any]) -> bool:
    """Is the bot itself there, or only the person who installed it for themselves?"""
    if interaction.guild_id is not None:
        return interaction.is_guild_integration() or not interaction.is_user_integration()
    return not interaction.context.private_channel


def _asker(interaction: discord.Interaction[Any]) -> Person:
    """Who acts. What they may do there is in every interaction with a server's channel; elsewhere there are no roles,
    and everybody sees all of the conversation."""
    rights = interaction.permissions if interaction.guild_id is not None else _READS
    return _person(interaction.user, rights, locale=interaction.locale.value)


def _author(message: discord.Message) -> Person:
    """Who said it. What they may do there is worked out from the server's roles, where both are known; who may do
    what is not known may do nothing."""
    author, channel = message.author, message.channel
    rights = discord.Permissions.none()
    if message.guild is None:
        rights = _READS
    elif isinstance(author, discord.Member) and (
        not isinstance(channel, discord.Thread) or channel.parent is not None
    ):
        rights = channel.permissions_for(author)
        if not rights.view_channel:  # but they spoke there: the roles that are known are not those of now
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


def _says_something(message: discord.Message) -> bool:
    return bool(_title(message)) or not (is_blank(message.content) or _is_gif(message))


def _reply(message: discord.Message) -> tuple[str, int | None]:
    """(the id of the message that this one replies to, who wrote that, as far as is known). Forwards are no replies."""
    reference = message.reference
    if message.type is not discord.MessageType.reply or reference is None or reference.message_id is None:
        return "", None
    answered = reference.resolved or reference.cached_message
    author = answered.author.id if isinstance(answered, discord.Message) else None
    return str(reference.message_id), author


def _mentions(message: discord.Message, me: discord.ClientUser) -> bool:
    return any(user.id == me.id for user in message.mentions) or any(
        _own_role(role, me) for role in message.role_mentions
    )


def _calls_others(message: discord.Message, me: discord.ClientUser) -> bool:
    """Whether it mentions people or roles other than the bot, or, by `@everyone` or `@here`, everybody."""
    people = any(user.id != me.id for user in message.mentions)
    return message.mention_everyone or people or not all(_own_role(role, me) for role in message.role_mentions)


def _own_role(role: discord.Role, me: discord.ClientUser) -> bool:
    """The role that Discord makes for each bot; people pick it by mistake, for it has the bot's name."""
    return role.tags is not None and role.tags.bot_id == me.id
