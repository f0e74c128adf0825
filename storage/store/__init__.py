"""`SqlStore`: the `Store` port on a `Database`. Each module is one of the port's protocols.

state     the database, and what is kept in memory
turns     turns, from their acceptance to their end
tools     the decisions of people about tool calls
threads   threads, their messages, and the watermarks of installations
settings  the settings that people change, and the audit of changes
failures  failures by their references, and failed turns that are asked again
installations  installations that teams have made themselves, with their tokens
accounts  the model accounts that workspaces have set for themselves, with their keys
overview  the newest rows of all teams together
usage     token usage of answers
budgets   spending under budgets, and reservations
privacy   feedback on answers, and what is stored of a person
uploads   pictures of messages
memory    the index of answered questions, by their words
vectors   and by their meaning
citations the earlier answers that a turn was offered
requests  signed requests that were taken
retention the removal of what is older than it is kept
replicas  what several replicas tell each other
summaries summaries of the beginnings of long threads
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storage import records
from storage.engine import Watch
from storage.records import RecordType, TeamKey
from storage.store.accounts import SqlModelAccountStore
from storage.store.budgets import SqlBudgetStore
from storage.store.citations import SqlCitationStore
from storage.store.failures import SqlFailureStore
from storage.store.installations import SqlInstallationStore
from storage.store.memory import SqlSourceStore
from storage.store.overview import SqlOverviewStore
from storage.store.privacy import SqlPrivacyStore
from storage.store.replicas import SqlReplicaStore
from storage.store.requests import SqlRequestStore
from storage.store.retention import SqlRetentionStore
from storage.store.settings import SqlSettingsStore
from storage.store.summaries import SqlSummaryStore
from storage.store.threads import SqlThreadStore
from storage.store.tools import SqlToolStore
from storage.store.turns import SqlTurnLedger
from storage.store.uploads import SqlUploadStore
from storage.store.usage import SqlUsageStore
from storage.store.vectors import SqlVectorStore

__all__ = ["SqlStore"]


class SqlStore(
    SqlTurnLedger,
    SqlFailureStore,
    SqlInstallationStore,
    SqlModelAccountStore,
    SqlToolStore,
    SqlThreadStore,
    SqlSettingsStore,
    SqlOverviewStore,
    SqlUsageStore,
    SqlBudgetStore,
    SqlCitationStore,
    SqlPrivacyStore,
    SqlUploadStore,
    SqlRequestStore,
    SqlRetentionStore,
    SqlSummaryStore,
    SqlSourceStore,
    SqlVectorStore,
    SqlReplicaStore,
):
    """The store on SQLite or PostgreSQL. Each method is one transaction, but for `forget_person`."""

    def watch(self, watch: Watch) -> None:
        """Call `watch` with the outcome of each transaction."""
        self._database.watch = watch

    async def records(
        self, record: RecordType, after: Sequence[Any] | None = None, whose: TeamKey | None = None
    ) -> tuple[list[dict[str, Any]], Sequence[Any] | None]:
        """A page of `parley export`: the records behind the key `after`, of one team where `whose` names it, and the
        key of the last one, None at the end."""
        return await self._database.read(records.page, record, after, whose)

    async def close(self) -> None:
        await self._purging.close()
        await self._word_counts.close()
        await self._vectors.close()
        await self._database.close()
