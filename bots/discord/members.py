"""The servers that a person is a member of. A direct message names none.

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
"""Seconds until a member is looked up again. Without a privileged intent no event reports changes."""
KEEP_READING_S = 600.0
"""The same for authors of messages that are read after downtime: reading many channels takes long."""

Roles = tuple[str, ...]


class GuildMembers:
    """Looks up members. Concurrent look-ups of one member share one call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: FIFOCache[str, tuple[float, asyncio.Task[discord.Member | None]]] = FIFOCache(_REMEMBERED)

    async def roles_in(self, client: discord.Client, person: str, teams: Sequence[str]) -> Mapping[str, Roles]:
        """The servers of `teams` that the person is a member of, with their roles there.

        Raises errors of discord.py.
        """
        guilds = [guild for team in teams if team.isdecimal() and (guild := client.get_guild(int(team)))]
        found = await asyncio.gather(*(self.member(guild, person) for guild in guilds))
        known = {str(guild.id): member for guild, member in zip(guilds, found, strict=True)}
        return {team: member_to_roles(member) for team, member in known.items() if member is not None}

    async def member(
        self, guild: discord.Guild, person: str, *, keep_s: float = KEEP_S
    ) -> discord.Member | None:
        """The person as a member of the server, cached for `keep_s` seconds. None where they are not a member.

        Raises errors of discord.py.
        """
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
    """The ids of a member's roles, without @everyone."""
    return tuple(str(role.id) for role in member.roles if not role.is_default())


def _failed(asking: asyncio.Task[discord.Member | None]) -> bool:
    return asking.done() and (asking.cancelled() or asking.exception() is not None)
