"""An admin allows a limit of spending once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from core.clock import Clock
from core.ports.store.budgets import BudgetStore
from core.ports.store.settings import Change, SettingsStore
from core.settings.environment import CoreSettings
from core.spend.budget_alerts import holds
from core.spend.budgets import LIFT, lifted_place
from core.values.places import Person, Place
from core.values.tasks import BudgetLift, BudgetReached

log = structlog.get_logger()


class LiftOutcome(StrEnum):
    """The outcome of a lift. The value is the key of its phrase where it was refused."""

    LIFTED = "budget_lifted"
    LATE = "budget_lift_late"
    """The period of the limit has ended."""
    CHANGED = "budget_limit_changed"
    """It is no limit any more."""
    ALREADY = "budget_lifted_already"


class LiftStore(BudgetStore, SettingsStore, Protocol):
    """The part of the store that limits are lifted in."""


@dataclass(frozen=True, slots=True)
class BudgetLifts:
    """`on_lifted` receives each limit that is allowed once more. Raises StoreError."""

    store: LiftStore
    core: CoreSettings
    clock: Clock
    on_lifted: Callable[[BudgetLift], None]

    async def lift(self, reached: BudgetReached, by: Person, place: Place) -> LiftOutcome:
        """Allow the limit of `reached` once more, as often as it was when it was reached, and enter it in the audit.
        `place`: where `by` does so."""
        budget, now = reached.budget, self.clock.now()
        if now >= budget.account.until:
            return LiftOutcome.LATE
        if not await holds(budget, self.store, self.core):
            return LiftOutcome.CHANGED
        change = Change(lifted_place(budget, place), f"{LIFT}{budget.scope}", None, str(budget.limit), by, now)
        if not await self.store.lift(budget, reached.lifts, change):
            return LiftOutcome.ALREADY
        log.info("budget_lifted", scope=budget.scope, limit=str(budget.limit))
        self.on_lifted(BudgetLift(reached, by, place))
        return LiftOutcome.LIFTED
