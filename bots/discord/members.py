"""Which servers a person is a member of, asked of Discord: a direct message belongs to none.

https://docs.discord.com/developers/resources/guild#get-guild-member
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import discord
from cachetools import FIFOCache

from core.clock import Clock

_REMEMBERED = 10_000
KEEP_S = 60.0
"""How long an answer counts: roles and members change, and no event tells of it without a privileged intent."""
KEEP_READING_S = 600.0
"""The same for those who wrote what is read on after downtime: it takes a while to read many channels."""

Roles = tuple[str, ...]


class GuildMembers:
    """Looks members up, each once in a while, also when they are asked for several times at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: FIFOCache[str, tuple[float, asyncio.Task[discord.Member | None]]] = FIFOCache(_REMEMBERED)

    async def roles_in(self, client: discord.Client, person: str, teams: Sequence[str]) -> Mapping[str, Roles]:
        """Of the servers `teams`, those with the person in them, and their roles there. Raises what discord.py
        raises."""
        guilds = [guild for team in teams if team.isdecimal() and (guild := client.get_guild(int(team)))]
        found = await asyncio.gather(*(self.member(guild, person) for guild in guilds))
        known = {str(guild.id): member for guild, member in zip(guilds, found, strict=True)}
        return {team: member_to_roles(member) for team, member in known.items() if member is not None}

    async def member(
        self, guild: discord.Guild, person: str, *, keep_s: float = KEEP_S
    ) -> discord.Member | None:
        """The person as a member of the server, as known for at most `keep_s`; None where they are none. Raises what
        discord.py raises."""
        key, now_s = f"{guild.id}/{person}", self._clock.monotonic()
        at_s, asking = self._asked.get(key, (now_s, None))
        if asking is None or now_s - at_s > keep_s or _failed(asking):
            asking = asyncio.create_task(_look_up(guild, person))
            self._asked[key] = now_s, asking
        return await asyncio.shield(asking)


async def _look_up(guild: discord.Guild, person: str) -> discord.Member | None:
    try:
        return await guild.fetch_member(int(person))
    except discord.NotFound:
        return None


def member_to_roles(member: discord.Member) -> Roles:
    return tuple(str(role.id) for role in member.roles if not role.is_default())


def _failed(asking: asyncio.Task[discord.Member | None]) -> bool:
    return asking.done() and (asking.cancelled() or asking.exception() is not None)
