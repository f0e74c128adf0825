"""The settings that people change, and the audit of changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.values.model_accounts import ModelAccount
from core.values.places import Person, Place

RETRIED = "retry:"
"""The beginning of the name of a change that is none of a setting: an operator had the turn asked again whose id
follows; `new` is that of the new turn."""


MODEL_ACCOUNT = "model_account"
"""The name of a change of a workspace's own model account. Its texts have the base URL and the models."""


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """The settings that people have changed in a workspace and in one of its channels: text by name. `account`: the
    workspace's own model account."""

    workspace: Mapping[str, str]
    channel: Mapping[str, str]
    account: ModelAccount | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the audit: a setting of a channel, or of a workspace where `place.channel` is empty, was changed.

    None as `old` or `new` means that the place has no value of its own.
    """

    place: Place
    name: str
    old: str | None
    new: str | None
    by: Person
    at: datetime


class SettingsStore(Protocol):
    """The settings that people change, and their audit."""

    async def stored_settings(self, place: Place) -> StoredSettings:
        """The settings of `place`'s workspace and channel."""
        ...

    async def workspaces(self, platform: str) -> Mapping[str, Mapping[str, str]]:
        """The settings of a platform's workspaces, by the workspace's id."""
        ...

    async def change(
        self, place: Place, changes: Mapping[str, str | None], by: Person, at: datetime
    ) -> list[Change]:
        """Set settings of `place`'s channel, or of its workspace where `place.channel` is empty. None removes one.

        Returns the changes that made a difference. The audit gets it in the same transaction.
        """
        ...

    async def overrides(self, platform: str, team: str, name: str, limit: int = 500) -> list[tuple[Place, str]]:
        """The channels of a team with a value of their own for the setting `name`, and that value.

        Empty `team`: of every team.
        """
        ...

    async def is_set(self, name: str) -> bool:
        """True if any workspace or channel, of any platform, has a value of its own for the setting `name`."""
        ...

    async def audit(self, place: Place, limit: int = 20) -> list[Change]:
        """The newest changes of a channel and of its workspace, newest first."""
        ...
