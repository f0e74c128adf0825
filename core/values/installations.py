"""Installations that teams have made themselves, as the store has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

REMOVED = "removed by the operator"
"""The reason of an end after which nothing of a team is kept."""


@dataclass(frozen=True, slots=True)
class InstallationKey:
    """`team` is empty for the installation of a whole organisation, `enterprise` where a team belongs to none."""

    platform: str
    enterprise: str
    team: str


@dataclass(frozen=True, slots=True)
class StoredInstallation:
    """An installation without its tokens. One that has ended has an `ended_at`, and its `reason` in a word.

    `name` and `url` are those of the team, `installed_by` is the id of a person. `version` counts its tokens.
    `has_tokens` is False for a team of an organisation, which uses the tokens of that.
    """

    key: InstallationKey
    name: str = ""
    url: str = ""
    app: str = ""
    bot_user: str = ""
    bot: str = ""
    scopes: tuple[str, ...] = ()
    installed_by: str = ""
    installed_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    has_tokens: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The tokens of an installation. One that rotates has a `refresh_token`, and is refused from `expires_at` on.
    `version` is that of the installation they were read of."""

    token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    version: int = 0
