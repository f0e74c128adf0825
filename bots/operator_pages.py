"""Connects the sections of the operator's page with the objects of a running Parley."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

from bots.app import App
from bots.operator import OperatorRoutes, PageReader
from bots.operator.audit import AuditSection
from bots.operator.budgets import BudgetsSection, Lift, ReachedBudgets
from bots.operator.failures import FailuresSection, Retry
from bots.operator.opinions import OpinionsSection
from bots.operator.platforms import PlatformSources, PlatformsSection
from bots.operator.replicas import ReplicasSection
from bots.operator.running import RunningSection
from bots.operator.sections import Act, Picture, Section
from bots.operator.settings import OwnSetting, SettingsSection, SettingsSources, own_settings
from bots.operator.tools import ToolsSection
from bots.operator.usage import UsageSection
from bots.replicas import replica_name
from core.delivery.rate_limits import LimitState
from core.llm.overview import overview as account_overview
from core.redaction import Secrets
from core.settings.environment import Settings
from core.spend.budget_lifts import BudgetLifts
from core.spend.used_up import UsedUpBudgets
from core.turns.overview import overview
from core.values.places import Place


def create_operator_pages(app: App) -> OperatorRoutes:
    """The routes of the page, over the parts of `app`."""
    token = app.config.web.parley_operator_token
    usage = UsageSection(app.store, app.charts, lambda: app.core.parley_currency, app.clock)
    acts: Mapping[str, Act] = {
        "retry": Retry(app.store, app.clock),
        "lift": Lift(_lifts(app), _used_up(app), lambda: app.core.parley_currency),
    }
    pictures: Mapping[str, Picture] = {"usage": usage.picture}
    return OperatorRoutes(
        _sections(app, usage),
        acts,
        pictures,
        "" if token is None else token.get_secret_value(),
        _page_reader(app),
        app.clock,
        lambda: app.core.zone,
        lambda: app.core.parley_language,
        _link(app),
    )


def _sections(app: App, usage: UsageSection) -> Sequence[Section]:
    labels = {connector.name: connector.traits.label for connector in app.connectors}

    def currency() -> str:
        return app.core.parley_currency

    own = _own_replica(app)
    return [
        RunningSection(lambda: overview(app.running_turns)),
        FailuresSection(app.store),
        PlatformsSection(
            PlatformSources(
                app.supervisor.states,
                lambda: app.inbox.last_events,
                lambda language: (
                    account_overview(router, language) if (router := app.live_parts.router) else None
                ),
                app.operator_alerts.standing,
                lambda: _limits(app),
            )
        ),
        usage,
        BudgetsSection(app.store, _used_up(app), currency, lambda name: labels.get(name) or name),
        OpinionsSection(app.store),
        ToolsSection(
            app.store,
            lambda: [server.overview() for server in app.tool_servers.configured],
            lambda: app.core.parley_builtin_tools,
        ),
        *([ReplicasSection(app.store, app.config.discord.discord_shards or 1, own)] if own else []),
        SettingsSection(
            app.store,
            SettingsSources(lambda: app.core, lambda: _own_settings(app), lambda: app.catalog, currency),
        ),
        AuditSection(app.store, currency),
    ]


def _own_replica(app: App) -> str:
    """The name of this process among the replicas of its database; empty where it has the database for itself."""
    shared = app.config.database.url.get_backend_name() == "postgresql"
    return replica_name().removeprefix("parley ") if shared else ""


def _own_settings(app: App) -> list[OwnSetting]:
    config = app.config
    values = (getattr(config, one.name) for one in fields(config))
    classes = [value for value in values if isinstance(value, Settings)]
    secrets = Secrets([*config.secrets(), *config.database.secrets])
    origin = config.variables.in_capitals().origin
    return own_settings(classes, origin, secrets.cut_from, {"DATABASE_URL": config.database.shown_url})


def _lifts(app: App) -> Callable[[], BudgetLifts]:
    return lambda: BudgetLifts(app.store, app.core, app.clock, app.operator_alerts.report_lift)


def _used_up(app: App) -> ReachedBudgets:
    budgets = UsedUpBudgets(app.store, app.core, app.clock)
    return lambda: budgets.beside(app.operator_alerts.reached_budgets())


def _limits(app: App) -> list[tuple[str, LimitState]]:
    """The rate limits of all installations, each with its platform and team."""
    found = []
    for channel in app.channels:
        installation = channel.platform_calls.installation
        name = " ".join(filter(None, (installation.name, installation.id)))
        found += [(name, limit) for limit in channel.scheduler.limits()]
    return found


def _page_reader(app: App) -> Callable[[], PageReader | None]:
    def reader() -> PageReader | None:
        person = app.config.page_admin
        return None if person is None else PageReader(person, app.config.web.hosts.alone)

    return reader


def _link(app: App) -> Callable[[Place, str], str]:
    def link(place: Place, message_id: str) -> str:
        calls = app.calls(place)
        return "" if calls is None else calls.message_link(place, message_id)

    return link
