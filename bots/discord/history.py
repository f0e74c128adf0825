"""Messages of a place, read from Discord in one bounded read.

https://docs.discord.com/developers/resources/message#get-channel-messages
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import discord

from bots.discord.incoming import ASK, channel_to_place, message_to_ask, message_to_entry
from bots.discord.members import KEEP_READING_S, GuildMembers
from bots.discord.mentioned_people import MentionedPeople
from bots.discord.message_parts import answered_message, message_to_parts, replied_to
from bots.discord.outgoing import key_to_nonce, page_to_content
from bots.discord.thread_locations import UNKNOWN_CHANNEL, ThreadLocations, channel_at
from bots.reading import MessageReader
from core.values.conversation import Ask, History, ThreadMessage
from core.values.events import Deleted, Edited
from core.values.memory import EarlierAnswer
from core.values.outgoing import PostMessage, UploadFile
from core.values.places import Place

_READER = MessageReader("discord", lambda message: str(message.id))

THREAD_PAGE, DM_PAGE, CHAIN = 100, 30, 10
"""The most messages that one turn reads: of a thread, of a DM, of a chain of replies."""
MISSED = 500
"""The most messages of one channel or thread that are read after downtime."""
FIND = 50
"""The most messages of one channel that are read to find a post."""
POSTS = 50
"""The most archived posts of one forum that are read after downtime."""
_WRONG_CHANNEL = 50024
"""Discord's code for a call that the channel type does not have: a forum holds no messages."""
_READ = (discord.TextChannel, discord.VoiceChannel, discord.StageChannel, discord.ForumChannel)


async def read(
    client: discord.Client, people: MentionedPeople, place: Place, before: Ask, *, in_channel: bool
) -> History:
    """The messages of a thread and the one it was opened on; of a DM the newest; `in_channel`, the chain of replies.

    No call where the place was just opened by `before` itself. Raises errors of discord.py.
    """
    if place.direct:
        return await _history(client, people, await _page(client, place.channel, place, before, DM_PAGE))
    if in_channel or place.thread == before.id:
        return await _history(client, people, await _chain(client, place, before.replies_to, CHAIN))
    page = await _page(client, place.thread, place, before, THREAD_PAGE)
    cut = len(page) == THREAD_PAGE
    if cut or any(message.type is discord.MessageType.thread_starter_message for message in page):
        page += await _chain(client, place, place.thread, 2)
    return await _history(client, people, page, complete=not cut)


async def recent(
    client: discord.Client,
    people: MentionedPeople,
    place: Place,
    location: str,
    limit: int,
    since: datetime | None,
) -> History:
    """The newest messages at `location`, the channel or thread of `place`. Raises errors of discord.py."""
    # discord.py leaves out the messages of the time `since` itself.
    after = None if since is None else discord.Object(discord.utils.time_snowflake(since) - 1)
    found = _reader(client, location, place).history(limit=limit, after=after, oldest_first=False)
    page = [message async for message in found]
    cut = len(page) == limit
    if any(message.type is discord.MessageType.thread_starter_message for message in page):
        started_on = await _chain(client, place, place.thread, 1)
        page += [message for message in started_on if since is None or message.created_at >= since]
    return await _history(client, people, page, complete=not cut)


def readable(client: discord.Client) -> list[Place]:
    """The known channels, forums and threads in which the bot may read."""
    guilds = client.guilds
    every = [
        *(channel for guild in guilds for channel in guild.channels if isinstance(channel, _READ)),
        *(thread for guild in guilds for thread in guild.threads if thread.parent is not None),
    ]
    return [place for channel in every if may_read(channel) and (place := channel_to_place(channel))]


def may_read(channel: discord.abc.GuildChannel | discord.Thread) -> bool:
    """True if the bot may read the messages of a channel or thread, as far as its permissions are known."""
    rights = channel.permissions_for(channel.guild.me)
    return rights.view_channel and rights.read_message_history


async def question_exists(client: discord.Client, ask: Ask) -> bool:
    """True if the message exists, in the thread of its place or in the channel. Raises discord.py's exceptions."""
    return await _fetched(client, ask.place, ask.id) is not None


async def _fetched(client: discord.Client, place: Place, message_id: str) -> discord.Message | None:
    """The message, or None where it is neither in the thread of the place nor in its channel."""
    if not message_id.isdecimal():
        return None
    threaded = place.thread.isdecimal()
    # The first message of a thread is in the channel; that of a forum post is in its thread.
    locations = [place.channel, place.thread] if place.thread == message_id else [place.thread, place.channel]
    for location in locations if threaded else [place.channel]:
        try:
            return await channel_at(client, location, place).fetch_message(int(message_id))
        except discord.NotFound:
            continue
        except discord.HTTPException as error:
            if error.code != _WRONG_CHANNEL:
                raise
    return None


async def reread(
    client: discord.Client, people: MentionedPeople, source: EarlierAnswer
) -> Edited | Deleted | None:
    """As `RereadsQuestions.reread`. Raises discord.py's exceptions.

    A question that a command asked has no message of its own; the id of its interaction is in the answer's
    (https://docs.discord.com/developers/resources/message#message-interaction-metadata-object).
    """
    place, question = source.place, source.question_id
    if not question.isdecimal():
        return None
    asked, answered = await asyncio.gather(
        _fetched(client, place, question), _fetched(client, place, source.answer_id)
    )
    if source.answer_id.isdecimal() and answered is None:
        return Deleted(place, source.answer_id)
    if asked is None:
        by_command = answered is not None and answered.interaction_metadata is not None
        return None if by_command or place.thread == f"{ASK}{question}" else Deleted(place, question)
    if asked.edited_at is None or client.user is None:
        return None
    parts = message_to_parts(asked, client.user)
    edited = Edited(place, question, parts.text, parts.attached)
    guild = client.get_guild(int(place.team)) if place.team.isdecimal() else None
    return (await people.named(client, guild, [edited]))[0]


Concerns = Callable[[Ask], Awaitable[bool]]
"""True if a message can have an effect, by any author."""


async def missed(
    client: discord.Client,
    members: GuildMembers,
    people: MentionedPeople,
    concerns: Concerns,
    place: Place,
    location: str,
    after: datetime,
) -> list[Ask]:
    """Messages of others after `after` at `location`, the channel or thread of `place`. Raises errors of
    discord.py.

    In a forum: those of archived posts that are newer than `after`. Active posts are places of their own.
    """
    reader = client.get_channel(int(location))
    if not isinstance(reader, discord.ForumChannel):
        return await _asks(client, members, people, concerns, place, _reader(client, location, place), after)
    asks: list[Ask] = []
    async for post in reader.archived_threads(limit=POSTS):
        if post.archive_timestamp < after:
            break
        there = channel_to_place(post)
        if there is not None and discord.utils.snowflake_time(post.id) > after:
            asks += await _asks(client, members, people, concerns, there, post, after)
    return asks


async def _asks(
    client: discord.Client,
    members: GuildMembers,
    people: MentionedPeople,
    concerns: Concerns,
    place: Place,
    reader: discord.abc.Messageable,
    after: datetime,
) -> list[Ask]:
    """The messages as asks. Unlike those of the gateway, they come without the roles of their authors, so the authors
    of possible questions are looked up."""
    me = client.user
    if me is None:
        return []

    def read(message: discord.Message) -> tuple[discord.Message, Ask] | None:
        ask = message_to_ask(message, me, place)
        return (message, ask) if ask is not None else None

    messages = [message async for message in reader.history(limit=MISSED, after=after, oldest_first=True)]
    for message, ask in _READER.each(read, messages):
        if await concerns(ask) and (known := await _author(message, members)):
            message.author = known
    asks = list(_READER.each(lambda message: message_to_ask(message, me, place), messages))
    return await people.named(client, next((message.guild for message in messages), None), asks)


async def _author(message: discord.Message, members: GuildMembers) -> discord.Member | None:
    """The author as a member of the server. None for bots, and for people who left."""
    if message.guild is None or message.author.bot or message.webhook_id is not None:
        return None
    return await members.member(message.guild, str(message.author.id), keep_s=KEEP_READING_S)


def _reader(client: discord.Client, channel_id: str, place: Place) -> discord.abc.Messageable:
    """The channel from the cache, with its title and permissions; else by its id alone."""
    known = client.get_channel(int(channel_id))
    return known if isinstance(known, discord.abc.Messageable) else channel_at(client, channel_id, place)


async def _page(
    client: discord.Client, channel_id: str, place: Place, before: Ask, limit: int
) -> list[discord.Message]:
    found = _reader(client, channel_id, place).history(limit=limit, before=discord.Object(int(before.id)))
    return [message async for message in found]


async def _chain(client: discord.Client, place: Place, message_id: str, limit: int) -> list[discord.Message]:
    """The message, the one it replies to, and so on, until one can't be read. Each call returns two."""
    channel, wanted = channel_at(client, place.channel, place), message_id
    found: list[discord.Message] = []
    while wanted and len(found) < limit:
        try:
            message = await channel.fetch_message(int(wanted))
        except (discord.NotFound, discord.Forbidden):
            break
        wanted = str(replied_to(message) or "")
        found.append(message)
        answered = answered_message(message)
        if answered is not None and len(found) < limit:
            wanted = str(replied_to(answered) or "")
            found.append(answered)
    return found


async def _history(
    client: discord.Client, people: MentionedPeople, messages: list[discord.Message], *, complete: bool = True
) -> History:
    me, around = client.user, {message.id: message for message in messages}
    found = _READER.each(lambda message: message_to_entry(message, me, around), messages) if me else ()
    guild = next((message.guild for message in messages), None)
    entries = {entry.id: entry for entry in await people.named(client, guild, list(found))}
    return History(tuple(sorted(entries.values(), key=_in_order)), complete)


def _in_order(entry: ThreadMessage) -> int:
    return int(entry.id)


async def find(
    client: discord.Client, locations: ThreadLocations, post: PostMessage | UploadFile
) -> str | None:
    """The id of the message that an uncertain post left, or None. Raises errors of discord.py."""
    place, likely = post.place, [locations.of(post.place, post.answers)]
    if not locations.certain(place, post.answers):
        likely.append(place.channel)  # it may have been answered there before a restart
    after = discord.Object(int(post.answers)) if post.answers.isdecimal() else None
    for location in likely:
        page = channel_at(client, location, place).history(limit=FIND, after=after)
        try:
            async for message in page:
                if _is_left_by(client.user, post, message, shared=locations.shared(place, location)):
                    return str(message.id)
        except discord.NotFound as error:
            if error.code != UNKNOWN_CHANNEL:
                raise
        except discord.Forbidden:
            if not post.interaction_token:
                raise
    return None


def _is_left_by(
    me: discord.ClientUser | None, post: PostMessage | UploadFile, message: discord.Message, *, shared: bool
) -> bool:
    """True if `message` is what the post left: a file, by its name; words, by the nonce or, where Discord has not kept
    that, by themselves and, where several conversations share the channel, by what the message answers."""
    if me is None or message.author.id != me.id:
        return False
    files = [attachment.filename for attachment in message.attachments]
    if isinstance(post, UploadFile) or files:
        return isinstance(post, UploadFile) and post.name in files
    if message.nonce is not None:
        return str(message.nonce) == key_to_nonce(post.key)
    if message.content.strip() != page_to_content(post.page, post.quote).strip():
        return False
    if post.interaction_token:
        asked = message.interaction_metadata
        return asked is not None and str(asked.id) == post.answers
    reference = message.reference
    return not shared or (reference is not None and str(reference.message_id) == post.answers)
