"""The limits that are used up now, whether or not they have refused a question yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.clock import Clock
from core.ports.store.budgets import BudgetStore
from core.ports.store.settings import SettingsStore
from core.settings.environment import CoreSettings
from core.spend.budget_alerts import limits_in_force
from core.values.budgets import ANY, Budget, BudgetScope, Limit, Payer
from core.values.tasks import BudgetReached


class UsedUpStore(BudgetStore, SettingsStore, Protocol):
    """The part of the store that they are found in."""


@dataclass(frozen=True, slots=True)
class UsedUpBudgets:
    """Finds them by the accounts of the periods that last. Raises StoreError."""

    store: UsedUpStore
    core: CoreSettings
    clock: Clock

    async def beside(self, refusing: Sequence[BudgetReached]) -> list[BudgetReached]:
        """Those that refused a question, and behind them the others that are used up."""
        found = list(refusing)
        known, limits = {one.key for one in refusing}, dict[Payer, Iterable[Limit]]()
        for account, balance in await self.store.open_accounts(self.clock.now()):
            payer, scope = account.payer, scope_of(account.payer)
            if payer not in limits:
                limits[payer] = await limits_in_force(scope, payer, self.store, self.core)
            budgets = [Budget(scope, one, account) for one in limits[payer] if one.per is account.per]
            reached = [BudgetReached(one, one.lifts(balance)) for one in budgets if one.is_reached(balance)]
            found += [one for one in reached if one.key not in known]
        return found


def scope_of(payer: Payer) -> BudgetScope:
    """The scope of the limits that an account with these keys is for."""
    if payer.person != ANY:
        return BudgetScope.PERSON
    if payer.channel != ANY:
        return BudgetScope.CHANNEL
    return BudgetScope.ALL if payer.platform == ANY else BudgetScope.WORKSPACE
