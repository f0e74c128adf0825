"""The model accounts that workspaces have set for themselves, with their keys."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.values.model_accounts import ModelAccount
from core.values.places import Person


class ModelAccountStore(Protocol):
    """Keys are stored encrypted, bound to the workspace and the base URL. Methods that read or write them raise a
    StoreError that is not retryable where the operator's key is missing or another one."""

    async def model_account(self, platform: str, team: str) -> ModelAccount | None: ...

    async def model_account_key(self, platform: str, team: str) -> tuple[ModelAccount, str] | None:
        """The account as it is now, and its key."""
        ...

    async def put_model_account(
        self, account: ModelAccount, key: str, by: Person, at: datetime
    ) -> ModelAccount:
        """Store an account in place of the workspace's former one, and return it with its version. The audit gets it
        in the same transaction, without the key."""
        ...

    async def remove_model_account(self, platform: str, team: str, by: Person, at: datetime) -> bool:
        """Remove the account of a workspace, and its key. False where it has none."""
        ...
