"""The accounts of budgets over dicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from core.spend.budgets import decide
from core.values.budgets import (
    ADMITTED,
    Balance,
    Budget,
    BudgetAccount,
    BudgetDecision,
    BudgetVerdict,
    Payer,
    Spent,
)

Used = Callable[[BudgetAccount], Spent]
"""The sum of the usage of an account."""


class MemoryBudgets:
    def __init__(self) -> None:
        self._accounts: dict[BudgetAccount, Balance] = {}
        self._reserved: dict[int, tuple[Payer, Spent]] = {}

    def balances(self, accounts: Sequence[BudgetAccount], used: Used) -> list[Balance]:
        return [self._accounts.setdefault(account, Balance(used(account))) for account in accounts]

    def lifts(self, accounts: Sequence[BudgetAccount]) -> list[int]:
        return [self._accounts.get(account, Balance()).lifts for account in accounts]

    def reserve(
        self,
        turn_id: int,
        payer: Payer,
        budgets: Sequence[Budget],
        most: Spent,
        used: Used,
        opened: Collection[int],
    ) -> BudgetDecision:
        """`opened`: the turns that are open."""
        if turn_id in self._reserved:
            return ADMITTED
        accounts = [budget.account for budget in budgets]
        found = [
            replace(balance, reserved=self._held(account, opened))
            for account, balance in zip(accounts, self.balances(accounts, used), strict=True)
        ]
        decision = decide(budgets, found, most)
        if decision.verdict is BudgetVerdict.ALLOWED:
            self._reserved[turn_id] = payer, most
        return decision

    def _held(self, account: BudgetAccount, opened: Collection[int]) -> Spent:
        held = (
            spent
            for turn_id, (payer, spent) in self._reserved.items()
            if turn_id in opened and account.payer.covers(payer)
        )
        return sum(held, Spent())

    def add(self, turn_id: int, payer: Payer, spent: Spent, at: datetime) -> None:
        for account, balance in self._accounts.items():
            if account.counts(payer, at):
                self._accounts[account] = replace(balance, spent=balance.spent + spent)
        self._reserved.pop(turn_id, None)

    def lift(self, account: BudgetAccount, lifts: int) -> bool:
        balance = self._accounts.get(account)
        if balance is None or balance.lifts != lifts:
            return False
        self._accounts[account] = replace(balance, lifts=lifts + 1)
        return True

    def expire(self, before: datetime) -> int:
        old = [account for account in self._accounts if account.until < before]
        for account in old:
            del self._accounts[account]
        return len(old)
