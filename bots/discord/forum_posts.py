"""Messages of the bot at the top level of a forum, which takes posts alone: each report or alert is a post.

https://docs.discord.com/developers/resources/channel#start-thread-in-forum-or-media-channel
"""

from __future__ import annotations

from typing import Any

import discord

from bots.discord.names import question_to_name
from bots.discord.outgoing import page_to_content
from core.values.outgoing import PostMessage, UploadFile
from core.values.places import Place

FIND = 10
"""The most posts of the bot in one forum that are read to find one."""
_NOT_IN_POSTS = ("nonce", "enforce_nonce", "message_reference")


def forum_of(client: discord.Client, place: Place) -> discord.ForumChannel | None:
    """The forum whose top level `place` is; None where it is another place, or unknown."""
    channel = client.get_channel(int(place.channel)) if not (place.thread or place.direct) else None
    return channel if isinstance(channel, discord.ForumChannel) else None


def message_to_post(
    forum: discord.ForumChannel, post: PostMessage | UploadFile, body: dict[str, Any]
) -> dict[str, Any]:
    """The body of a call that makes a post of a message with `body`. Its title is the first line of the text, or that
    of the file. A forum that asks for a tag gets its first one."""
    text = post.page.text.strip() if isinstance(post, PostMessage) else ""
    title = question_to_name(
        text.partition("\n")[0], post.title if isinstance(post, UploadFile) else forum.name
    )
    tags = (
        [str(tag.id) for tag in forum.available_tags if not tag.moderated][:1]
        if forum.flags.require_tag
        else []
    )
    message = {name: value for name, value in body.items() if name not in _NOT_IN_POSTS}
    return {"name": title, "message": message} | ({"applied_tags": tags} if tags else {})


async def find_post(
    client: discord.Client, forum: discord.ForumChannel, call: PostMessage | UploadFile
) -> str | None:
    """The id of the post that an uncertain call made, or None. Raises errors of discord.py."""
    me = client.user
    if me is None:
        return None
    made = [
        post
        for post in await forum.guild.active_threads()
        if post.parent_id == forum.id and post.owner_id == me.id
    ]
    for post in sorted(made, key=lambda post: post.id, reverse=True)[:FIND]:
        try:
            first = await post.fetch_message(post.id)
        except discord.NotFound:
            continue
        if _is_made_by(call, first):
            return str(post.id)
    return None


def _is_made_by(call: PostMessage | UploadFile, first: discord.Message) -> bool:
    """True if `first` is what the call posts: a file, by its name; words, by themselves. It keeps no nonce."""
    if isinstance(call, UploadFile):
        return call.name in [attachment.filename for attachment in first.attachments]
    return first.content.strip() == page_to_content(call.page, call.quote).strip()
