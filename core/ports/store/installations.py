"""Installations that teams have made themselves, with their tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.values.installations import Credentials, InstallationKey, StoredInstallation


class InstallationStore(Protocol):
    """Tokens are stored encrypted. Methods that read or write them raise a StoreError that is not retryable where the
    operator's key is missing or another one."""

    async def installations(self, platform: str) -> list[StoredInstallation]:
        """All of a platform, with those that have ended, in the order of their keys."""
        ...

    async def installation(self, key: InstallationKey) -> StoredInstallation | None: ...

    async def install(
        self, installation: StoredInstallation, credentials: Credentials | None, at: datetime
    ) -> StoredInstallation:
        """Store an installation that begins at `at`, in place of the former one with the same key, and return it.

        Without `credentials` it is a team of an organisation, which uses the tokens of that.
        """
        ...

    async def credentials(self, key: InstallationKey) -> Credentials | None:
        """The tokens; None where there are none, or where the installation has ended."""
        ...

    async def claim_refresh(self, key: InstallationKey, version: int, now: datetime, until: datetime) -> bool:
        """True for the one caller of all processes that may exchange the tokens of this `version` before `until`.

        False where another one may at `now`, or where the tokens are no longer these.
        """
        ...

    async def replace_credentials(self, key: InstallationKey, version: int, new: Credentials) -> bool:
        """Store the tokens for which those of `version` were exchanged. False where they are no longer these."""
        ...

    async def end_installation(
        self, key: InstallationKey, reason: str, at: datetime, version: int | None = None
    ) -> bool:
        """End an installation and remove its tokens at once; of an organisation also those of its teams. `reason` is a
        word. The open turns of each team end as failed, with that reason. False where none runs, or where its tokens
        are no longer those of `version`."""
        ...

    async def ended_installations(
        self, before: datetime, removed_before: datetime | None = None
    ) -> list[StoredInstallation]:
        """At most 20 that ended before then, or for the reason REMOVED before `removed_before`, and whose teams have no
        other one that runs."""
        ...

    async def remove_team(self, platform: str, team: str) -> int:
        """One step of the removal of all that is stored of a team but its installation. Returns the number of removed
        rows: 0 once nothing is left, and where an installation of the team runs."""
        ...

    async def forget_installation(self, key: InstallationKey) -> bool:
        """Remove an ended installation. False where none has ended."""
        ...

    async def rewrite_tokens(self, limit: int) -> int:
        """Encrypt at most `limit` installations' tokens, and keys of as many model accounts, with the operator's newest
        key that an earlier one encrypted. Returns their number."""
        ...
