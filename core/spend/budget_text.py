"""Budgets as people read them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from babel.dates import format_datetime
from babel.numbers import format_decimal

from core.errors import REF_ALPHABET, Code
from core.i18n import LOCALES, language_of, name_list, phrase, variant
from core.spend.budget_checks import BudgetRefusal
from core.spend.cost_text import money
from core.text import escaped
from core.values.budgets import MICROS, Balance, Budget, BudgetScope, BudgetUnit, Limit, person_digest
from core.values.failures import Failure
from core.values.places import Place
from core.values.tasks import BudgetLift, BudgetReached

_EXACT = "#,##0.######"


def limits_to_text(limits: Iterable[Limit], language: str, currency: str = "") -> str:
    """Limits as `core.settings.limits` reads them; with their currency where one is given."""
    return name_list((limit_to_text(limit, language, currency) for limit in limits), language)


def limit_to_text(limit: Limit, language: str, currency: str = "") -> str:
    """One limit, such as `$20.00 a month`."""
    amount = amount_to_text(limit.amount, limit.unit, language, currency, exact=True)
    return phrase(f"limit_{limit.per}", language, amount=amount)


def kept_to_text(kept: Sequence[tuple[BudgetScope, Sequence[Limit]]], language: str, currency: str) -> str:
    """The sentence that these limits hold; empty without any."""
    shown = [
        phrase(f"budget_kept_{scope}", language, limits=limits_to_text(limits, language, currency))
        for scope, limits in kept
        if limits
    ]
    between = phrase("clause_separator", language)
    return phrase("budget_still", language, limits=between.join(shown)) if shown else ""


def amount_to_text(
    amount: int, unit: BudgetUnit, language: str, currency: str = "", *, exact: bool = False
) -> str:
    """An amount in millionths of `currency`, or in tokens."""
    if unit is BudgetUnit.TOKENS:
        return phrase("amount_tokens", language, n=amount)
    if currency:
        return money(amount, currency, language, exact=exact)
    return str(format_decimal(amount / MICROS, _EXACT, LOCALES[language_of(language)]))


def refusal_to_text(refusal: BudgetRefusal, language: str, currency: str, zone: tzinfo) -> str:
    """The limit that is used up, when it renews or has renewed, and what to do."""
    budget = refusal.budget
    whose = phrase(f"budget_of_{budget.scope}", language)
    if refusal.model:
        return phrase("budget_unpriced", language, whose=whose, model=refusal.model)
    key = "budget_reached_person" if budget.scope is BudgetScope.PERSON else "budget_reached"
    words = phrase(
        "budget_renewed" if refusal.renewed else key,
        language,
        whose=whose,
        limit=_allowed(budget, budget.lifts(refusal.balance), language, currency),
        when=_when(budget.account.until, zone, language),
    )
    if refusal.renewed:
        return words
    more = phrase("budget_more_all" if budget.scope is BudgetScope.ALL else "budget_more", language)
    words = phrase("joined", language, one=words, two=more)
    return phrase("joined", language, one=words, two=phrase("ref", language, ref=reference(budget)))


def near_to_text(budget: Budget, balance: Balance, language: str, currency: str, zone: tzinfo) -> str:
    """A note to a person who nears a limit."""
    return phrase(
        "budget_near",
        language,
        whose=phrase(f"budget_of_{budget.scope}", language),
        percent=budget.percent(balance),
        limit=_allowed(budget, budget.lifts(balance), language, currency),
        when=_when(budget.account.until, zone, language),
    )


def balance_to_text(budget: Budget, balance: Balance, language: str, currency: str, zone: tzinfo) -> str:
    """A limit with what is spent of it, and when it renews."""
    return phrase(
        "budget_line",
        language,
        whose=phrase(f"budget_of_{budget.scope}", language),
        limit=_allowed(budget, budget.lifts(balance), language, currency),
        spent=_spent(budget, balance, language, currency),
        when=_when(budget.account.until, zone, language),
    )


def share_to_text(budget: Budget, balance: Balance, language: str, currency: str) -> str:
    """A limit with the share that is spent of it."""
    key = "usage_budget"
    if balance.unpriced:
        key = "usage_budget_least" if balance.spent.of(budget.limit.unit) else "usage_budget_unknown"
    return phrase(
        key,
        language,
        whose=phrase(f"budget_of_{budget.scope}", language),
        limit=_allowed(budget, budget.lifts(balance), language, currency),
        percent=budget.percent(balance),
    )


def _spent(budget: Budget, balance: Balance, language: str, currency: str) -> str:
    """The amount with its share; the least that it can be where the cost of some answers is unknown."""
    amount = balance.spent.of(budget.limit.unit)
    if balance.unpriced and not amount:
        return phrase("budget_amount_unknown", language)
    key = "budget_amount_least" if balance.unpriced else "budget_amount"
    words = amount_to_text(amount, budget.limit.unit, language, currency)
    return phrase(key, language, amount=words, percent=budget.percent(balance))


@dataclass(frozen=True, slots=True)
class AlertView:
    """The readers of an alert: those of the channel `place`. `language` may be a variant.

    `mention` returns a mention of a channel as Markdown of its own platform, or an empty text. `label` returns the name
    of a platform.
    """

    language: str
    currency: str
    zone: tzinfo
    place: Place
    mention: Callable[[Place], str] = lambda channel: ""
    label: Callable[[str], str] = str


def reached_to_text(reached: BudgetReached, view: AlertView) -> str:
    """The alert to the admins, in Markdown. It names no person: they find the reference in their refusal."""
    budget, language = reached.budget, view.language
    words = phrase(
        "budget_alert_one" if budget.scope is BudgetScope.PERSON else "budget_alert",
        language,
        whose=_whose(budget, view),
        limit=_allowed(budget, reached.lifts, language, view.currency),
        when=_when(budget.account.until, view.zone, language),
    )
    return phrase("joined", language, one=words, two=phrase("ref", language, ref=reference(budget)))


def alert_lifted_to_text(lift: BudgetLift, view: AlertView) -> str:
    """The alert to the admins after a lift, in Markdown. An admin of another platform is not named."""
    budget, language = lift.reached.budget, view.language
    name = lift.by.name if lift.is_named(view.place) else ""
    words = phrase(
        "budget_alert_lifted",
        language,
        whose=_whose(budget, view),
        limit=_allowed(budget, lift.reached.lifts, language, view.currency),
        lifted=lifted_to_text(lift.reached, name, language, view.currency, view.zone),
    )
    return phrase("joined", language, one=words, two=phrase("ref", language, ref=reference(budget)))


def lift_label(reached: BudgetReached, language: str, currency: str) -> str:
    """The words of the button by which an admin allows a limit once more."""
    limit = reached.budget.limit
    amount = amount_to_text(limit.amount, limit.unit, language, currency)
    return phrase(f"budget_lift_{limit.per}", language, amount=amount)


def lifted_to_text(reached: BudgetReached, name: str, language: str, currency: str, zone: tzinfo) -> str:
    """The confirmation that the admin `name` allowed a limit once more; an empty name is not known."""
    budget, limit = reached.budget, reached.budget.limit
    return phrase(
        "budget_lifted" if name else "budget_lifted_by_admin",
        language,
        name=escaped(name),
        more=amount_to_text(limit.amount, limit.unit, language, currency),
        amount=amount_to_text(budget.allowed(reached.lifts + 1), limit.unit, language, currency),
        when=_when(budget.account.until, zone, language),
    )


def _whose(budget: Budget, view: AlertView) -> str:
    """The owner of a budget: a channel by its mention, which only its own platform understands."""
    payer, own = budget.account.payer, view.language
    of = variant(language_of(own), payer.platform)
    if payer.platform == view.place.platform:
        if budget.scope is BudgetScope.WORKSPACE and payer.team == view.place.team:
            return phrase("budget_of_workspace", own)
        if budget.scope is BudgetScope.CHANNEL:
            mention = view.mention(payer.place)
            return phrase("budget_alert_here", own, channel=mention or payer.channel)
    platform = view.label(payer.platform)
    return phrase(f"budget_alert_{budget.scope}", of, channel=payer.channel, team=payer.team, platform=platform)


def reference(budget: Budget) -> str:
    """A short reference of an account, the same for the refused people and the admins."""
    number = int(person_digest(budget.account.key), 16)
    letters = []
    for _ in range(6):
        number, letter = divmod(number, len(REF_ALPHABET))
        letters.append(REF_ALPHABET[letter])
    return "".join(letters)


def reached_to_failure(reached: BudgetReached) -> Failure:
    """The failure under the reference that refused people and the alert show."""
    budget = reached.budget
    return Failure(
        reference(budget), Code.BUDGET, f"{budget.scope}: {budget.limit}", what=f"budget {budget.scope}"
    )


def allowed_to_text(budget: Budget, balance: Balance, language: str, currency: str) -> str:
    """A limit with what was allowed once more."""
    return _allowed(budget, budget.lifts(balance), language, currency)


def _allowed(budget: Budget, lifts: int, language: str, currency: str) -> str:
    return limit_to_text(replace(budget.limit, amount=budget.allowed(lifts)), language, currency)


def _when(at: datetime, zone: tzinfo, language: str) -> str:
    """A time with its zone: readers of one workspace may be in several."""
    shown = format_datetime(at, phrase("format_day", language), zone, LOCALES[language_of(language)])
    return f"{shown} {zone}"
