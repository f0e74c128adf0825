"""Spending under budgets, and reservations for the answers that are being written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from core.ports.store.settings import Change
from core.values.budgets import Balance, Budget, BudgetAccount, BudgetClaim, BudgetDecision


class BudgetStore(Protocol):
    """The accounts of budgets. An account that is new is summed from the usage of answers; from then on `finish` adds
    each answer to it. Nothing is stored where there are no limits.

    A turn keeps what its accounts count of it already: `reserve` and `finish` add the rest, and no amount twice.
    """

    async def balances(self, accounts: Sequence[BudgetAccount], person: str) -> list[Balance]:
        """The balance of each account, without what is reserved. `person` is the id behind the person's digest."""
        ...

    async def lifted(self, accounts: Sequence[BudgetAccount]) -> list[Balance]:
        """The balance of each account as it is stored: without lifts where it is new. It stores no new account."""
        ...

    async def open_accounts(self, at: datetime) -> list[tuple[BudgetAccount, Balance]]:
        """The accounts of the periods that last at that time, each with its balance without what is reserved."""
        ...

    async def reserve(self, claim: BudgetClaim, person: str, budgets: Sequence[Budget]) -> BudgetDecision:
        """Count what the turn has spent so far, and reserve the most that it may spend from now on where
        `core.spend.budgets.decide` allows it, in place of an earlier reservation of the turn. A turn that has to wait,
        or is refused, has `kept` reserved. Its own spending, where it has `begun`, is what is counted of it.

        A reservation counts while its turn is open, until the end of its run (`finish`) or the next start (`recover`).
        A turn that is not open any more is allowed, without an effect.
        """
        ...

    async def lift(self, budget: Budget, lifts: int, change: Change) -> bool:
        """Allow a limit once more, no other one of its account, and add `change` to the audit.

        False, without an effect, unless they were lifted `lifts` times before.
        """
        ...

    async def expire_spending(self, before: datetime) -> int:
        """Remove the accounts of periods that ended before. Returns how many."""
        ...
