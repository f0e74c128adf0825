"""Names of people whom a text mentions and with whom Discord does not name them, as in embeds and forwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import discord
import structlog

from bots.discord.errors import FOREIGN, translate
from bots.discord.members import KEEP_READING_S, GuildMembers
from bots.discord.mentions import Names, named, unknown_users
from core.values.conversation import Ask, ThreadMessage
from core.values.events import Edited
from core.values.parts import Quote, Text

log = structlog.get_logger(platform="discord")

_LOOK_UPS, _WITHIN_S = 5, 2.0
"""The most people that are looked up for one event or one read, and how long each may take in seconds."""

Said = TypeVar("Said", Ask, Edited, ThreadMessage)


class MentionedPeople:
    """Looks people up by the ids that are left in a text."""

    def __init__(self, members: GuildMembers) -> None:
        self._members = members

    async def named(
        self, client: discord.Client, guild: discord.Guild | None, said: Sequence[Said]
    ) -> list[Said]:
        """`said` with names for the ids in it, as far as they are found. `guild` is None outside of servers."""
        if not (ids := _unnamed(said)):
            return list(said)
        names = Names(await self.names(client, guild, ids))
        return [_renamed(one, names) for one in said]

    async def names(
        self, client: discord.Client, guild: discord.Guild | None, user_ids: Sequence[int]
    ) -> dict[int, str]:
        """The display names of the first of `user_ids`, without those that are not found."""
        asked = user_ids[:_LOOK_UPS]
        found = await asyncio.gather(*(self._name(client, guild, user_id) for user_id in asked))
        return {user_id: name for user_id, name in zip(asked, found, strict=True) if name}

    async def _name(self, client: discord.Client, guild: discord.Guild | None, user_id: int) -> str:
        user: discord.User | discord.Member | None
        try:
            async with asyncio.timeout(_WITHIN_S):
                if guild is None:
                    user = await client.fetch_user(user_id)
                else:
                    user = await self._members.member(guild, str(user_id), keep_s=KEEP_READING_S)
        except FOREIGN as error:
            log.info("user_name_unknown", **translate(error).log_keys)
            return ""
        return user.display_name if user else ""


def is_unnamed(said: Ask | Edited | ThreadMessage) -> bool:
    """True if ids of people are left in it."""
    return bool(_unnamed([said]))


def _unnamed(said: Sequence[Ask | Edited | ThreadMessage]) -> list[int]:
    quoted = (part.text for one in said for part in one.attached if isinstance(part, Text | Quote))
    return unknown_users(" ".join([*(one.text for one in said), *quoted]), Names())


def _renamed(said: Said, names: Names) -> Said:
    attached = (
        replace(part, text=named(part.text, names)) if isinstance(part, Text | Quote) else part
        for part in said.attached
    )
    return replace(said, text=named(said.text, names), attached=tuple(attached))
