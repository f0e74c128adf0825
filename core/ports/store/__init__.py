"""The protocols of the store, one a module.

    turns     turns, from their acceptance to their end
    tools     the decisions of people about tool calls
    threads   threads, their messages, and the watermarks of installations
    failures  failures by their references, and failed turns that are asked again
    installations  installations that teams have made themselves, with their tokens
    accounts  the model accounts that workspaces have set for themselves, with their keys
    settings  the settings that people change, and the audit of changes
    overview  the newest rows of all teams together
    usage     token usage of answers
    budgets   spending under budgets, and reservations
    privacy   feedback on answers, and what is stored of a person
    uploads   pictures of messages
    memory    the index of answered questions, by their words
    vectors   and by their meaning
    citations the earlier answers that turns were offered, and that answers cite
    requests  signed requests that were taken, and confirmations
    retention the removal of what is older than it is kept
    summaries summaries of the beginnings of long threads

Each docstring is a contract; `tests/contract` holds every store to it. A module asks for the protocol that it needs.
"""

from __future__ import annotations

from typing import Protocol

from core.ports.store.accounts import ModelAccountStore
from core.ports.store.budgets import BudgetStore
from core.ports.store.citations import CitationStore
from core.ports.store.failures import FailureStore
from core.ports.store.installations import InstallationStore
from core.ports.store.memory import SourceStore
from core.ports.store.overview import OverviewStore
from core.ports.store.privacy import PrivacyStore
from core.ports.store.requests import RequestStore
from core.ports.store.retention import RetentionStore
from core.ports.store.settings import SettingsStore
from core.ports.store.summaries import SummaryStore
from core.ports.store.threads import ThreadStore
from core.ports.store.tools import ToolStore
from core.ports.store.turns import TurnLedger
from core.ports.store.uploads import UploadStore
from core.ports.store.usage import UsageStore
from core.ports.store.vectors import VectorStore


class Store(
    TurnLedger,
    FailureStore,
    InstallationStore,
    ModelAccountStore,
    ToolStore,
    ThreadStore,
    SettingsStore,
    OverviewStore,
    UsageStore,
    BudgetStore,
    CitationStore,
    PrivacyStore,
    UploadStore,
    RequestStore,
    RetentionStore,
    SummaryStore,
    SourceStore,
    VectorStore,
    Protocol,
):
    """The whole store. Every method is one transaction and raises StoreError when the database fails."""

    async def close(self) -> None: ...
