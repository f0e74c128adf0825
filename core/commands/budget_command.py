"""/budget: shows the limits of spending that hold here, and sets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from babel.dates import format_date
from babel.numbers import format_decimal

from core.access import is_admin
from core.clock import Clock
from core.commands.context import CommandContext
from core.i18n import LOCALES, language_of
from core.ports.store.usage import UsageStore
from core.settings.channel import settings_on
from core.settings.limits import LimitError, limits_of, without_currency
from core.spend.budget_checks import BudgetChecks
from core.spend.budget_text import balance_to_text
from core.spend.cost_text import cost_text
from core.spend.periods import PeriodName, period_at
from core.values.budgets import Balance, Budget, BudgetScope, BudgetUnit
from core.values.ui import ImmediateReply

_SETTINGS = {
    "person": ("person_budget", "workspace"),
    "channel": ("budget", "channel"),
    "workspace": ("budget", "workspace"),
}
"""The setting and the scope of each value of the option `of`."""

Change = Callable[[CommandContext, dict[str, str]], Awaitable[ImmediateReply]]


class BudgetCommand:
    """`change` changes settings: it raises CommandError where the person may not."""

    def __init__(self, store: UsageStore, clock: Clock, budgets: BudgetChecks, change: Change) -> None:
        self._store = store
        self._clock = clock
        self._budgets = budgets
        self._change = change

    async def budget(self, given: CommandContext) -> ImmediateReply:
        """Raises StoreError and CommandError."""
        if not (text := given.option("limit")):
            return ImmediateReply("\n".join(await self._shown(given)))
        name, scope = _SETTINGS[given.option("of", "channel")]
        if "person_budget" not in settings_on(given.traits):  # one person alone has one budget
            name, scope = _SETTINGS["channel"]
        values = {**given.values, "scope": scope}
        reply = await self._change(replace(given, values=values), {name: text})
        if _in_money(text, given.core.parley_currency) and (note := self._note(given)):
            return replace(reply, text=f"{reply.text}\n{note}")
        return reply

    def _note(self, given: CommandContext) -> str:
        """The effect of a limit in money where the prices of the model are not known here; else empty."""
        if (own := given.settings.own_model) is not None:
            return given.phrase("budget_own_note" if own.reported_cost else "budget_own_unknown_note")
        if self._budgets.is_priced(given.settings):
            return ""
        return given.phrase("budget_unpriced_note", model=given.settings.model)

    async def _shown(self, given: CommandContext) -> list[str]:
        """The cost of the channel in this month; each limit with what is spent of it; how to change them."""
        language, currency, zone = given.language, given.core.parley_currency, given.settings.zone
        month = period_at(PeriodName.MONTH, self._clock.now(), zone)
        locale = LOCALES[language_of(language)]
        named = format_date(month.first_day, given.phrase("format_month"), locale=locale)
        totals = await self._store.usage_totals(month.since, month.until, given.place)
        spent = given.phrase("budget_spent", month=named, cost=cost_text(totals, currency, language))
        if totals.unpriced and not totals.cost_micros:
            tokens = format_decimal(totals.prompt_tokens + totals.completion_tokens, locale=locale)
            spent = given.phrase("budget_unknown", month=named, tokens=tokens)
        balances = await self._budgets.balances(given.place, given.author.id, given.settings)
        lines = [f"- {balance_to_text(*one, language, currency, zone)}" for one in readable(balances, given)]
        admin = is_admin(given.author, given.place, given.core)
        hint = ["", given.phrase("budget_hint", prefix=given.command.prefix)] if admin else []
        return [spent, *(lines or [given.phrase("budget_none")]), *hint]


def readable(balances: Sequence[tuple[Budget, Balance]], given: CommandContext) -> list[tuple[Budget, Balance]]:
    """Those that people there may read: beyond the operator's organisation not what all workspaces spend together."""
    all_of = BudgetScope.ALL if given.traits.distributed else None
    return [one for one in balances if one[0].scope is not all_of]


def _in_money(text: str, currency: str) -> bool:
    """True if a limit in money lets something be spent. `text` may take the value back."""
    try:
        limits = limits_of(without_currency(text, currency))
    except LimitError:
        return False
    return any(limit.unit is BudgetUnit.MONEY and limit.amount for limit in limits)
