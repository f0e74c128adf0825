"""The accounts of budgets over dicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.spend.budgets import decide
from core.values.budgets import (
    ADMITTED,
    Balance,
    Budget,
    BudgetAccount,
    BudgetClaim,
    BudgetDecision,
    BudgetVerdict,
    Payer,
    Spent,
)

Used = Callable[[BudgetAccount], Spent]
"""The sum of the usage of an account."""


@dataclass
class Held:
    """The reservation of a turn, and the part of what it has spent that is counted already."""

    payer: Payer
    reserved: Spent
    counted: Spent
    at: datetime


class MemoryBudgets:
    def __init__(self) -> None:
        self._accounts: dict[BudgetAccount, Balance] = {}
        self._held: dict[int, Held] = {}

    def balances(self, accounts: Sequence[BudgetAccount], used: Used) -> list[Balance]:
        def opened(account: BudgetAccount) -> Balance:
            counted = (one.counted for one in self._held.values() if account.counts(one.payer, one.at))
            return Balance(sum(counted, used(account)))

        return [self._accounts.setdefault(account, opened(account)) for account in accounts]

    def open_at(self, at: datetime) -> list[tuple[BudgetAccount, Balance]]:
        return [(one, balance) for one, balance in self._accounts.items() if one.since <= at < one.until]

    def lifted(self, accounts: Sequence[BudgetAccount]) -> list[Balance]:
        return [self._accounts.get(account, Balance()) for account in accounts]

    def reserve(
        self, claim: BudgetClaim, budgets: Sequence[Budget], used: Used, opened: Collection[int]
    ) -> BudgetDecision:
        """`opened`: the turns that are open."""
        if claim.turn_id not in opened:
            return ADMITTED
        self.pause(claim.turn_id, claim.payer, claim.spent, claim.at)
        accounts = [budget.account for budget in budgets]
        found = [
            replace(balance, reserved=self._reserved(account, opened))
            for account, balance in zip(accounts, self.balances(accounts, used), strict=True)
        ]
        held = self._held[claim.turn_id]
        decision = decide(budgets, found, claim.most, own=held.counted if claim.begun else None)
        held.reserved = claim.most if decision.verdict is BudgetVerdict.ALLOWED else claim.kept
        return decision

    def _reserved(self, account: BudgetAccount, opened: Collection[int]) -> Spent:
        held = (
            one.reserved
            for turn_id, one in self._held.items()
            if turn_id in opened and account.counts(one.payer, one.at)
        )
        return sum(held, Spent())

    def pause(self, turn_id: int, payer: Payer, spent: Spent, at: datetime) -> None:
        counted = self._held[turn_id].counted if turn_id in self._held else Spent()
        more = spent.beyond(counted)
        for account, balance in self._accounts.items():
            if account.counts(payer, at):
                self._accounts[account] = replace(balance, spent=balance.spent + more)
        self._held[turn_id] = Held(payer, Spent(), counted + more, at)

    def end(self, turn_id: int, payer: Payer, spent: Spent, at: datetime) -> None:
        self.pause(turn_id, payer, spent, at)
        del self._held[turn_id]

    def release(self, turn_ids: Collection[int]) -> None:
        for turn_id, one in self._held.items():
            if turn_id in turn_ids:
                one.reserved = Spent()

    def lift(self, budget: Budget, lifts: int) -> bool:
        balance = self._accounts.get(budget.account)
        if balance is None or budget.lifts(balance) != lifts:
            return False
        lifted = {**dict(balance.lifts), str(budget.limit): lifts + 1}
        self._accounts[budget.account] = replace(balance, lifts=tuple(sorted(lifted.items())))
        return True

    def expire(self, before: datetime) -> int:
        old = [account for account in self._accounts if account.until < before]
        for account in old:
            del self._accounts[account]
        return len(old)
