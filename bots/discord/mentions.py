"""Ids in Discord's texts as the names that its readers see. Pure.

https://docs.discord.com/developers/reference#message-formatting
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import discord

_MARK = re.compile(
    r"<(?:@!?(?P<user>\d{1,20})|@&(?P<role>\d{1,20})|#(?P<channel>\d{1,20})|a?:(?P<emoji>\w+):\d{1,20}|/(?P<command>[^:<>]{1,100}):\d{1,20})>"
)
_USER = re.compile(r"<@!?(\d{1,20})>")


@dataclass(frozen=True, slots=True)
class Names:
    """Names by id: from the message or interaction, else from the server."""

    users: Mapping[int, str] = field(default_factory=dict)
    roles: Mapping[int, str] = field(default_factory=dict)
    channels: Mapping[int, str] = field(default_factory=dict)
    guild: discord.Guild | None = None

    def user(self, user_id: int) -> str | None:
        member = self.guild.get_member(user_id) if self.guild else None
        return self.users.get(user_id) or (member.display_name if member else None)

    def role(self, role_id: int) -> str | None:
        role = self.guild.get_role(role_id) if self.guild else None
        return self.roles.get(role_id) or (role.name if role else None)

    def channel(self, channel_id: int) -> str | None:
        channel = self.guild.get_channel_or_thread(channel_id) if self.guild else None
        return self.channels.get(channel_id) or (channel.name if channel else None)


def named(text: str, names: Names) -> str:
    """`text` with names for ids; an id that nothing is known of stays as it is. Times stay, too: an answer that repeats
    one shows it in each reader's own time zone."""

    def name(found: re.Match[str]) -> str:
        kind, value = next((kind, value) for kind, value in found.groupdict().items() if value)
        match kind:
            case "user":
                sign, known = "@", names.user(int(value))
            case "role":
                sign, known = "@", names.role(int(value))
            case "channel":
                sign, known = "#", names.channel(int(value))
            case "emoji":
                sign, known = ":", f"{value}:"
            case _:
                sign, known = "/", value
        return f"{sign}{known}" if known else found[0]

    return _MARK.sub(name, text)


def unknown_users(text: str, names: Names) -> list[int]:
    """The people who are mentioned, and whose names are not known, in order, each once."""
    mentioned = dict.fromkeys(int(found[1]) for found in _USER.finditer(text))
    return [user_id for user_id in mentioned if names.user(user_id) is None]


def resolved_names(
    data: Mapping[str, Any], guild: discord.Guild | None, me: discord.ClientUser | None
) -> Names:
    """The names that come with an interaction:
    https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-object-resolved-data-structure
    """
    resolved = data.get("resolved") or {}
    members, users = resolved.get("members") or {}, resolved.get("users") or {}
    known = {int(key): (members.get(key) or {}).get("nick") or _user_name(user) for key, user in users.items()}
    if me is not None:
        known.setdefault(me.id, me.display_name)
    return Names(known, _names(resolved.get("roles")), _names(resolved.get("channels")), guild)


def _user_name(user: Mapping[str, Any]) -> str:
    return str(user.get("global_name") or user.get("username") or "")


def _names(things: Mapping[str, Any] | None) -> dict[int, str]:
    return {int(key): str(thing.get("name") or "") for key, thing in (things or {}).items()}
