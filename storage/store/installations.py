"""`InstallationStore` on a `Database`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from core.values.events import InstallationEnded
from core.values.installations import Credentials, InstallationKey, StoredInstallation
from storage import installations, model_accounts, team_data
from storage.store.state import StoreState
from storage.tables import to_us


class SqlInstallationStore(StoreState):
    """`core.ports.store.installations` documents each method."""

    async def installations(self, platform: str) -> list[StoredInstallation]:
        return await self._database.read(installations.all_of, platform)

    async def installation(self, key: InstallationKey) -> StoredInstallation | None:
        return await self._database.read(installations.one, key)

    async def install(
        self, installation: StoredInstallation, credentials: Credentials | None, at: datetime
    ) -> StoredInstallation:
        return await self._database.write(
            installations.put, self._secret_keys, installation, credentials, to_us(at)
        )

    async def credentials(self, key: InstallationKey) -> Credentials | None:
        return await self._database.read(installations.credentials, self._secret_keys, key)

    async def claim_refresh(self, key: InstallationKey, version: int, now: datetime, until: datetime) -> bool:
        return await self._database.write(installations.claim, key, version, to_us(now), to_us(until))

    async def replace_credentials(self, key: InstallationKey, version: int, new: Credentials) -> bool:
        return await self._database.write(installations.replace, self._secret_keys, key, version, new)

    async def end_installation(
        self, key: InstallationKey, reason: str, at: datetime, version: int | None = None
    ) -> bool:
        return await self._database.write(self._end, key, reason, to_us(at), version)

    def _end(
        self, connection: Connection, key: InstallationKey, reason: str, at_us: int, version: int | None
    ) -> bool:
        """End it, and tell the other replicas."""
        ended = installations.end(connection, key, reason, at_us, version)
        if ended and self._notices is not None:
            self._notices.tell(connection, InstallationEnded(key.platform))
        return ended

    async def ended_installations(
        self, before: datetime, removed_before: datetime | None = None
    ) -> list[StoredInstallation]:
        removed_us = to_us(removed_before or before)
        return await self._database.read(installations.ended_before, to_us(before), removed_us)

    async def remove_team(self, platform: str, team: str) -> int:
        removed = await self._database.write(team_data.remove, platform, team)
        if not removed:
            self._settings.forget()
        return removed

    async def forget_installation(self, key: InstallationKey) -> bool:
        return await self._database.write(installations.forget, key)

    async def rewrite_tokens(self, limit: int) -> int:
        tokens = await self._database.write(installations.rewrite, self._secret_keys, limit)
        return tokens + await self._database.write(model_accounts.rewrite, self._secret_keys, limit)
