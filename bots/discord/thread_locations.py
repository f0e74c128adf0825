"""Locates the messages of a place: in its own thread, or in the channel around it.

A thread has the id of its first message, but it may be impossible to open: for lack of permissions, in a full
channel, or for minutes by a rate limit. Then the answer, and later messages, are replies in the channel.
"""

from __future__ import annotations

import asyncio
from typing import Final

import discord
import structlog
from cachetools import FIFOCache

from bots.discord.errors import FOREIGN, translate
from bots.discord.http import calls
from bots.discord.incoming import ASK
from bots.discord.limiter import Limited
from bots.discord.message_parts import MessageParts, message_to_parts
from bots.discord.names import question_to_name
from core.values.outgoing import DeleteMessage, EditMessage, OutgoingCall, PostMessage, UploadFile
from core.values.places import Place

log = structlog.get_logger(platform="discord")

UNKNOWN_CHANNEL: Final = 10003
_REMEMBERED = 10_000
_UNKNOWN_MESSAGE, _WRONG_CHANNEL, _THREAD_EXISTS = 10008, 50024, 160004
_AUTO_ARCHIVE_MIN: Final = 1440
_OPEN_WITHIN_S, _LOOK_WITHIN_S = 8.0, 3.0
_PATIENCE_S = 2.0
"""Opening a thread can be refused for minutes: https://github.com/discord/discord-api-docs/issues/7816"""


def channel_at(client: discord.Client, channel_id: str, place: Place) -> discord.PartialMessageable:
    """The channel or thread by its id, without a call."""
    in_guild = client.user is None or place.team != str(client.user.id)
    guild_id = int(place.team) if in_guild and place.team.isdecimal() else None
    return client.get_partial_messageable(int(channel_id), guild_id=guild_id)


class ThreadLocations:
    """Caches where each place is and where each question was asked. After a restart it looks that up again."""

    def __init__(self) -> None:
        self._places: FIFOCache[str, str] = FIFOCache(_REMEMBERED)
        self._asked: FIFOCache[str, str] = FIFOCache(_REMEMBERED)  # by question
        self._answered: FIFOCache[str, str] = FIFOCache(_REMEMBERED)  # by question
        self._messages: FIFOCache[str, str] = FIFOCache(_REMEMBERED)  # by message of ours
        self._posts: FIFOCache[str, str] = FIFOCache(_REMEMBERED)  # of the bot in forums, by question

    def of(self, place: Place, question: str = "") -> str:
        """The channel or thread in which `question` of that place is answered, as far as known without a call."""
        if _in_channel(place):
            return self._posts.get(_key(place, question), place.channel)
        if location := self._answered.get(_key(place, question)):
            return location
        if self._asked.get(question) == place.thread:
            return place.thread
        return self._places.get(place.key, place.thread)

    def opens(self, call: OutgoingCall) -> bool:
        """True if a call of its own opens the thread before the post."""
        question = call.answers if isinstance(call, PostMessage | UploadFile) else ""
        return call.place.thread == question != "" and not self.certain(call.place, question)

    def of_call(self, call: OutgoingCall) -> str:
        """The channel or thread that `call` is for, as far as known without asking."""
        if isinstance(call, EditMessage | DeleteMessage):
            return self.of_message(call.place, call.message_id)[0]
        return self.of(call.place, call.answers if isinstance(call, PostMessage | UploadFile) else "")

    def certain(self, place: Place, question: str = "") -> bool:
        """True if no other channel could hold the answers to `question`."""
        return (
            _in_channel(place)
            or place.key in self._places
            or _key(place, question) in self._answered
            or self._asked.get(question) == place.thread
        )

    def shared(self, place: Place, location: str) -> bool:
        """True if other conversations are held there too."""
        return bool(place.thread) and location == place.channel

    def asked(self, question: str, channel_id: str) -> None:
        """`question` was asked in that channel or thread. A question in a thread is answered in it."""
        self._asked[question] = channel_id

    def made_post(self, place: Place, question: str, post: str) -> None:
        """`question`, at the top level of a forum, is answered in a post."""
        if question:
            self._posts[_key(place, question)] = post

    def opened(self, place: Place) -> None:
        """The thread of that place exists: later messages go into it."""
        if place.thread:
            self._places[place.key] = place.thread

    def posted(self, place: Place, message_id: str, location: str) -> None:
        self._messages[_key(place, message_id)] = location

    def of_message(self, place: Place, message_id: str) -> list[str]:
        """The possible locations of a bot message, likeliest first. An earlier process may have posted it in the
        channel."""
        if location := self._messages.get(_key(place, message_id)):
            return [location]
        likely = self.of(place)
        return [likely] if _in_channel(place) or likely == place.channel else [likely, place.channel]

    def settle(self, place: Place, question: str, location: str) -> None:
        """`question` is answered there, and so is what follows, until the thread is opened."""
        self._answered[_key(place, question)] = location
        self._places.setdefault(place.key, location)

    async def take(self, client: discord.Client, post: PostMessage | UploadFile) -> str:
        """The channel to post in. Opens the thread of a question that has none yet.

        Raises discord.py's exceptions, and Limited if no call can be made at all.
        """
        place, question = post.place, post.answers
        if _in_channel(place) or _key(place, question) in self._answered:
            return self.of(place, question)
        if not self.certain(place, question):
            self.settle(place, question, await self._find(client, post))
        elif question != place.thread and self._asked.get(question) == place.channel:
            self._answered[_key(place, question)] = (
                place.channel
            )  # a reply to a message of the bot in the channel
        return self.of(place, question)

    async def _find(self, client: discord.Client, post: PostMessage | UploadFile) -> str:
        place = post.place
        if isinstance(client.get_channel(int(place.thread)), discord.Thread):
            return place.thread
        if place.thread == post.answers:
            return await _open(client, post)
        if not await _is_thread(client, place.thread) and await _is_in_channel(client, post):
            return place.channel
        return place.thread


def _in_channel(place: Place) -> bool:
    return not place.thread or place.thread.startswith(ASK)


def _key(place: Place, message_id: str) -> str:
    return f"{place.key} {message_id}"


def may(client: discord.Client, channel_id: str, *rights: str) -> bool:
    """True if the bot has these permissions in a channel, or they are unknown: then Discord refuses the call
    itself.

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


async def _open(client: discord.Client, post: PostMessage | UploadFile) -> str:
    """The id of the thread of the question, or of its channel where there can be no thread."""
    place, question_id = post.place, int(post.answers)
    if not _has_threads(client, place.channel):
        return place.channel
    channel = channel_at(client, place.channel, place)
    try:
        async with asyncio.timeout(_OPEN_WITHIN_S):
            name = await _name(client, channel, question_id)
            question = channel.get_partial_message(question_id)
            with calls(patience_s=_PATIENCE_S):
                await question.create_thread(name=name, auto_archive_duration=_AUTO_ARCHIVE_MIN)
        return place.thread
    except (*FOREIGN, ValueError) as error:
        if isinstance(error, Limited) and error.everywhere:
            raise  # nothing can be posted in the channel either
        if await _is_there(client, place, error):
            return place.thread
        code = error.code if isinstance(error, discord.HTTPException) else 0
        log.info("thread_not_opened", place=place.key, error=type(error).__name__, code=code)
        return place.channel


async def _is_there(client: discord.Client, place: Place, error: Exception) -> bool:
    """True if the thread exists, although the call that was to open it failed."""
    if isinstance(client.get_channel(int(place.thread)), discord.Thread):
        return True
    code = error.code if isinstance(error, discord.HTTPException) else 0
    if code == _THREAD_EXISTS:
        return True
    # The first message of a forum post has its thread's id, and none of its own in the forum.
    in_forum = code in (UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE, _WRONG_CHANNEL)
    uncertain = not isinstance(error, ValueError) and not translate(error, posting=True).certain
    if not (in_forum or uncertain):
        return False
    try:
        async with asyncio.timeout(_LOOK_WITHIN_S):
            return await _is_thread(client, place.thread)
    except FOREIGN:
        return False


async def _name(client: discord.Client, channel: discord.PartialMessageable, question_id: int) -> str:
    cached = discord.utils.get(client.cached_messages, id=question_id)
    message = cached or await channel.fetch_message(question_id)
    parts = message_to_parts(message, client.user) if client.user else MessageParts(message.content)
    return question_to_name(parts.text or parts.words, message.author.display_name)


async def _is_thread(client: discord.Client, thread_id: str) -> bool:
    try:
        return isinstance(await client.fetch_channel(int(thread_id)), discord.Thread)
    except (discord.NotFound, discord.Forbidden):
        return False


async def is_open(client: discord.Client, place: Place) -> bool:
    """True if all who may read the channel may read the thread: it is public, or its messages are in the channel.

    A thread that is opened from a message of its channel is public, and has the id of that message:
    https://docs.discord.com/developers/topics/threads. Raises discord.py's exceptions.
    """
    if place.direct or _in_channel(place):
        return True
    if not place.thread.isdecimal():
        return False
    thread: object = client.get_channel(int(place.thread))
    try:
        thread = thread or await client.fetch_channel(int(place.thread))
    except discord.Forbidden:
        return False
    except discord.NotFound:
        return await _is_message(client, place, place.thread)
    return isinstance(thread, discord.Thread) and not thread.is_private()


async def _is_in_channel(client: discord.Client, post: PostMessage | UploadFile) -> bool:
    """Was it asked in the channel itself? Then there was no thread to ask in, and none to answer in."""
    return post.answers.isdecimal() and await _is_message(client, post.place, post.answers)


async def _is_message(client: discord.Client, place: Place, message_id: str) -> bool:
    """True if it is in the channel itself, outside of threads."""
    try:
        await channel_at(client, place.channel, place).fetch_message(int(message_id))
    except (discord.NotFound, discord.Forbidden):
        return False
    return True
