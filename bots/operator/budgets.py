"""The section of the limits of spending that are used up, and the action that allows one once more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bots.operator.layout import form
from bots.operator.markup import Html, html
from bots.operator.sections import Done, Query
from bots.operator.view import View, badge, heading, prose, sentences, table
from core.ports.store.budgets import BudgetStore
from core.spend.budget_lifts import BudgetLifts, LiftOutcome
from core.spend.budget_text import AlertView, allowed_to_text, amount_to_text, reached_to_text
from core.values.budgets import Balance
from core.values.places import Person, Place
from core.values.tasks import BudgetReached

_NOWHERE = Place("", "", "")
_HEADS = ("head_limit", "head_spent", "head_lift")

ReachedBudgets = Callable[[], Awaitable[Sequence[BudgetReached]]]


class BudgetsSection:
    """`reached` returns the limits that are used up, in periods that are not over. `label`: the
    name of a platform. `currency` is that of limits in money."""

    name = "budgets"

    def __init__(
        self,
        store: BudgetStore,
        reached: ReachedBudgets,
        currency: Callable[[], str],
        label: Callable[[str], str],
    ) -> None:
        self._store = store
        self._reached = reached
        self._currency = currency
        self._label = label

    async def body(self, view: View, query: Query) -> Html:
        found = await self._reached()
        balances = await self._store.lifted([one.budget.account for one in found]) if found else []
        rows = [self._row(view, *pair) for pair in zip(found, balances, strict=True)]
        return html(
            heading(view, "budgets", "budgets_about"),
            table(view, "budgets", _HEADS, rows, "budgets_none"),
        )

    def _row(self, view: View, one: BudgetReached, balance: Balance) -> list[Html | str]:
        readers = AlertView(view.language, self._currency(), view.zone, _NOWHERE, label=self._label)
        budget, currency = one.budget, self._currency()
        spent = amount_to_text(balance.spent.of(budget.limit.unit), budget.limit.unit, view.language, currency)
        allowed = allowed_to_text(budget, balance, view.language, currency)
        return [
            prose(sentences(reached_to_text(one, readers))),
            view.say("spent_of", spent=spent, allowed=allowed),
            badge(view.say("lifted"), "good")
            if budget.lifts(balance) > one.lifts
            else form(view, "lift", view.say("lift", more=_more(one, view, currency)), "quiet", key=one.key),
        ]


@dataclass(frozen=True, slots=True)
class Lift:
    """Allows a limit that refuses questions once more, as the button of its alert does."""

    lifts: Callable[[], BudgetLifts]
    reached: ReachedBudgets
    currency: Callable[[], str]

    async def __call__(self, view: View, given: Query, by: Person) -> Done:
        reached = next((one for one in await self.reached() if one.key == given.get("key", "")), None)
        if reached is None:
            return Done(view.say("lift_unknown"), "budgets", well=False)
        outcome = await self.lifts().lift(reached, by, _NOWHERE)
        if outcome is not LiftOutcome.LIFTED:
            return Done(view.say(f"lift_{outcome.name.lower()}"), "budgets", well=False)
        return Done(view.say("lift_done", more=_more(reached, view, self.currency())), "budgets")


def _more(one: BudgetReached, view: View, currency: str) -> str:
    limit = one.budget.limit
    return amount_to_text(limit.amount, limit.unit, view.language, currency)
