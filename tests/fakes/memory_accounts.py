"""The model accounts of the store in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.ports.store.settings import StoredSettings
from core.values.model_accounts import ModelAccount
from core.values.places import Person, Place
from tests.fakes.memory_settings import MemorySettings


class MemoryModelAccounts(MemorySettings):
    """The `ModelAccountStore` of `MemoryStore`."""

    def __init__(self) -> None:
        super().__init__()
        self._model_accounts: dict[tuple[str, str], tuple[ModelAccount, str]] = {}
        self._account_versions = 0

    async def stored_settings(self, place: Place) -> StoredSettings:
        account = await self.model_account(place.platform, place.team)
        return replace(await super().stored_settings(place), account=account)

    async def model_account(self, platform: str, team: str) -> ModelAccount | None:
        self._work()
        found = self._model_accounts.get((platform, team))
        return None if found is None else found[0]

    async def model_account_key(self, platform: str, team: str) -> tuple[ModelAccount, str] | None:
        return self._model_accounts.get((platform, team))

    async def put_model_account(
        self, account: ModelAccount, key: str, by: Person, at: datetime
    ) -> ModelAccount:
        self._account_versions += 1
        stored = replace(account, version=self._account_versions)
        self._model_accounts[account.platform, account.team] = stored, key
        return stored

    async def remove_model_account(self, platform: str, team: str, by: Person, at: datetime) -> bool:
        return self._model_accounts.pop((platform, team), None) is not None
