"""Posts of forums that nobody has answered, read from Discord in one bounded read.

A post is a thread, and its first message has the id of the thread. Discord counts the messages behind that one, and no
event reports the count: https://docs.discord.com/developers/topics/threads#forums. Media channels hold pictures and
videos, which nobody needs to answer.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import discord

from bots.discord.history import may_read
from bots.discord.incoming import channel_to_place
from bots.discord.readers import all_may_read
from core.values.places import Place
from core.values.report import UnansweredPost, UnansweredPosts

PAGES = 10
"""The most requests for archived posts, over all forums together."""
PAGE = 100
"""The posts of a page. https://docs.discord.com/developers/resources/channel#list-public-archived-threads"""
AUTHORS = 50
"""The most posts whose first message is read, since that alone says whether a person wrote it."""


async def unanswered(
    guild: discord.Guild, scope: Place, reader: Place, since: datetime, until: datetime
) -> UnansweredPosts:
    """The posts in the forums of `guild`, as in `ReadsPosts`. Raises errors of discord.py."""
    forums = _forums(guild, scope, reader)
    if not forums:
        return UnansweredPosts()
    known = {forum.id for forum in forums}
    active = [post for post in await guild.active_threads() if post.parent_id in known]
    archived, complete = await _archived(forums, active, since)
    posts = {post.id: post for post in (*active, *archived) if is_open_question(post, since, until)}
    newest = sorted(posts.values(), key=lambda post: post.id, reverse=True)
    found = [_post(post) for post in newest[:AUTHORS] if await _is_by_a_person(post)]
    return UnansweredPosts(tuple(filter(None, found)), complete and len(newest) <= AUTHORS)


def is_open_question(post: discord.Thread, since: datetime, until: datetime) -> bool:
    """True if a post was made from `since` to before `until` and has no message but its first. False for a pinned one,
    which is a guideline, and for a locked one, which nobody can answer."""
    made = since <= discord.utils.snowflake_time(post.id) < until
    return made and not (post.message_count or post.locked or post.flags.pinned)


def _forums(guild: discord.Guild, scope: Place, reader: Place) -> list[discord.ForumChannel]:
    """The forums of `scope` in which the bot may read, and everyone who may read the channel `reader`."""
    readers_of = guild.get_channel(int(reader.channel))
    return [
        forum
        for forum in guild.forums
        if scope.channel in ("", str(forum.id))
        and not forum.is_media()
        and readers_of is not None
        and may_read(forum)
        and all_may_read(forum, readers_of)
    ]


async def _archived(
    forums: Collection[discord.ForumChannel], active: Collection[discord.Thread], since: datetime
) -> tuple[list[discord.Thread], bool]:
    """The archived posts that may have been made at `since` or later, and whether these are all of them.

    The last archived post comes first, and a post is never archived before it is made.
    """
    found: list[discord.Thread] = []
    left = PAGES
    for forum in forums:
        newest = [forum.last_message_id or 0, *(post.id for post in active if post.parent_id == forum.id)]
        if discord.utils.snowflake_time(max(newest)) < since:
            continue  # no post of it is as new
        before: datetime | None = None
        while left:
            left -= 1
            try:
                page = [post async for post in forum.archived_threads(limit=PAGE, before=before)]
            except (discord.NotFound, discord.Forbidden):
                break  # it is deleted, or hidden from the bot, as of now
            found += page
            if len(page) < PAGE or page[-1].archive_timestamp < since:
                break
            before = page[-1].archive_timestamp
        else:
            return found, False
    return found, True


async def _is_by_a_person(post: discord.Thread) -> bool:
    """False too where the first message was deleted, or may not be read any more."""
    try:
        first = await post.fetch_message(post.id)
    except (discord.NotFound, discord.Forbidden):
        return False
    return not (first.author.bot or first.webhook_id)


def _post(post: discord.Thread) -> UnansweredPost | None:
    place = channel_to_place(post)
    made = discord.utils.snowflake_time(post.id)
    return UnansweredPost(place, str(post.id), post.name, made) if place is not None else None
