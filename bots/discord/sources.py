"""The channels and threads of a server as sources of an answer: Discord's facts for `core.memory.audience`.

Roles and overwrites are known from the gateway; a member with their roles is looked up (`members`). A person who sees
a channel sees new answers in it; older messages take Read Message History too. Time-outs and screening take neither
permission away. https://docs.discord.com/developers/topics/permissions
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import discord
import structlog

from bots.discord.errors import FOREIGN
from bots.discord.members import GuildMembers
from bots.discord.readers import all_may_read, for_adults, who_views_may_read
from bots.discord.thread_locations import is_open
from core.memory.audience import Readers, SourceChannel, Visibility, may_use_channel, may_use_thread
from core.values.places import Person, Place

log = structlog.get_logger(platform="discord")

READS = discord.Permissions(view_channel=True, read_message_history=True)
_LOOK_WITHIN_S = 3.0


async def eligible_channels(
    client: discord.Client | None,
    members: GuildMembers,
    place: Place,
    reader: Person,
    *,
    alone: bool,
    channels: Collection[str],
) -> frozenset[str]:
    """As `SourceAccess.eligible_channels`. `client` is None while there is no connection."""
    readers = _readers(client, place, reader, alone=alone or place.direct)
    found = {id_: _channel(client, id_) for id_ in channels}
    known: dict[int, discord.Member | None] = {}
    if readers.alone:
        guilds = {one.guild.id: one.guild for id_, one in found.items() if one and id_ != place.channel}
        known = {id_: await _member(members, guild, reader) for id_, guild in guilds.items()}
    here = _channel(client, place.channel)
    usable = []
    for id_, one in found.items():
        await asyncio.sleep(0)  # in a server with hundreds of channels and roles this takes its time
        if may_use_channel(readers, _source(one, id_, here, known.get(one.guild.id) if one else None)):
            usable.append(id_)
    return frozenset(usable)


async def may_cite(
    client: discord.Client | None,
    members: GuildMembers,
    place: Place,
    reader: Person,
    source: Place,
    *,
    alone: bool,
) -> bool:
    """As `SourceAccess.may_cite`. A private thread is for those who read it now, alone or within it."""
    alone = alone or place.direct
    usable = await eligible_channels(client, members, place, reader, alone=alone, channels=[source.channel])
    if client is None or source.platform != place.platform or source.channel not in usable:
        return False
    if source.key == place.key:
        return True
    try:
        async with asyncio.timeout(_LOOK_WITHIN_S):
            opened = await is_open(client, source)
            reads = None
            if alone and not opened:
                reads = await _reads_private_thread(client, members, source, reader)
    except FOREIGN as error:
        log.info("fact_not_known", key=source.key, error=type(error).__name__)
        return False
    return may_use_thread(alone=alone, is_open=opened, asker_reads=reads)


def _readers(client: discord.Client | None, place: Place, reader: Person, *, alone: bool) -> Readers:
    """A guest of a voice channel has no role and sees nothing else of the server
    (https://docs.discord.com/developers/resources/guild#guild-member-object-guild-member-flags). In a chat without a
    server everybody reads everything."""
    me = client.user if client is not None else None
    if me is not None and place.team == str(me.id):
        return Readers(place.channel, alone, reader.may_read)
    channel = _channel(client, place.channel)
    if channel is None or str(channel.guild.id) != place.team:
        return Readers(place.channel, alone, reader.may_read, all_may_read=None)
    guests = isinstance(channel, discord.VoiceChannel | discord.StageChannel)
    all_may_read = who_views_may_read(channel) and not (guests and _is_kept_from_some(channel))
    return Readers(place.channel, alone, reader.may_read, all_may_read, shared=False, limited=guests)


def _is_kept_from_some(channel: discord.abc.GuildChannel) -> bool:
    """True if a member without a role may not read the older messages of a channel."""
    said = (overwrite.read_message_history for overwrite in channel.overwrites.values())
    return False in said or not channel.permissions_for(channel.guild.default_role) >= READS


def _source(
    channel: discord.abc.GuildChannel | None,
    channel_id: str,
    here: discord.abc.GuildChannel | None,
    member: discord.Member | None,
) -> SourceChannel:
    """The facts of a channel for an answer in the channel `here`: unknown where it is no channel of a server, or not
    one that the bot may read. `member`: the only reader of the answer, as far as they are known in its server."""
    if channel is None or not channel.permissions_for(channel.guild.me) >= READS:
        return SourceChannel(channel_id)
    asker_reads = all_read = None
    if member is not None and for_adults(channel) and not (here is not None and for_adults(here)):
        asker_reads = False
    elif member is not None:
        asker_reads = channel.permissions_for(member) >= READS and not member.flags.guest
    elif here is not None:
        all_read = channel.guild == here.guild and all_may_read(channel, here)
    return SourceChannel(channel_id, Visibility.PRIVATE, asker_reads, all_read)


async def _member(members: GuildMembers, guild: discord.Guild, reader: Person) -> discord.Member | None:
    """The reader as a member of the server; None where they are none, or that is unknown."""
    try:
        async with asyncio.timeout(_LOOK_WITHIN_S):
            return await members.member(guild, reader.id)
    except (*FOREIGN, ValueError) as error:
        log.info("fact_not_known", key=f"{guild.id}/{reader.id}", error=type(error).__name__)
        return None


async def _reads_private_thread(
    client: discord.Client, members: GuildMembers, source: Place, reader: Person
) -> bool | None:
    """True if a person has joined a private thread, or manages threads; `Thread.permissions_for` looks at neither.

    https://docs.discord.com/developers/topics/threads#private-threads. Raises errors of discord.py.
    """
    parent = _channel(client, source.channel)
    if parent is None or not source.thread.isdecimal():
        return None
    thread = client.get_channel(int(source.thread)) or await client.fetch_channel(int(source.thread))
    if not isinstance(thread, discord.Thread) or thread.parent_id != parent.id:
        return None
    member = await _member(members, parent.guild, reader)
    if member is None or not parent.permissions_for(member) >= READS:
        return None
    if parent.permissions_for(member).manage_threads:
        return True
    try:
        return (await thread.fetch_member(member.id)).id == member.id
    except discord.NotFound:
        return False


def _channel(client: discord.Client | None, channel_id: str) -> discord.abc.GuildChannel | None:
    """A channel of a server, as the gateway has described it; None where that may be out of date."""
    found: object = (
        client.get_channel(int(channel_id)) if client is not None and channel_id.isdecimal() else None
    )
    if not isinstance(found, discord.abc.GuildChannel) or found.guild.unavailable or found.guild.me is None:
        return None
    return found
