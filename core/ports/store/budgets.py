"""Spending under budgets, and reservations for the answers that are being written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from core.ports.store.settings import Change
from core.values.budgets import Balance, Budget, BudgetAccount, BudgetDecision, Payer, Spent


class BudgetStore(Protocol):
    """The accounts of budgets. An account that is new is summed from the usage of answers; from then on `finish` adds
    each answer to it. Nothing is stored where there are no limits."""

    async def balances(self, accounts: Sequence[BudgetAccount], person: str) -> list[Balance]:
        """The balance of each account, without what is reserved. `person` is the id behind the person's digest."""
        ...

    async def lifts(self, accounts: Sequence[BudgetAccount]) -> list[int]:
        """The number of lifts of each account: 0 of one that is new. It stores no new account."""
        ...

    async def reserve(
        self, turn_id: int, payer: Payer, person: str, budgets: Sequence[Budget], most: Spent
    ) -> BudgetDecision:
        """Reserve `most` for a turn, where `core.spend.budgets.decide` allows it. Of a turn that has a reservation
        already it is allowed. A reservation counts while its turn is open, until it is finished."""
        ...

    async def lift(self, account: BudgetAccount, lifts: int, change: Change) -> bool:
        """Allow the limits of an account once more, and add `change` to the audit.

        False, without an effect, unless they were lifted `lifts` times before.
        """
        ...

    async def expire_spending(self, before: datetime) -> int:
        """Remove the accounts of periods that ended before. Returns how many."""
        ...
