"""Converts a message to its parts: its author's text, and its attachments. Pure.

A person types `content`; polls, stickers, forwards, files and the message that is replied to are attached. Embeds of a
person's message are previews that Discord makes of its links, and are left out. All that a bot's or webhook's message
shows is the bot's own text.

https://docs.discord.com/developers/resources/message#message-object
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import discord

from bots.discord.mentions import Names, named
from bots.discord.message_text import components_to_text, embed_to_text, poll_to_text, sticker_to_text
from bots.discord.outgoing import content_to_text
from core.speakers import OURS
from core.text import is_blank, shortened, without_transcripts
from core.values.parts import Attached, File, Quote, Said, Text, Unread

REPLY_LENGTH = 300
"""Characters that are kept of a message that is replied to."""

Around = Mapping[int, discord.Message]
"""Messages that were read together, by their ids."""

_Source = discord.Message | discord.MessageSnapshot
_VOICE_TYPE = "audio/ogg"
"""The media type of voice messages: https://docs.discord.com/developers/resources/message#voice-messages"""


@dataclass(frozen=True, slots=True)
class MessageParts(Said):
    """`text`: the words of the author, with names for ids. `attached`: the other parts of the message."""

    text: str = ""
    attached: tuple[Attached, ...] = ()

    @property
    def words(self) -> str:
        """All of it as one text, with names for files."""
        return "\n\n".join(filter(None, [self.text, *map(_words, self.attached)]))

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(part for part in self.attached if isinstance(part, File))


def message_to_parts(
    message: discord.Message, me: discord.ClientUser, around: Around | None = None
) -> MessageParts:
    """The parts of a message. `around`: where the message that it replies to is looked for, if it came without it.

    The bot's own mention is taken off the front. The first message of a forum's post has the post's title above it.
    """
    own = _own_parts(message, me)
    if message.author.id == me.id:
        return own
    reply = _reply_to_quote(message, me, around or {})
    return MessageParts(own.text, (reply, *own.attached)) if reply else own


def _own_parts(message: discord.Message, me: discord.ClientUser) -> MessageParts:
    """The parts without the message that is replied to. Of the bot's own messages only the words count."""
    if message.author.id == me.id:
        command = message.interaction_metadata
        quotes = command is not None and command.original_response_message_id is None
        return MessageParts(without_transcripts(content_to_text(message.content, quotes=quotes)))
    names = _names(message, me)
    typed, shown = _typed(message, me, names), _shown(message, _embeds(message), names)
    attached = [*_forwarded(message, names), *_files(message, message)]
    if message.author.bot or message.webhook_id is not None:
        return MessageParts("\n".join(filter(None, dict.fromkeys([typed, *shown]))), tuple(attached))
    return MessageParts(typed, (*map(Text, shown), *attached))


def _typed(message: discord.Message, me: discord.ClientUser, names: Names) -> str:
    ours = [rf"<@!?{me.id}>", *(rf"<@&{role.id}>" for role in message.role_mentions if own_role(role, me))]
    content = re.sub(rf"\A(?:\s*(?:{'|'.join(ours)})[,:]?)+", "", _content(message))
    text = named(content, names).strip()
    text = "" if is_blank(text) else text
    title = _title(message)
    return text if text.startswith(title) else f"{title}\n\n{text}".strip()


def own_role(role: discord.Role, me: discord.ClientUser) -> bool:
    """The role that Discord makes for each bot; people pick it by mistake, for it has the bot's name."""
    return role.tags is not None and role.tags.bot_id == me.id


def _names(message: discord.Message, me: discord.ClientUser) -> Names:
    users = {user.id: user.display_name for user in message.mentions}
    return Names(users | {me.id: me.display_name}, guild=message.guild)


def _title(message: discord.Message) -> str:
    channel = message.channel
    if not isinstance(channel, discord.Thread) or channel.id != message.id:
        return ""
    return channel.name if isinstance(channel.parent, discord.ForumChannel) else ""


def _is_gif(source: _Source) -> bool:
    """True if its content is nothing but the link of an animation, which readers see in its place:
    https://docs.discord.com/developers/resources/message#embed-object-embed-types"""
    return any(embed.type == "gifv" and source.content.strip() in ("", embed.url) for embed in source.embeds)


def _content(source: _Source) -> str:
    return "" if _is_gif(source) else source.content


def _embeds(source: _Source) -> list[discord.Embed]:
    """The embeds without previews of links in the content. The author of a forwarded message is not known:
    there, an embed is a preview where the content has its link, or where it is of a kind that only previews
    have."""
    if _is_gif(source):
        return [embed for embed in source.embeds if embed.type == "gifv"]
    if isinstance(source, discord.MessageSnapshot):
        own = (embed for embed in source.embeds if embed.type in (None, "rich"))
        return [embed for embed in own if not embed.url or embed.url not in source.content]
    if source.author.bot or source.webhook_id is not None:
        return [embed for embed in source.embeds if embed.type != "gifv"]
    return []


def _shown(source: _Source, embeds: list[discord.Embed], names: Names) -> list[str]:
    """The texts that a message shows beside its content."""
    shown = [
        *map(embed_to_text, embeds),
        components_to_text(source.components),
        *map(sticker_to_text, source.stickers),
        *(f"({file_name(file)}: {file.description})" for file in source.attachments if file.description),
    ]
    if isinstance(source, discord.Message) and source.poll is not None:
        shown.append(poll_to_text(source.poll))
    return [named(words, names) for words in shown if words]


def _forwarded(message: discord.Message, names: Names) -> Iterator[Attached]:
    """https://docs.discord.com/developers/resources/message#message-snapshot-object"""
    reference = message.reference
    if reference is None or reference.type is not discord.MessageReferenceType.forward:
        return
    channel = names.channel(reference.channel_id)
    found: list[Attached] = []
    for snapshot in message.message_snapshots:
        text = named(_content(snapshot), names).strip()
        words = "\n".join(dict.fromkeys(filter(None, [text, *_shown(snapshot, _embeds(snapshot), names)])))
        if not is_blank(words):
            found.append(Quote(words, place=f"#{channel}" if channel else ""))
        found += _files(snapshot, message)
    yield from found or [Unread("other")]


def _files(source: _Source, message: discord.Message) -> Iterator[File]:
    """The attachments of `source`, which `message` is or holds."""
    for attachment in source.attachments:
        file = attachment_to_file(attachment, f"{message.channel.id}/{message.id}/")
        yield replace(file, media_type=_VOICE_TYPE) if source.flags.voice else file


def attachment_to_file(attachment: discord.Attachment, where: str = "") -> File:
    """`where`: the message of the attachment as `CHANNEL/MESSAGE/`; empty where it is in none."""
    source, media_type = f"{where}{attachment.id}", attachment.content_type or ""
    return File(file_name(attachment), media_type, size=attachment.size, source=source)


def message_to_attachments(message: discord.Message) -> list[discord.Attachment]:
    """The attachments of a message and of those that it forwards."""
    forwarded = [file for snapshot in message.message_snapshots for file in snapshot.attachments]
    return [*message.attachments, *forwarded]


def file_name(file: discord.Attachment) -> str:
    """The name that its sender gave: `title` has the letters that `filename` lost, without the ending.

    https://docs.discord.com/developers/resources/message#attachment-object
    """
    _, dot, suffix = file.filename.rpartition(".")
    ending = f"{dot}{suffix}" if dot else ""
    if not file.title:
        return file.filename
    return file.title if file.title.lower().endswith(ending.lower()) else f"{file.title}{ending}"


def _reply_to_quote(message: discord.Message, me: discord.ClientUser, around: Around) -> Quote | None:
    answered = answered_message(message) or around.get(replied_to(message))
    words = _own_parts(answered, me).words if answered else ""
    if answered is None or is_blank(words):
        return None
    author, text = answered.author, shortened(words, REPLY_LENGTH)
    if author.id == me.id:
        return Quote(text, OURS, reply=True)
    return Quote(text, author.display_name, author_id=str(author.id), reply=True)


def replied_to(message: discord.Message) -> int:
    """The id of the message that this one replies to, or 0. Forwards are no replies."""
    if message.type is not discord.MessageType.reply or message.reference is None:
        return 0
    return message.reference.message_id or 0


def answered_message(message: discord.Message) -> discord.Message | None:
    """The message that this one replies to, where it came with it or is cached."""
    if not replied_to(message) or message.reference is None:
        return None
    answered = message.reference.resolved or message.reference.cached_message
    return answered if isinstance(answered, discord.Message) else None


def _words(part: Attached) -> str:
    match part:
        case Text(text) | Quote(text):
            return text
        case File(name):
            return f"(file: {name})"
    return ""
