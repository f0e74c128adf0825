"""The people who may read a channel, compared with those who may read another. Pure.

Parley does not know the members of a server: it goes by the permissions of roles, and takes every set of roles for
possible. https://docs.discord.com/developers/topics/permissions#permission-overwrites
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final

import discord

_VIEW: Final = "view_channel"
_READ: Final = (_VIEW, "read_message_history")
_BITS: Final = discord.Permissions(**dict.fromkeys(_READ, True)).value
_NOTHING: Final = discord.PermissionOverwrite()
_KEPT: Final = 4096
"""The cases that are decided once: channels of a server are mostly alike, and each question asks for those of its own.
"""


@dataclass(frozen=True, slots=True)
class _Role:
    """The permissions of a role: `views` channels, and `has` a right. `viewing`: the overwrite of the view in the one
    channel; `having`: that of the right in the other; None where there is none."""

    views: bool
    has: bool
    viewing: bool | None
    having: bool | None


def all_may_read(channel: discord.abc.GuildChannel, readers_of: discord.abc.GuildChannel) -> bool:
    """True if certainly everyone who may view the channel `readers_of` may read `channel`, of the same server."""
    if channel.id == readers_of.id:
        return True
    if for_adults(channel) and not for_adults(readers_of):
        return False
    return _all_may_read(channel, readers_of)


def who_views_may_read(channel: discord.abc.GuildChannel) -> bool:
    """True if certainly everyone who may view a channel may read its older messages too."""
    return _all_may_read(channel, channel)


def for_adults(channel: discord.abc.GuildChannel) -> bool:
    """True if a channel is for adults alone, by the age that they gave. No bot is told that age."""
    return bool(getattr(channel, "nsfw", False))


def _all_may_read(channel: discord.abc.GuildChannel, readers_of: discord.abc.GuildChannel) -> bool:
    guild, viewing, having = channel.guild, _overwrites(readers_of), _overwrites(channel)
    named = viewing.keys() | having.keys()
    # Of the roles that no overwrite names, one of each kind: a server may have hundreds.
    alike = {
        role.permissions.value & _BITS: role for role in guild.roles if role.id not in named and _counts(role)
    }
    counting = [*alike.values(), *(role for role in guild.roles if role.id in named and _counts(role))]
    members = _members(channel) | _members(readers_of)

    def said(target: int, right: str) -> tuple[bool | None, bool | None]:
        return getattr(viewing.get(target, _NOTHING), _VIEW), getattr(having.get(target, _NOTHING), right)

    def permissions(role: discord.Role, right: str) -> _Role:
        return _Role(role.permissions.view_channel, getattr(role.permissions, right), *said(role.id, right))

    return all(
        _all_have(
            permissions(guild.default_role, right),
            frozenset(permissions(role, right) for role in counting),
            frozenset(said(member, right) for member in members),
        )
        for right in _READ
    )


@lru_cache(_KEPT)
def _all_have(
    everyone: _Role, others: frozenset[_Role], members: frozenset[tuple[bool | None, bool | None]]
) -> bool:
    """True if all people who may view one channel have the right in the other, with any of these roles. `members`: what
    overwrites for single members say of both."""
    # Two roles suffice as a counterexample: one by which the channel may be viewed, and one that takes the right away.
    # More would only add to what is allowed.
    sets = [(), *((role,) for role in others), *combinations(others, 2)]
    have = [
        (
            _is_allowed(
                everyone.views or any(role.views for role in some), everyone.viewing, [r.viewing for r in some]
            ),
            _is_allowed(
                everyone.has or any(role.has for role in some), everyone.having, [r.having for r in some]
            ),
        )
        for some in sets
    ]
    if any(views and not has for views, has in have):
        return False
    in_any_case = all(has for _, has in have)
    # An overwrite for a member counts before those of their roles, which are not known.
    return all(
        viewing is False or having is True or (having is None and (viewing is None or in_any_case))
        for viewing, having in members
    )


def _is_allowed(granted: bool, everyone: bool | None, roles: Iterable[bool | None]) -> bool:
    """True if a member with these roles has a right. An overwrite that allows it to a role counts before one that
    denies it to a role, and both before that for everyone."""
    said = set(roles)
    if True in said or False in said:
        return True in said
    return granted if everyone is None else everyone


def _counts(role: discord.Role) -> bool:
    """False for everyone's, for roles of bots, and for those of administrators, who may read everything."""
    return not (role.is_default() or role.is_bot_managed() or role.permissions.administrator)


def _overwrites(channel: discord.abc.GuildChannel) -> dict[int, discord.PermissionOverwrite]:
    return {target.id: said for target, said in channel.overwrites.items()}


def _members(channel: discord.abc.GuildChannel) -> set[int]:
    """The members of which overwrites speak, without the bot itself. A role that is gone has no members."""
    said = {target.id for target in channel.overwrites if not _is_role(target)}
    return said - {channel.guild.me.id}


def _is_role(target: discord.Role | discord.Member | discord.Object) -> bool:
    return isinstance(target, discord.Role) or (
        isinstance(target, discord.Object) and target.type is discord.Role
    )
