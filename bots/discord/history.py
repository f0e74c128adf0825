"""What was said in a place, read from Discord: one bounded read.

https://docs.discord.com/developers/resources/message#get-channel-messages
"""

from __future__ import annotations

import discord

from bots.discord.incoming import message_to_entry
from bots.discord.seats import channel_at
from core.types import Ask, Entry, History, Place

THREAD_PAGE, DM_PAGE, CHAIN = 100, 30, 10
"""The most that one turn reads: messages of a thread, of a direct message channel, of a chain of replies."""


async def read(client: discord.Client, place: Place, before: Ask, *, in_channel: bool) -> History:
    """A thread with what it was opened on, the window of a DM, or, `in_channel`, the chain of replies.

    No call where the place was just opened by `before` itself. Raises what discord.py raises.
    """
    if place.direct:
        return _history(client, await _page(client, place.channel, place, before, DM_PAGE))
    if in_channel or place.thread == before.id:
        return _history(client, await _chain(client, place, before.replies_to, CHAIN))
    page = await _page(client, place.thread, place, before, THREAD_PAGE)
    cut = len(page) == THREAD_PAGE
    if cut or any(message.type is discord.MessageType.thread_starter_message for message in page):
        page += await _chain(client, place, place.thread, 2)
    return _history(client, page, complete=not cut)


async def _page(
    client: discord.Client, channel_id: str, place: Place, before: Ask, limit: int
) -> list[discord.Message]:
    found = channel_at(client, channel_id, place).history(limit=limit, before=discord.Object(int(before.id)))
    return [message async for message in found]


async def _chain(client: discord.Client, place: Place, message_id: str, limit: int) -> list[discord.Message]:
    """The message, what it replied to, and so on; ends where one can't be read. Each call brings two."""
    channel, wanted = channel_at(client, place.channel, place), message_id
    found: list[discord.Message] = []
    while wanted and len(found) < limit:
        try:
            message = await channel.fetch_message(int(wanted))
        except (discord.NotFound, discord.Forbidden):
            break
        wanted = _replied_to(message)
        found.append(message)
        answered = message.reference.resolved if wanted and message.reference else None
        if isinstance(answered, discord.Message) and len(found) < limit:
            wanted = _replied_to(answered)
            found.append(answered)
    return found


def _replied_to(message: discord.Message) -> str:
    if message.type is not discord.MessageType.reply or message.reference is None:
        return ""
    return str(message.reference.message_id or "")


def _history(client: discord.Client, messages: list[discord.Message], *, complete: bool = True) -> History:
    me = client.user
    found = (message_to_entry(message, me) for message in messages) if me else ()
    entries = {entry.id: entry for entry in found if entry is not None}
    return History(tuple(sorted(entries.values(), key=_in_order)), complete)


def _in_order(entry: Entry) -> int:
    return int(entry.id)
