"""Alerts about budgets that are used up: their text for the readers of a channel, before and after a lift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from core.i18n import language_of, variant
from core.platform_calls import PlatformCalls
from core.ports.store.settings import SettingsStore
from core.settings.channel import SETTINGS
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.settings.limits import limits_of
from core.spend.budget_text import AlertView, alert_lifted_to_text, reached_to_text
from core.spend.budgets import scoped_limits
from core.values.budgets import ANY, Budget, BudgetScope, Limit, Payer
from core.values.places import Place
from core.values.tasks import BudgetLift, BudgetReached
from core.values.ui import Localized


async def budget_zone(budget: Budget, readers: tzinfo, store: SettingsStore, core: CoreSettings) -> tzinfo:
    """The time zone in which the budget begins anew: that of its workspace. A limit that holds in several is told in
    that of its `readers`. Raises StoreError."""
    payer = budget.account.payer
    if budget.scope is BudgetScope.ALL:
        return core.zone
    if payer.team == ANY:
        return readers
    stored = await store.stored_settings(Place(payer.platform, payer.team, ""))
    return merge(core, stored, payer.platform).zone


async def holds(budget: Budget, store: SettingsStore, core: CoreSettings) -> bool:
    """True if the limit of `budget` still is one of its scope, with its unit and amount. Raises StoreError."""
    return budget.limit in await limits_in_force(budget.scope, budget.account.payer, store, core)


async def limits_in_force(
    scope: BudgetScope, payer: Payer, store: SettingsStore, core: CoreSettings
) -> Sequence[Limit]:
    """The limits of a scope for an account with these keys. Raises StoreError."""
    if scope is BudgetScope.ALL:
        return limits_of(core.parley_budget)
    if scope is BudgetScope.PERSON:
        workspaces = await store.workspaces(payer.platform)
        texts = [one.get("person_budget", "") for team, one in workspaces.items() if payer.team in (ANY, team)]
        read = [SETTINGS["person_budget"].read(text) or () for text in texts]
        return list(dict.fromkeys(limit for limits in read for limit in limits))
    limits = dict(scoped_limits(merge(core, await store.stored_settings(payer.place), payer.platform)))
    return limits.get(scope, ())


@dataclass(frozen=True, slots=True)
class BudgetAlerts:
    """Writes alerts. `calls` returns those of the installation that serves a place, `label` the name of a platform."""

    store: SettingsStore
    settings: CoreSettings
    calls: Callable[[Place], PlatformCalls | None]
    label: Callable[[str], str]

    def plain(self, alert: BudgetReached | BudgetLift, place: Place) -> Localized:
        """The alert for `place` without the settings of its channel, for where those can't be read."""
        return self._written(alert, place, self.settings.parley_language, self.settings.zone)

    async def write(self, alert: BudgetReached | BudgetLift, place: Place) -> Localized:
        """The alert in the language of the channel `place`. Raises StoreError."""
        reached = alert.reached if isinstance(alert, BudgetLift) else alert
        settings = merge(self.settings, await self.store.stored_settings(place), place.platform)
        zone = await budget_zone(reached.budget, settings.zone, self.store, self.settings)
        return self._written(alert, place, settings.language or self.settings.parley_language, zone)

    def _written(
        self, alert: BudgetReached | BudgetLift, place: Place, language: str, zone: tzinfo
    ) -> Localized:
        language = variant(language_of(language), place.platform)
        view = AlertView(language, self.settings.parley_currency, zone, place, self._mention, self.label)
        if isinstance(alert, BudgetLift):
            return Localized(alert_lifted_to_text(alert, view), language)
        return Localized(reached_to_text(alert, view), language)

    def _mention(self, channel: Place) -> str:
        platform_calls = self.calls(channel)
        return platform_calls.channel_mention(channel) if platform_calls is not None else ""
