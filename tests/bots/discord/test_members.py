"""Which servers somebody is a member of, asked of a Discord on loopback."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import Code, PlatformError
from core.ports.connector import Membership
from core.values.places import Place
from tests.bots.discord.conftest import Bot
from tests.fakes.discord import BO, BOT, CHEN, GUILD, Permission


def lookups(bot: Bot) -> int:
    return len([call for call in bot.fake.calls if "/members/" in call.path])


async def test_the_roles_of_a_member_are_those_of_each_server_and_a_stranger_has_none(bot: Bot) -> None:
    assert isinstance(bot.platform.installation, Membership)
    role = await bot.fake.grant(BO, Permission.MANAGE_CHANNELS)
    external = bot.fake.add_person("Dot")
    del bot.fake.world.members[external]
    found = [
        await bot.platform.installation.roles_in(str(person), [str(GUILD), "7", str(BOT)])
        for person in (BO, CHEN, external)
    ]
    assert found == [{str(GUILD): (str(role),)}, {str(GUILD): ()}, {}]


async def test_a_place_has_a_team_where_the_bot_itself_is_a_member(bot: Bot) -> None:
    has_team = bot.platform.installation.has_team
    assert has_team(Place("discord", str(GUILD), "1"))
    assert not has_team(Place("discord", "7", "1")), "a server of a person's own install"
    assert not has_team(Place("discord", str(BOT), "1")), "a private chat of others"
    assert not has_team(Place("discord", str(BOT), "1", direct=True))


async def test_a_person_is_looked_up_once_a_minute_however_many_ask(bot: Bot) -> None:
    await asyncio.gather(*(bot.platform.installation.roles_in(str(BO), [str(GUILD)]) for _ in range(10)))
    await bot.platform.installation.roles_in(str(BO), [str(GUILD)])
    assert lookups(bot) == 1


async def test_what_can_not_be_looked_up_is_said_and_asked_again(bot: Bot) -> None:
    bot.fake.fail("GET", "/guilds/*/members/*", status=403, code=50001)
    with pytest.raises(PlatformError) as refused:
        await bot.platform.installation.roles_in(str(BO), [str(GUILD)])
    assert refused.value.code is Code.NOT_ALLOWED
    assert await bot.platform.installation.roles_in(str(BO), [str(GUILD)]) == {str(GUILD): ()}
