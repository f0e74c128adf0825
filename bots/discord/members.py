"""Which servers a person is a member of, asked of Discord: a direct message belongs to none.

https://docs.discord.com/developers/resources/guild#get-guild-member
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import discord

from bots.discord.recent import Recent
from core.clock import Clock

KEEP_S = 60.0
"""How long an answer counts: roles and members change, and no event tells of it without a privileged intent."""

Roles = tuple[str, ...]


class Members:
    """Looks members up, each once a minute, also when they are asked for several times at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: Recent[tuple[float, asyncio.Task[Roles | None]]] = Recent()

    async def roles_in(self, client: discord.Client, person: str, teams: Sequence[str]) -> Mapping[str, Roles]:
        """Of the servers `teams`, those with the person in them, and their roles there. Raises what discord.py
        raises."""
        guilds = [guild for team in teams if team.isdecimal() and (guild := client.get_guild(int(team)))]
        found = await asyncio.gather(*(asyncio.shield(self._asking(guild, person)) for guild in guilds))
        known = {str(guild.id): roles for guild, roles in zip(guilds, found, strict=True)}
        return {team: roles for team, roles in known.items() if roles is not None}

    def _asking(self, guild: discord.Guild, person: str) -> asyncio.Task[Roles | None]:
        key, now_s = f"{guild.id}/{person}", self._clock.monotonic()
        at_s, asking = self._asked.get(key, (now_s, None))
        if asking is None or now_s - at_s > KEEP_S or _failed(asking):
            asking = asyncio.create_task(_roles(guild, person))
            self._asked[key] = now_s, asking
        return asking


async def _roles(guild: discord.Guild, person: str) -> Roles | None:
    try:
        member = await guild.fetch_member(int(person))
    except discord.NotFound:
        return None
    return member_to_roles(member)


def member_to_roles(member: discord.Member) -> Roles:
    return tuple(str(role.id) for role in member.roles if not role.is_default())


def _failed(asking: asyncio.Task[Roles | None]) -> bool:
    return asking.done() and (asking.cancelled() or asking.exception() is not None)
