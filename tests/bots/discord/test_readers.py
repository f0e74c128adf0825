"""The people who may read a channel, against discord.py's own reckoning of every possible member."""

from __future__ import annotations

from itertools import chain, combinations
from random import Random
from typing import Any

import discord
import pytest

from bots.discord import readers
from bots.discord.readers import all_may_read
from tests.fakes.discord import ADA, BO, BOT, CHEN, FORUM, GENERAL, GUILD, Permission, wire
from tests.fakes.discord.guild import BOT_ROLE, World

Json = dict[str, Any]
VIEW, READ = Permission.VIEW_CHANNEL, Permission.READ_MESSAGE_HISTORY
ROLES = (11, 12, 13, 14)
NONE = Permission(0)


def overwrite(target: int, allow: Permission = NONE, deny: Permission = NONE, *, member: bool = False) -> Json:
    return {"id": str(target), "type": int(member), "allow": str(int(allow)), "deny": str(int(deny))}


def role(role_id: int, may: Permission) -> Json:
    return wire.role(role_id, f"role {role_id}", may, 2)


def server(
    everyone: Permission, roles: list[Json], general: list[Json], forum: list[Json]
) -> tuple[discord.Guild, discord.abc.GuildChannel, discord.abc.GuildChannel]:
    """A guild, its channel of the report, and its forum."""
    world = World()
    client = discord.Client(intents=discord.Intents.default())
    state: Any = client._connection
    state.user = discord.ClientUser(state=state, data=wire.user(world.people[BOT]))  # type: ignore[arg-type]
    data: Any = wire.guild_create(world, all_members=False)
    data["roles"] = [wire.role(GUILD, "@everyone", everyone, 0), *roles]
    for channel in data["channels"]:
        said = {str(GENERAL): general, str(FORUM): forum}
        channel["permission_overwrites"] = said.get(channel["id"], [])
    guild = state._add_guild_from_data(data)
    return guild, guild.get_channel(GENERAL), guild.get_channel(FORUM)


def possible_members(guild: discord.Guild) -> list[discord.Member]:
    """A member of each set of roles, by the id of one of whom overwrites may speak."""
    world = World()
    sets = chain.from_iterable(combinations(ROLES, number) for number in range(len(ROLES) + 1))
    members = []
    for held in sets:
        for person in (BO, CHEN):
            data: Any = wire.member_with_user(world, world.people[person]) | {
                "roles": [str(one) for one in held]
            }
            members.append(discord.Member(data=data, guild=guild, state=guild._state))
    return members


def nobody_is_left_out(
    guild: discord.Guild, general: discord.abc.GuildChannel, forum: discord.abc.GuildChannel
) -> bool:
    for member in possible_members(guild):
        may = forum.permissions_for(member)
        if general.permissions_for(member).view_channel and not (may.view_channel and may.read_message_history):
            return False
    return True


def chance(random: Random) -> Permission:
    return random.choice((NONE, NONE, VIEW, READ, VIEW | READ))


def overwrites(random: Random, *, members: bool) -> list[Json]:
    said = [
        overwrite(one, chance(random), NONE) for one in random.sample((GUILD, *ROLES), random.randint(0, 3))
    ]
    for one in said:
        one["deny"] = str(int(chance(random)) & ~int(one["allow"]))
    if members and random.random() < 0.5:
        allow = chance(random)
        said.append(overwrite(random.choice((BO, CHEN)), allow, chance(random) & ~allow, member=True))
    return sorted(said, key=lambda one: one["id"] != str(GUILD))


def test_it_is_exact_for_all_sets_of_roles() -> None:
    random, seen = Random(7), set()
    for _ in range(200):
        roles = [role(one, chance(random)) for one in ROLES]
        guild, general, forum = server(
            chance(random),
            roles,
            overwrites(random, members=False),
            overwrites(random, members=False),
        )
        may = all_may_read(forum, general)
        assert may == nobody_is_left_out(guild, general, forum)
        seen.add(may)
    assert seen == {True, False}


def test_it_is_never_true_where_a_member_with_an_overwrite_of_their_own_is_left_out() -> None:
    random, found = Random(8), 0
    for _ in range(200):
        roles = [role(one, chance(random)) for one in ROLES]
        said = [overwrites(random, members=True) for _ in range(2)]
        guild, general, forum = server(chance(random), roles, *said)
        if all_may_read(forum, general):
            found += 1
            assert nobody_is_left_out(guild, general, forum)
    assert found > 20


@pytest.mark.parametrize(
    ("general", "forum", "expected"),
    [
        ([], [], True),
        ([], [overwrite(GUILD, deny=VIEW)], False),
        ([], [overwrite(GUILD, deny=READ)], False),
        ([overwrite(GUILD, deny=VIEW), overwrite(11, VIEW)], [], True),
        ([overwrite(GUILD, deny=VIEW), overwrite(11, VIEW)], [overwrite(GUILD, deny=VIEW)], False),
        (
            [overwrite(GUILD, deny=VIEW), overwrite(11, VIEW)],
            [overwrite(GUILD, deny=VIEW), overwrite(11, VIEW), overwrite(12, VIEW)],
            True,
        ),
        ([], [overwrite(12, deny=VIEW)], False),
        ([], [overwrite(ADA, deny=VIEW, member=True)], False),
        ([overwrite(ADA, deny=VIEW, member=True)], [overwrite(ADA, deny=VIEW, member=True)], True),
        ([overwrite(ADA, VIEW, member=True)], [], True),
        ([], [overwrite(BOT, deny=VIEW, member=True)], True),
        ([], [overwrite(BOT_ROLE, deny=VIEW)], True),
        ([], [overwrite(99, deny=VIEW)], True),
    ],
)
def test_a_forum_is_as_open_as_a_channel_or_not(general: list[Json], forum: list[Json], expected: bool) -> None:
    roles = [role(11, NONE), role(12, NONE), wire.role(BOT_ROLE, "parley", NONE, 1, managed=True)]
    _, readers_of, channel = server(VIEW | READ, roles, general, forum)
    assert all_may_read(channel, readers_of) is expected
    assert all_may_read(channel, channel)


@pytest.mark.parametrize(
    ("general", "forum", "expected"), [(False, True, False), (True, True, True), (True, False, True)]
)
def test_a_forum_for_adults_is_not_for_the_readers_of_any_channel(
    general: bool, forum: bool, expected: bool
) -> None:
    _, readers_of, channel = server(VIEW | READ, [], [], [])
    for place, limited in ((readers_of, general), (channel, forum)):
        assert isinstance(place, discord.TextChannel | discord.ForumChannel)
        place.nsfw = limited
    assert all_may_read(channel, readers_of) is expected


def test_administrators_read_everything() -> None:
    admins = role(11, Permission.ADMINISTRATOR)
    said = [overwrite(GUILD, deny=VIEW), overwrite(11, VIEW)]
    _, general, forum = server(VIEW | READ, [admins], said, said[:1])
    assert all_may_read(forum, general)


def test_the_same_rights_are_compared_once() -> None:
    may = Permission(VIEW | READ)
    decided = readers._all_have.cache_info().misses
    for name in ("11", "12", "13"):  # other servers, with roles of the same kinds
        _, general, forum = server(may, [role(int(name), may), role(14, NONE)], [], [])
        assert all_may_read(general, forum)
    assert readers._all_have.cache_info().misses <= decided + 2  # one for each right
