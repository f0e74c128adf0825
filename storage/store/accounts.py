"""`ModelAccountStore` on a `Database`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from core.values.model_accounts import ModelAccount
from core.values.places import Person
from storage import model_accounts
from storage.replicas.notices import SettingsChanged
from storage.store.state import StoreState
from storage.tables import to_us


class SqlModelAccountStore(StoreState):
    """`core.ports.store.accounts` documents each method."""

    async def model_account(self, platform: str, team: str) -> ModelAccount | None:
        return await self._database.read(model_accounts.one, platform, team)

    async def model_account_key(self, platform: str, team: str) -> tuple[ModelAccount, str] | None:
        return await self._database.read(model_accounts.with_key, self._secret_keys, platform, team)

    async def put_model_account(
        self, account: ModelAccount, key: str, by: Person, at: datetime
    ) -> ModelAccount:
        try:
            return await self._database.write(self._put, account, key, by, to_us(at))
        finally:
            self._settings.forget()

    def _put(
        self, connection: Connection, account: ModelAccount, key: str, by: Person, at_us: int
    ) -> ModelAccount:
        put = model_accounts.put(connection, self._secret_keys, account, key, by, at_us)
        self._tell_changed(connection)
        return put

    async def remove_model_account(self, platform: str, team: str, by: Person, at: datetime) -> bool:
        try:
            return await self._database.write(self._remove, platform, team, by, to_us(at))
        finally:
            self._settings.forget()

    def _remove(self, connection: Connection, platform: str, team: str, by: Person, at_us: int) -> bool:
        removed = model_accounts.remove(connection, platform, team, by, at_us)
        self._tell_changed(connection)
        return removed

    def _tell_changed(self, connection: Connection) -> None:
        if self._notices is not None:
            self._notices.tell(connection, SettingsChanged())
