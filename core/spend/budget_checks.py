"""Checks questions against the limits that hold for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import structlog

from core.clock import Clock
from core.ports.store.budgets import BudgetStore
from core.ports.store.usage import UsageStore
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.spend.budgets import (
    AnswerBound,
    budgets_of,
    charged_at,
    counts_money,
    decide,
    is_priced,
    most_spent,
    near,
    payer_of,
)
from core.values.budgets import ANY, Balance, Budget, BudgetClaim, BudgetScope, BudgetUnit, BudgetVerdict, Spent
from core.values.conversation import Turn
from core.values.deltas import ModelInfo
from core.values.places import Place
from core.values.tasks import BudgetLift, BudgetReached

log = structlog.get_logger()

POLL_S = 1.0
"""Seconds between two looks at a limit that other answers may use up."""


@dataclass(frozen=True, slots=True)
class BudgetRefusal:
    """The limit that refuses a question. `model`: the model whose price is unknown, where that is the reason."""

    budget: Budget
    balance: Balance = field(default_factory=Balance)
    model: str = ""


@dataclass(frozen=True, slots=True)
class BudgetCheck:
    """The refusal of a question, or the limits that its asker nears."""

    refusal: BudgetRefusal | None = None
    near: tuple[tuple[Budget, Balance], ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """The next part of the answer of `turn`, which has `spent` that much so far. `begun`: as in `BudgetClaim`."""

    turn: Turn
    bound: AnswerBound
    spent: Spent = field(default_factory=Spent)
    begun: bool = False


class SpendingStore(BudgetStore, UsageStore, Protocol):
    """The part of the store that limits are checked with."""


class BudgetChecks:
    """Reads and stores nothing where no limit holds.

    `model_info`: the model of a name. `people_of`: `PlatformTraits.people_of` of a place. `on_reached`: receives each
    refusal by a limit that is reached. `on_lifted`: each limit that is allowed once more. Every method raises
    StoreError.
    """

    def __init__(
        self,
        store: SpendingStore,
        core: CoreSettings,
        clock: Clock,
        model_info: Callable[[str], ModelInfo] = ModelInfo,
        people_of: Callable[[Place], str] = lambda place: place.team,
        on_reached: Callable[[BudgetReached], None] = lambda _: None,
        on_lifted: Callable[[BudgetLift], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._core = core
        self._clock = clock
        self._model_info = model_info
        self._people_of = people_of
        self._on_reached = on_reached
        self.on_lifted = on_lifted

    async def balances(
        self, place: Place, person: str, settings: ChannelSettings
    ) -> list[tuple[Budget, Balance]]:
        """The limits that hold for the person with this id now, with what is spent of each, and how many answers
        have no known cost."""
        budgets = self._budgets(place, person, settings, self._clock.now())
        if not budgets:
            return []
        found = await self._store.balances([budget.account for budget in budgets], person)
        pairs = zip(budgets, found, strict=True)
        return [(one, replace(balance, unpriced=await self._unknown(one, person))) for one, balance in pairs]

    async def _unknown(self, budget: Budget, person: str) -> int:
        """The number of answers that a limit in money counts, and whose cost is not known."""
        if budget.limit.unit is not BudgetUnit.MONEY:
            return 0
        account, payer = budget.account, budget.account.payer
        scope = Place(payer.platform, payer.team, "" if payer.channel == ANY else payer.channel)
        totals = await self._store.usage_totals(
            account.since,
            account.until,
            None if payer.team == ANY else scope,
            person if budget.scope is BudgetScope.PERSON else "",
        )
        return totals.unpriced

    async def check(self, place: Place, person: str, settings: ChannelSettings) -> BudgetCheck:
        """Check a question that the person asks now, whenever it was written."""
        budgets = self._budgets(place, person, settings, self._clock.now())
        if not budgets:
            return BudgetCheck()
        if (unpriced := self._unpriced(budgets, settings.model)) is not None:
            return BudgetCheck(unpriced)
        found = await self._store.balances([budget.account for budget in budgets], person)
        decision = decide(budgets, found, Spent())
        if decision.verdict is BudgetVerdict.REFUSED and decision.budget is not None:
            return BudgetCheck(self._reached(decision.budget, decision.balance))
        return BudgetCheck(near=tuple(near(budgets, found)))

    async def reserve(
        self,
        part: AnswerPart,
        settings: Callable[[], Awaitable[ChannelSettings]],
        on_wait: Callable[[], None] = lambda: None,
    ) -> BudgetRefusal | None:
        """Count what an answer has spent, and reserve the most that `part` may spend, waiting for others that may use
        up a limit first. The limits are those that hold at each look.

        Returns the refusal where a limit is reached. `on_wait` is called once, when it begins to wait.
        """
        turn, waits = part.turn, False
        place, person = turn.ask.place, turn.payer.id
        while True:
            now, current = self._clock.now(), await settings()
            at = charged_at(turn, now)
            budgets = self._budgets(place, person, current, at)
            if not budgets:
                return None
            if (unpriced := self._unpriced(budgets, current.model)) is not None:
                return unpriced
            most = most_spent(self._model_info(current.model), part.bound, now.date())
            claim = BudgetClaim(turn.id, payer_of(place, person), at, most, part.spent, part.begun)
            decision = await self._store.reserve(claim, person, budgets)
            if decision.verdict is BudgetVerdict.REFUSED and decision.budget is not None:
                return self._reached(decision.budget, decision.balance)
            if decision.verdict is BudgetVerdict.ALLOWED:
                return None
            if not waits:
                waits = True
                on_wait()
            await self._clock.sleep(POLL_S)

    def is_priced(self, model: str) -> bool:
        """True if the cost of the model's answers is known today."""
        return is_priced(self._model_info(model), self._clock.now().date())

    def _budgets(
        self, place: Place, person: str, settings: ChannelSettings, at: datetime
    ) -> tuple[Budget, ...]:
        if not (settings.budget or settings.person_budget):
            return ()
        return budgets_of(settings, payer_of(place, person), self._people_of(place), at, self._core.zone)

    def _unpriced(self, budgets: tuple[Budget, ...], model: str) -> BudgetRefusal | None:
        if not counts_money(budgets) or self.is_priced(model):
            return None
        first = next(budget for budget in budgets if counts_money([budget]))
        return BudgetRefusal(first, model=model)

    def _reached(self, budget: Budget, balance: Balance) -> BudgetRefusal:
        self._on_reached(BudgetReached(budget, balance.lifts))
        return BudgetRefusal(budget, balance)
