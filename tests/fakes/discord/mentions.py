"""The people whom a message would really notify.

https://docs.discord.com/developers/resources/message#allowed-mentions-object
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(?:everyone|here)\b")

ALL = ("users", "roles", "everyone")
"""The mentions that are parsed in a normal message without `allowed_mentions`."""
USERS_ONLY = ("users",)
"""The same for an answer to an interaction."""


@dataclass(frozen=True, slots=True)
class Pings:
    """The people and roles that are notified. False when there are none."""

    everyone: bool = False
    roles: frozenset[int] = frozenset()
    users: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.everyone or bool(self.roles) or bool(self.users)

    def __or__(self, other: Pings) -> Pings:
        return Pings(self.everyone or other.everyone, self.roles | other.roles, self.users | other.users)


def pings(text: str, allowed: dict[str, Any] | None, *, parse: Collection[str] = ALL) -> Pings:
    """Mentions of ``text`` that fire under ``allowed``.

    It reports too many rather than too few: mentions in code, and of unknown ids, count as well.
    """
    users, roles = (frozenset(map(int, found.findall(text))) for found in (_USER, _ROLE))
    everyone = bool(_EVERYONE.search(text))
    if allowed is not None:
        parse = allowed.get("parse") or ()
    if "users" not in parse:
        users &= _ids(allowed, "users")
    if "roles" not in parse:
        roles &= _ids(allowed, "roles")
    return Pings(everyone and "everyone" in parse, roles, users)


def _ids(allowed: dict[str, Any] | None, key: str) -> frozenset[int]:
    return frozenset(map(int, (allowed or {}).get(key) or ()))
