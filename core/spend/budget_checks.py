"""Checks questions against the limits that hold for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import structlog
from cachetools import LRUCache

from core.clock import Clock
from core.ports.store.budgets import BudgetStore
from core.ports.store.usage import UsageStore
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.spend.budget_queue import BudgetQueue
from core.spend.budgets import (
    AnswerBound,
    budgets_of,
    charged_at,
    counts_money,
    decide,
    most_spent,
    near,
    payer_of,
)
from core.values.budgets import (
    ANY,
    Balance,
    Budget,
    BudgetAccount,
    BudgetClaim,
    BudgetDecision,
    BudgetScope,
    BudgetUnit,
    BudgetVerdict,
    Spent,
)
from core.values.conversation import Turn
from core.values.deltas import ModelInfo
from core.values.places import Place
from core.values.tasks import BudgetLift, BudgetReached

log = structlog.get_logger()

_MOST_KEPT = 1_000
"""Askers and channels whose limits are kept."""


@dataclass(frozen=True, slots=True)
class BudgetRefusal:
    """The limit that refuses a question. `model`: the model whose price is unknown, where that is the reason.
    `renewed`: the period in which the answer is counted has ended, so that the limit refuses no new question by it."""

    budget: Budget
    balance: Balance = field(default_factory=Balance)
    model: str = ""
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class BudgetCheck:
    """The refusal of a question, or the limits that its asker nears."""

    refusal: BudgetRefusal | None = None
    near: tuple[tuple[Budget, Balance], ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """The next part of the answer of `turn`, by the model `model_info`.

    `spent`: by the answer so far. `begun`: as in `BudgetClaim`. `goes_on`: the answer has reserved its last round in
    this run already. `hears`: sounds are transcribed for it, which may cost more than is reserved. `own`: as in
    `Payer`.
    """

    turn: Turn
    bound: AnswerBound
    model_info: ModelInfo
    spent: Spent = field(default_factory=Spent)
    begun: bool = False
    goes_on: bool = False
    hears: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class Reserved:
    """The refusal of an answer; or, where it may be written, what holds for it.

    `in_money`: a limit in money holds. `last_round`: its next round is its last one, since no other is reserved. `at`:
    the time at which it is counted, where that is another one than `charged_at`.
    """

    refusal: BudgetRefusal | None = None
    in_money: bool = False
    last_round: bool = False
    at: datetime | None = None


class SpendingStore(BudgetStore, UsageStore, Protocol):
    """The part of the store that limits are checked with."""


class BudgetChecks:
    """Reads and stores nothing where no limit holds.

    `model_info`: the model of a name. `people_of`: `PlatformTraits.people_of` of a place. `on_reached`: receives each
    refusal by a limit that is reached, and whose period has not ended. `on_lifted`: each limit that is allowed once
    more. Every method raises StoreError.
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
        self._queue = BudgetQueue()
        self._kept: LRUCache[Hashable, tuple[Budget, ...]] = LRUCache(_MOST_KEPT)
        """The limits of an asker in a channel, in the newest periods that were asked for."""
        self._claimed: set[int] = set()
        """The answers that may have a reservation."""

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
        scope = None if payer.team == ANY else payer.place
        of = person if budget.scope is BudgetScope.PERSON else ""
        return (await self._store.usage_totals(account.since, account.until, scope, of)).unpriced

    async def check(self, place: Place, person: str, settings: ChannelSettings) -> BudgetCheck:
        """Check a question that the person asks now, whenever it was written."""
        budgets = self._budgets(place, person, settings, self._clock.now())
        if not budgets:
            return BudgetCheck()
        if (unpriced := self._unpriced(budgets, settings.answering_model(self._model_info))) is not None:
            return BudgetCheck(unpriced)
        found = await self._store.balances([budget.account for budget in budgets], person)
        decision = decide(budgets, found, Spent())
        if decision.verdict is BudgetVerdict.REFUSED and decision.budget is not None:
            return BudgetCheck(self._reached(decision.budget, decision.balance))
        return BudgetCheck(near=tuple(near(budgets, found)))

    async def allows(
        self, place: Place, person: str, settings: ChannelSettings, model_info: ModelInfo, most: Spent
    ) -> bool:
        """True if the limits allow other work by `model_info`, which only reads, to spend `most` now: it neither waits
        nor reserves. A reached limit is not reported: the answers that it refuses are."""
        now = self._clock.now()
        budgets = self._budgets(place, person, settings, now)
        if not budgets:
            return True
        if counts_money(budgets) and not model_info.is_input_priced(now.date()):
            return False
        found = await self._store.balances([budget.account for budget in budgets], person)
        return decide(budgets, found, most).verdict is BudgetVerdict.ALLOWED

    async def reserve(
        self,
        part: AnswerPart,
        settings: Callable[[], Awaitable[ChannelSettings]],
        on_wait: Callable[[], None] = lambda: None,
    ) -> Reserved:
        """Count what an answer has spent, and reserve the most that `part` may spend, waiting for others that may use
        up a limit first. The limits are those that hold at each look. An answer that has spent nothing when a period
        of its limits ends is counted on the next one.

        `on_wait` is called once, when it begins to wait. Call `end` when the answer has ended.
        """
        waits = False
        try:
            while (reserved := await self._look(part, await settings())) is None:
                if not waits:
                    waits = True
                    on_wait()
                await self._queue.changed(self._clock)
            return reserved
        finally:
            self._queue.leave(part.turn.id)

    async def _look(self, part: AnswerPart, settings: ChannelSettings) -> Reserved | None:
        """Reserve where the limits of `settings` allow it now. None where the answer has to wait."""
        turn, person, now = part.turn, part.turn.payer.id, self._clock.now()
        at, moved = charged_at(turn, now), False
        budgets = self._budgets(turn.ask.place, person, settings, at, own=part.own)
        if not budgets:
            return Reserved()
        if part.spent == Spent() and not part.begun and any(one.account.until <= now for one in budgets):
            at, moved = now, True
            budgets = self._budgets(turn.ask.place, person, settings, at, own=part.own)
        if (unpriced := self._unpriced(budgets, part.model_info)) is not None:
            return Reserved(unpriced)
        payer = payer_of(turn.ask.place, person, own=part.own)
        accounts = frozenset(budget.account for budget in budgets)
        most = most_spent(part.model_info, part.bound, now.date())
        kept = most_spent(part.model_info, part.bound.last_round, now.date()) if part.goes_on else Spent()
        claim = BudgetClaim(turn.id, payer, at, most, part.spent, part.begun, kept, moved)
        counted_at = at if moved else None
        decision = await self._decide(claim, person, budgets, accounts, hears=part.hears)
        budget, balance, in_money = decision.budget, decision.balance, counts_money(budgets)
        if decision.verdict is BudgetVerdict.ALLOWED or budget is None:
            self._queue.run(turn.id, payer, accounts, hears=part.hears)
            return Reserved(in_money=in_money, at=counted_at)
        refused = decision.verdict is BudgetVerdict.REFUSED
        if not part.goes_on:
            if refused:
                return Reserved(self._reached(budget, balance))
            self._queue.wait(turn.id, payer, accounts, hears=part.hears)
            return None
        if refused or budget.is_reached(balance) or not self._queue.rest(turn.id, payer, accounts):
            self._queue.run(turn.id, payer, accounts)
            return Reserved(in_money=in_money, last_round=True, at=counted_at)
        return None

    async def _decide(
        self,
        claim: BudgetClaim,
        person: str,
        budgets: tuple[Budget, ...],
        accounts: frozenset[BudgetAccount],
        *,
        hears: bool,
    ) -> BudgetDecision:
        """The decision of the store; where another answer goes first, to wait, unless a limit is reached.

        An answer that waits to begin has no reservation: `BudgetQueue` says why no two then wait for each other. One
        that runs asks the store at once, which leaves it with the reservation of its verdict alone.
        """
        turn_id, payer, queue = claim.turn_id, claim.payer, self._queue
        self._claimed.add(turn_id)
        if claim.begun or queue.is_running(turn_id):
            first = not hears or queue.may_hear(turn_id, payer, accounts)
        else:
            first = queue.may_begin(turn_id, payer, accounts, hears=hears)
        if first:
            return await self._store.reserve(claim, person, budgets)
        if queue.is_waiting(turn_id) and not claim.begun:
            found = await self._store.balances([budget.account for budget in budgets], person)
            decision = decide(budgets, found, Spent())
        else:  # an interrupted look may have left it a reservation
            nothing = replace(claim, most=Spent(), kept=Spent())
            decision = await self._store.reserve(nothing, person, budgets)
        refused = decision.verdict is BudgetVerdict.REFUSED
        return decision if refused else BudgetDecision(BudgetVerdict.WAIT, budgets[0])

    async def release(self, turn: Turn, spent: Spent, *, own: bool = False) -> None:
        """Count what the answer of `turn` has spent, and end its reservation: it begins anew, and may have to wait for
        that. Nothing is stored where it has asked for no reservation. `own`: as in `Payer`."""
        if turn.id in self._claimed:
            payer = payer_of(turn.ask.place, turn.payer.id, own=own)
            at = charged_at(turn, self._clock.now())
            await self._store.reserve(BudgetClaim(turn.id, payer, at, Spent(), spent), turn.payer.id, ())
            self.end(turn.id)

    def end(self, turn_id: int) -> None:
        """The answer of that turn has ended, or waits for an approval."""
        self._claimed.discard(turn_id)
        self._queue.end(turn_id)

    def is_priced(self, settings: ChannelSettings) -> bool:
        """True if the cost of the answers of the model of `settings` is known today."""
        return settings.answering_model(self._model_info).is_priced(self._clock.now().date())

    def _budgets(
        self, place: Place, person: str, settings: ChannelSettings, at: datetime, *, own: bool | None = None
    ) -> tuple[Budget, ...]:
        """`own`: as in `Payer`; None for an answer that has not begun."""
        own = settings.account is not None if own is None else own
        if not (settings.budget or settings.person_budget):
            return ()
        # Each question needs them several times. Its limits and its zone are all that counts of the settings.
        limits = settings.person_budget, settings.layers.get("budget"), settings.zone
        key = place.platform, place.team, place.channel, person, own, limits
        kept = self._kept.get(key)
        if kept is None or not all(one.account.since <= at < one.account.until for one in kept):
            payer = payer_of(place, person, own=own)
            kept = budgets_of(settings, payer, self._people_of(place), at, self._core.zone)
            self._kept[key] = kept
        return kept

    def _unpriced(self, budgets: tuple[Budget, ...], model_info: ModelInfo) -> BudgetRefusal | None:
        if not counts_money(budgets) or model_info.is_priced(self._clock.now().date()):
            return None
        first = next(budget for budget in budgets if counts_money([budget]))
        return BudgetRefusal(first, model=model_info.name)

    def _reached(self, budget: Budget, balance: Balance) -> BudgetRefusal:
        renewed = budget.account.until <= self._clock.now()
        if not renewed:
            self._on_reached(BudgetReached(budget, budget.lifts(balance)))
        return BudgetRefusal(budget, balance, renewed=renewed)
