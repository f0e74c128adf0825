"""Random servers: no source of an answer is one that some reader of the answer may not read.

The oracle computes permissions as Discord documents them, and looks neither at Parley nor at discord.py:
https://docs.discord.com/developers/topics/permissions#permission-overwrites and /topics/threads. Whoever sees a channel
sees a new answer in it; what was said before takes Read Message History. A guest of the server sees one voice channel
alone, and a minor no channel that is for adults.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import discord
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.discord import sources
from bots.discord.members import GuildMembers
from core.values.places import Person, Place
from tests.fakes.clock import FakeClock
from tests.fakes.discord import BOT, GUILD, ChannelType, wire
from tests.fakes.discord.guild import BOT_ROLE, Channel, Permission, Role, World
from tests.fakes.discord.guild import Person as Member

WORLDS = int(os.environ.get("WORLDS", "150"))
"""`make fuzz` looks at many more than `make test`."""

VIEW, HISTORY = Permission.VIEW_CHANNEL, Permission.READ_MESSAGE_HISTORY
ADMIN, MANAGE_THREADS = Permission.ADMINISTRATOR, Permission.MANAGE_THREADS
NONE = Permission(0)
EVERY = Permission(sum(Permission))
DRAWN = (VIEW, HISTORY, VIEW | HISTORY, Permission.SEND_MESSAGES)
OWNER = 501
MEMBERS = (501, 502, 503, 504, 505)
ROLES = (601, 602, 603)
CHANNELS = (701, 702, 703, 704)
THREADS = (801, 802, 803)


@dataclass
class Server:
    """`guests`: see one voice channel. `minors`: see no channel that is for adults."""

    world: World
    guests: set[int]
    minors: set[int]


# -- the oracle -------------------------------------------------------------------------------------------


def permissions(server: Server, person: int, channel: Channel) -> Permission:
    world = server.world
    if person == OWNER:
        return EVERY
    roles = world.people[person].roles
    may = world.everyone_may
    for role in roles:
        may |= world.roles[role].permissions
    if ADMIN in may:
        return EVERY
    allowed, denied = channel.overwrites.get(GUILD, (NONE, NONE))
    may = (may & ~denied) | allowed
    allowed = denied = NONE
    for role in roles:
        allowed |= channel.overwrites.get(role, (NONE, NONE))[0]
        denied |= channel.overwrites.get(role, (NONE, NONE))[1]
    may = (may & ~denied) | allowed
    allowed, denied = channel.overwrites.get(person, (NONE, NONE))
    return (may & ~denied) | allowed


def sees(server: Server, person: int, channel: Channel, thread: Channel | None) -> bool:
    if person in server.guests:
        return channel.type in (ChannelType.VOICE, ChannelType.STAGE)
    may = permissions(server, person, channel)
    if VIEW not in may or (channel.nsfw and person in server.minors):
        return False
    private = thread is not None and thread.type == ChannelType.PRIVATE_THREAD
    return not private or thread is None or person in thread.members or MANAGE_THREADS in may


def reads(server: Server, person: int, channel: Channel, thread: Channel | None, here: Channel) -> bool:
    """True if a person who sees the channel `here` may read what was said in `channel` before."""
    elsewhere = person in server.guests and channel.id != here.id
    there = sees(server, person, channel, thread) and HISTORY in permissions(server, person, channel)
    return there and not elsewhere


def readers(server: Server, channel: Channel, thread: Channel | None, asker: int, *, alone: bool) -> set[int]:
    return {asker} if alone else {one for one in MEMBERS if sees(server, one, channel, thread)} | {asker}


def plainly_open(server: Server, channel: Channel, here: Channel) -> bool:
    """True if nothing is set for a channel that the bot sees, and everybody may read everywhere."""
    plain = not channel.overwrites and not channel.nsfw and here.type != ChannelType.VOICE
    return plain and VIEW | HISTORY in server.world.everyone_may


# -- random servers ---------------------------------------------------------------------------------------


@st.composite
def servers(draw: st.DrawFn) -> Server:
    world = World()
    world.people = {BOT: world.people[BOT]}
    world.channels = {}
    some = st.sampled_from(DRAWN)
    world.everyone_may = draw(st.sampled_from([NONE, VIEW, HISTORY, VIEW | HISTORY, VIEW | HISTORY]))
    for id_ in ROLES:
        more = draw(st.sampled_from([NONE, NONE, VIEW, HISTORY, VIEW | HISTORY, MANAGE_THREADS, ADMIN]))
        world.roles[id_] = Role(id_, str(id_), more)
    for id_ in MEMBERS:
        roles = draw(st.lists(st.sampled_from(ROLES), unique=True, max_size=2))
        world.people[id_] = Member(id_, str(id_), roles=roles)
    world.members = dict.fromkeys(world.people, 0.0)
    kinds = st.sampled_from([ChannelType.TEXT, ChannelType.TEXT, ChannelType.FORUM, ChannelType.VOICE])
    targets = st.sampled_from((GUILD, GUILD, *ROLES, *MEMBERS, BOT, BOT_ROLE))
    for id_ in CHANNELS:
        channel = Channel(id_, draw(kinds), str(id_), nsfw=draw(st.integers(0, 7)) == 0)
        if channels := [one for one in world.channels.values() if draw(st.integers(0, 5)) == 0]:
            channel.overwrites = dict(channels[0].overwrites)  # in step with those of its category
        else:
            for target in draw(st.lists(targets, unique=True, max_size=3)):
                allowed, denied = draw(some), draw(some)
                channel.overwrites[target] = draw(
                    st.sampled_from([(allowed, NONE), (NONE, denied), (allowed, denied & ~allowed)])
                )
        world.channels[id_] = channel
    for id_ in THREADS:
        kind = draw(st.sampled_from([ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD]))
        thread = Channel(id_, kind, str(id_), parent_id=draw(st.sampled_from(CHANNELS)), owner_id=OWNER)
        members = draw(st.frozensets(st.sampled_from((*MEMBERS, BOT)), max_size=3))
        thread.members = dict.fromkeys(members, 0.0)
        world.channels[id_] = thread
    guests = draw(st.frozensets(st.sampled_from(MEMBERS[1:]), max_size=1))
    for id_ in guests:
        world.people[id_].voice_guest, world.people[id_].roles = True, []
    return Server(world, set(guests), set(draw(st.frozensets(st.sampled_from(MEMBERS[1:]), max_size=1))))


class Http:
    """The look-ups of one person."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def get_member(self, guild_id: int, member_id: int) -> Any:
        return wire.member_with_user(self.world, self.world.people[member_id])

    async def get_thread_member(self, thread_id: int, user_id: int) -> Any:
        thread = self.world.channels[thread_id]
        if user_id not in thread.members:
            raise discord.NotFound(cast("Any", SimpleNamespace(status=404, reason="Not Found")), "")
        return wire.thread_member(thread, user_id)

    async def get_channel(self, channel_id: int) -> Any:
        raise discord.Forbidden(cast("Any", SimpleNamespace(status=403, reason="Forbidden")), "")


def connected(world: World) -> discord.Client:
    """discord.py with the server in its cache, and no wire."""
    client = discord.Client(intents=discord.Intents.default())
    state: Any = client._connection
    state.user = discord.ClientUser(state=state, data=wire.user(world.people[BOT]))  # type: ignore[arg-type]
    payload = wire.guild_create(world, all_members=False) | {"owner_id": str(OWNER)}
    state.http = client.http = Http(world)  # type: ignore[assignment]
    state._add_guild_from_data(payload)
    return client


# -- the property -----------------------------------------------------------------------------------------


@settings(max_examples=WORLDS)
@given(st.data())
def test_no_answer_uses_what_one_of_its_readers_may_not_read(data: st.DataObject) -> None:
    server = data.draw(servers())
    asyncio.run(check(server, data))


async def check(server: Server, data: st.DataObject) -> None:
    """Look at an answer at the top of each channel and in each thread. Raises AssertionError for a leak."""
    world, members = server.world, GuildMembers(FakeClock())
    client = connected(world)
    spots: list[tuple[Channel, Channel | None]] = [(world.channels[id_], None) for id_ in CHANNELS]
    spots += [(world.channels[world.channels[id_].parent_id or 0], world.channels[id_]) for id_ in THREADS]
    for here, thread in spots:
        askers = [one for one in MEMBERS if sees(server, one, here, thread)]
        if not askers:
            continue
        asker = data.draw(st.sampled_from(askers))
        may_read = HISTORY in permissions(server, asker, here)
        place, who = place_of(here, thread), Person(str(asker), may_read=may_read)
        for alone in (False, True):
            every = [str(id_) for id_ in CHANNELS]
            found = await sources.eligible_channels(client, members, place, who, alone=alone, channels=every)
            several = readers(server, here, thread, asker, alone=alone)
            for channel, source in spots:
                told = (place.key, asker, place_of(channel, source).key, alone)
                if source is None:
                    leaks = not all(reads(server, one, channel, None, here) for one in several)
                    assert str(channel.id) not in found or not leaks, told
                    if plainly_open(server, channel, here) and may_read and not alone:
                        assert str(channel.id) in found or BOT in channel.overwrites, told
                    continue
                cited = await sources.may_cite(
                    client, members, place, who, place_of(channel, source), alone=alone
                )
                leaks = not all(reads(server, one, channel, source, here) for one in several)
                assert not cited or not leaks, told


def place_of(channel: Channel, thread: Channel | None) -> Place:
    return Place("discord", str(GUILD), str(channel.id), str(thread.id) if thread is not None else "")
