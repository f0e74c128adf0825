"""In which Discord channel the messages of a place are: its own thread, or the channel around it.

Only a thread's id can be foretold, not whether it can be opened: permissions, a full channel or a limit of
minutes may stand against it. Then the answer, and what follows, are replies in the channel.
"""

from __future__ import annotations

import asyncio
from typing import Final

import discord
import structlog

from bots.discord.incoming import ASK, channel_to_place, message_to_ask
from bots.discord.outgoing import question_to_name
from bots.discord.recent import Recent
from core.types import Place, Post, Upload

log = structlog.get_logger()

UNKNOWN_CHANNEL: Final = 10003
_UNKNOWN_MESSAGE, _WRONG_CHANNEL, _THREAD_EXISTS = 10008, 50024, 160004
_AUTO_ARCHIVE_MIN: Final = 1440
_OPEN_WITHIN_S = 8.0
"""Opening a thread can be refused for minutes: https://github.com/discord/discord-api-docs/issues/7816"""


def channel_at(client: discord.Client, channel_id: str, place: Place) -> discord.PartialMessageable:
    """The channel or thread by its id, without asking Discord for it."""
    guild_id = int(place.team) if place.team.isdecimal() else None
    return client.get_partial_messageable(int(channel_id), guild_id=guild_id)


class Seats:
    """Remembers where each place is held, and after a restart finds it out again."""

    def __init__(self) -> None:
        self._known: Recent[str] = Recent()

    def of(self, place: Place) -> str:
        """The channel or thread id, as far as known without asking."""
        if not place.thread or place.thread.startswith(ASK):
            return place.channel
        return self._known.get(place.key, place.thread)

    def certain(self, place: Place) -> bool:
        """Is there no other channel where the place's messages could be?"""
        return not place.thread or place.thread.startswith(ASK) or place.key in self._known

    def shared(self, place: Place, seat: str) -> bool:
        """Are other conversations held there too?"""
        return bool(place.thread) and seat == place.channel

    def settle(self, place: Place, seat: str) -> None:
        self._known[place.key] = seat

    async def take(self, client: discord.Client, post: Post | Upload) -> str:
        """Where to post; opens the thread of a question that has none yet. Raises what discord.py raises."""
        place = post.place
        if not self.certain(place):
            if isinstance(client.get_channel(int(place.thread)), discord.Thread):
                seat = place.thread
            elif place.thread == post.answers:
                seat = await _open(client, post)
            elif not await _is_thread(client, place.thread) and await _is_in_channel(client, post):
                seat = place.channel
            else:
                seat = place.thread
            self.settle(place, seat)
        return self.of(place)


def may(client: discord.Client, channel_id: str, *rights: str) -> bool:
    """Has the bot these rights in a channel, as far as is known? Where not, Discord says no.

    https://docs.discord.com/developers/topics/permissions
    """
    channel: object = client.get_channel(int(channel_id))
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    if not isinstance(channel, discord.abc.GuildChannel):
        return True
    known = channel.permissions_for(channel.guild.me)
    return all(getattr(known, right) for right in rights)


def _has_threads(client: discord.Client, channel_id: str) -> bool:
    """Could a thread be opened there, and written in? An empty one would be all that is seen of an answer."""
    match client.get_channel(int(channel_id)):
        case discord.VoiceChannel() | discord.StageChannel():
            return False
        case discord.TextChannel():
            return may(client, channel_id, "create_public_threads", "send_messages_in_threads")
    return True


async def _open(client: discord.Client, post: Post | Upload) -> str:
    """The id of the thread of the question, or of its channel where there can be no thread."""
    place, question_id = post.place, int(post.answers)
    if not _has_threads(client, place.channel):
        return place.channel
    channel = channel_at(client, place.channel, place)
    try:
        async with asyncio.timeout(_OPEN_WITHIN_S):
            name = await _name(client, channel, question_id)
            question = channel.get_partial_message(question_id)
            await question.create_thread(name=name, auto_archive_duration=_AUTO_ARCHIVE_MIN)
        return place.thread
    except (discord.HTTPException, discord.RateLimited, TimeoutError, ValueError) as error:
        code = error.code if isinstance(error, discord.HTTPException) else 0
        if code == _THREAD_EXISTS:
            return place.thread
        # The first message of a forum post has its thread's id, and none of its own in the forum.
        in_forum = code in (UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE, _WRONG_CHANNEL)
        if in_forum and await _is_thread(client, place.thread):
            return place.thread
        log.info("discord_thread_not_opened", cause=f"{type(error).__name__} {code}", place=place.key)
        return place.channel


async def _name(client: discord.Client, channel: discord.PartialMessageable, question_id: int) -> str:
    cached = discord.utils.get(client.cached_messages, id=question_id)
    message = cached or await channel.fetch_message(question_id)
    here = channel_to_place(message.channel) or Place("discord", "", str(channel.id))
    ask = message_to_ask(message, client.user, here) if client.user else None
    return question_to_name(ask.text if ask else message.content, message.author.display_name)


async def _is_thread(client: discord.Client, thread_id: str) -> bool:
    try:
        return isinstance(await client.fetch_channel(int(thread_id)), discord.Thread)
    except (discord.NotFound, discord.Forbidden):
        return False


async def _is_in_channel(client: discord.Client, post: Post | Upload) -> bool:
    """Was it asked in the channel itself? Then there was no thread to ask in, and none to answer in."""
    if not post.answers.isdecimal():
        return False
    try:
        await channel_at(client, post.place.channel, post.place).fetch_message(int(post.answers))
    except (discord.NotFound, discord.Forbidden):
        return False
    return True
