"""The installations of the store in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.values.installations import REMOVED, Credentials, InstallationKey, StoredInstallation

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryInstallations:
    """The `InstallationStore` of `MemoryStore`."""

    def __init__(self) -> None:
        super().__init__()
        self._installed: dict[InstallationKey, StoredInstallation] = {}
        self._tokens: dict[InstallationKey, Credentials] = {}
        self._claimed: dict[InstallationKey, datetime] = {}

    async def installations(self, platform: str) -> list[StoredInstallation]:
        found = [one for key, one in self._installed.items() if key.platform == platform]
        return sorted(found, key=lambda one: (one.key.enterprise, one.key.team))

    async def installation(self, key: InstallationKey) -> StoredInstallation | None:
        return self._installed.get(key)

    async def install(
        self, installation: StoredInstallation, credentials: Credentials | None, at: datetime
    ) -> StoredInstallation:
        former = self._installed.get(installation.key)
        version = 1 if former is None else former.version + 1
        stored = replace(
            installation,
            installed_at=at,
            ended_at=None,
            reason="",
            has_tokens=credentials is not None,
            version=version,
        )
        self._installed[stored.key] = stored
        self._tokens.pop(stored.key, None)
        self._claimed.pop(stored.key, None)
        if credentials is not None:
            self._tokens[stored.key] = replace(credentials, version=version)
        return stored

    async def credentials(self, key: InstallationKey) -> Credentials | None:
        return self._tokens.get(key)

    async def claim_refresh(self, key: InstallationKey, version: int, now: datetime, until: datetime) -> bool:
        tokens = self._tokens.get(key)
        if tokens is None or tokens.version != version or self._claimed.get(key, _NEVER) > now:
            return False
        self._claimed[key] = until
        return True

    async def replace_credentials(self, key: InstallationKey, version: int, new: Credentials) -> bool:
        tokens = self._tokens.get(key)
        if tokens is None or tokens.version != version:
            return False
        self._tokens[key] = replace(new, version=version + 1)
        self._installed[key] = replace(self._installed[key], version=version + 1)
        self._claimed.pop(key, None)
        return True

    async def end_installation(
        self, key: InstallationKey, reason: str, at: datetime, version: int | None = None
    ) -> bool:
        known = self._installed.get(key)
        if version is not None and (known is None or known.version != version):
            return False
        ended = [one for one in self._installed.values() if one.ended_at is None and _ends_with(one, key)]
        for one in ended:
            self._installed[one.key] = replace(one, ended_at=at, reason=reason, has_tokens=False)
            self._tokens.pop(one.key, None)
        return bool(ended)

    async def ended_installations(
        self, before: datetime, removed_before: datetime | None = None
    ) -> list[StoredInstallation]:
        runs = {one.key.team for one in self._installed.values() if one.ended_at is None}
        removed = removed_before or before
        ended = [
            one
            for one in self._installed.values()
            if one.ended_at is not None and one.ended_at < (removed if one.reason == REMOVED else before)
        ]
        return [one for one in ended if not one.key.team or one.key.team not in runs]

    async def remove_team(self, platform: str, team: str) -> int:
        return 0

    async def forget_installation(self, key: InstallationKey) -> bool:
        known = self._installed.get(key)
        if known is None or known.ended_at is None:
            return False
        del self._installed[key]
        return True

    async def rewrite_tokens(self, limit: int) -> int:
        return 0


def _ends_with(one: StoredInstallation, key: InstallationKey) -> bool:
    of_its_teams = bool(key.enterprise) and not key.team and not one.has_tokens
    return one.key == key or (of_its_teams and replace(one.key, team="") == key)
