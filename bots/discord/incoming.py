"""What Discord tells, as the core's values. Pure: no call, no cache of our own.

Messages: https://docs.discord.com/developers/resources/message ; interactions:
https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import discord

from bots.discord.members import member_to_roles
from bots.discord.outgoing import content_to_text, custom_id_to_press
from core.types import Ask, Command, Deleted, Edited, Entry, Person, Place, Press

ASK = "ask-"
"""How the thread of a place begins that is a chain of replies in a channel."""

_SAID = (
    # Everything else is Discord speaking: joins, pins, boosts, thread openings.
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.chat_input_command,
    discord.MessageType.context_menu_command,
)
_READ = discord.Permissions(view_channel=True, read_message_history=True)
"""What reading earlier messages takes, in a channel and in its threads:
https://docs.discord.com/developers/topics/permissions"""
_ALONE = _READ
"""Outside a server there are no roles: everybody there sees all of the conversation."""
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
    if not (message.content.strip() or _title(message) or addressed):
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
    return Entry(str(message.id), _author(message), text, message.created_at, mine=mine)


def message_to_text(message: discord.Message, me: discord.ClientUser) -> str:
    """The words as their author sees them: names for ids, the bot's own mention taken off the front.

    The first message of a forum's post has the post's title above it. Where there are no words, those of a forward
    or of embeds count, as other bots' alerts have them; files are named.
    """
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
    content = re.sub(rf"\A(?:\s*(?:{'|'.join(ours)})[,:]?)+", "", _content(message))
    text = _MARK.sub(named, content).strip()
    title = _title(message)
    return text if text.startswith(title) else f"{title}\n\n{text}".strip()


def _content(message: discord.Message) -> str:
    words = message.content
    if not words.strip():
        shown = [*(one.content for one in message.message_snapshots), *map(_embed_words, message.embeds)]
        words = "\n\n".join(part for part in shown if part)
    files = " ".join(f"[{file.filename}]" for file in message.attachments)
    return "\n".join(part for part in (words, files) if part)


def _embed_words(embed: discord.Embed) -> str:
    """https://docs.discord.com/developers/resources/message#embed-object"""
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


def deletion_to_deleted(message_id: int, here: Place) -> Deleted:
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
        ticket=interaction.token,
    )


def interaction_to_options(interaction: discord.Interaction[Any]) -> tuple[str, dict[str, str], str]:
    """(the command's name, its options as text, which of them is being typed)."""
    data: dict[str, Any] = dict(interaction.data or {})
    given = data.get("options", ())
    options = {option["name"]: str(option.get("value", "")) for option in given}
    focused = next((option["name"] for option in given if option.get("focused")), "")
    return str(data.get("name", "")), options, focused


def interaction_to_target(interaction: discord.Interaction[Any]) -> discord.Message | None:
    """The message whose menu a command was picked from."""
    data: dict[str, Any] = dict(interaction.data or {})
    target = data.get("resolved", {}).get("messages", {}).get(str(data.get("target_id")))
    if target is None or interaction.channel is None:
        return None
    state = interaction.client._connection
    return discord.Message(state=state, channel=interaction.channel, data=target)  # type: ignore[arg-type]


def interaction_to_press(interaction: discord.Interaction[Any], text: str = "") -> Press | None:
    """A press of a button of ours, or the form `text` behind it; None for all else.

    `place` is the channel's: the turn knows its own.
    """
    data: dict[str, Any] = dict(interaction.data or {})
    pressed = custom_id_to_press(str(data.get("custom_id", "")))
    here = channel_to_place(interaction.channel)
    if pressed is None or here is None:
        return None
    action, turn_id = pressed
    return Press(action, turn_id, here, _asker(interaction), interaction.token, text)


def _at_home(interaction: discord.Interaction[Any]) -> bool:
    """Is the bot itself there, or only the person who installed it for themselves?"""
    if interaction.guild_id is not None:
        return interaction.is_guild_integration() or not interaction.is_user_integration()
    return not interaction.context.private_channel


def _asker(interaction: discord.Interaction[Any]) -> Person:
    """Who acts. What they may do there is in every interaction with a server's channel."""
    rights = interaction.permissions if interaction.guild_id is not None else _ALONE
    return _person(interaction.user, rights, locale=interaction.locale.value)


def _author(message: discord.Message) -> Person:
    """Who said it. What they may do there is worked out from the server's roles, where both are known; who may do
    what is not known may do nothing."""
    author, channel = message.author, message.channel
    rights = discord.Permissions.none()
    if message.guild is None:
        rights = _ALONE
    elif isinstance(author, discord.Member) and (
        not isinstance(channel, discord.Thread) or channel.parent is not None
    ):
        rights = channel.permissions_for(author)
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
        may_read=rights.administrator or rights >= _READ,
        roles=member_to_roles(user) if isinstance(user, discord.Member) else (),
    )


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
