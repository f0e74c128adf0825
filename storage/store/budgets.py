"""`BudgetStore` on a `Database`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from core.ports.store.settings import Change
from core.values.budgets import Balance, Budget, BudgetAccount, BudgetClaim, BudgetDecision
from storage import balances, budgets, reservations
from storage.store.state import StoreState
from storage.tables import to_us


class SqlBudgetStore(StoreState):
    """`core.ports.store.budgets` documents each method."""

    async def balances(self, accounts: Sequence[BudgetAccount], person: str) -> list[Balance]:
        self._counts_spending = True
        if (known := self._balances.of(accounts)) is not None:
            return known
        found = await self._database.read(balances.balances, accounts)
        if len(found) < len(set(accounts)):  # limits of one period have one account
            await self._database.write(budgets.open_accounts, accounts, person)
            found = await self._database.read(balances.balances, accounts)
        self._balances.put(found)
        return self._balances.of(accounts) or [found[balances.account_key(account)] for account in accounts]

    async def lifted(self, accounts: Sequence[BudgetAccount]) -> list[Balance]:
        return await self._database.read(balances.lifted, accounts)

    async def open_accounts(self, at: datetime) -> list[tuple[BudgetAccount, Balance]]:
        return await self._database.read(balances.open_at, to_us(at))

    async def reserve(self, claim: BudgetClaim, person: str, limits: Sequence[Budget]) -> BudgetDecision:
        self._counts_spending = True
        reserving = partial(reservations.reserve, claim=claim, budgets=limits)
        write = self._database.write_each if claim.begins else self._database.write_soon
        decision, changed = await write(reserving)
        self._balances.put(changed)
        if decision is None:
            accounts = [limit.account for limit in limits]
            await self._database.write(budgets.open_accounts, accounts, person)
            decision, changed = await write(reserving)
            self._balances.put(changed)
        assert decision is not None
        return decision

    async def lift(self, budget: Budget, lifts: int, change: Change) -> bool:
        lifted = await self._database.write(budgets.lift, budget, lifts, change)
        self._balances.put(lifted)
        return bool(lifted)

    async def expire_spending(self, before: datetime) -> int:
        return await self._database.write(budgets.expire, to_us(before))
