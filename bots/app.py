"""The composition root: creates every package's objects and connects them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from bots.config import Config
from bots.created_connectors import create_connectors
from bots.ended_installations import EndedTeams
from bots.health import DatabaseHealth, LoopHealth, PlatformHealth, ToolServerHealth, notify_systemd
from bots.live_parts import LiveParts
from bots.operation_report import OperationReports
from bots.replicas import ALONE, Alone, SharedParts
from bots.retention import Cache
from bots.supervisor import Supervisor
from bots.timers import Timers
from bots.tool_servers import ToolServers
from core.clock import SystemClock
from core.commands.handlers import CommandHandlers
from core.conversation.file_content import ContentReader
from core.conversation.files import FileReader
from core.delivery.scheduler import DeliveryScheduler
from core.files.extractor import ProcessExtractor
from core.inbox.backfill import Backfill
from core.inbox.backfills import Backfills
from core.inbox.catch_up import CatchUp
from core.inbox.deleted_questions import DeletedQuestions
from core.inbox.inbox import StoringInbox
from core.inbox.membership import is_teamless
from core.inbox.teams import addressed
from core.llm import create_embedder, create_transcriber
from core.llm.catalog import LiveCatalog
from core.llm.listed_models import ListedModels
from core.llm.workspace_models import WorkspaceModels
from core.log import configure
from core.memory.recall import Recall
from core.memory.source_checks import SourceChecks
from core.operators.alert_turns import AlertChannels, AlertTurns
from core.operators.alerts import OperatorAlerts
from core.operators.counts import OperationCounts
from core.operators.failure_log import FailureLog
from core.operators.metrics import Metrics
from core.platform_calls import PerInstallation, PlatformCalls
from core.ports.connector import (
    Directory,
    Installation,
    LoadsInstallations,
    Membership,
    Revocable,
    TimesAcknowledgements,
)
from core.ports.store import Store
from core.ports.tools import ToolSource
from core.settings.live import LiveSettings
from core.settings.retention import Retention
from core.spend.budget_alerts import BudgetAlerts
from core.spend.budget_checks import BudgetChecks
from core.spend.budget_text import reached_to_failure
from core.spend.chart_renderer import ChartRenderer
from core.spend.usage_report import StoredUsage
from core.tools.builtin import BuiltinTools
from core.tools.config import ToolServer
from core.tools.earlier import EarlierMessages
from core.tools.links import LinkReader
from core.tools.mcp.server import McpServer
from core.tools.registry import Toolbox
from core.turns.answer_budgets import AnswerBudgets
from core.turns.checkpoints import Checkpoints
from core.turns.question_embeddings import QuestionEmbeddings
from core.turns.queue import PlaceQueues
from core.turns.recovery import Recovery
from core.turns.runner import TurnRunner
from core.turns.running import RunningTurn, RunningTurns
from core.turns.shown_answers import Channel
from core.turns.thread_summaries import ThreadSummaries
from core.values.conversation import Turn
from core.values.places import Place
from core.values.platform import UNKNOWN_PLATFORM

Tell = Callable[[str], None]

SERVERS_WAIT_S = 5.0
LOOK_S = 0.1


class App:
    """The objects of one running Parley, connected. `bots.programs` starts and ends them."""

    def __init__(self, config: Config, store: Store, tell: Tell, replicas: Alone = ALONE) -> None:
        self.config = config
        self.replicas = replicas
        self.core, self.catalog = LiveSettings.of(config.core), LiveCatalog.of(config.catalog)
        self.store, self.clock = store, SystemClock()
        self.metrics = Metrics()
        self.counts = OperationCounts(store, self.clock, self.metrics.count)
        self.operator_alerts = OperatorAlerts(self.clock, self.counts.count)
        self.platform_health = dict[str, PlatformHealth]()
        self.failure_log = FailureLog(store, self.clock)
        self.operator_alerts.record = self.failure_log.put
        self.operator_alerts.record_budget = lambda reached: self.failure_log.put(reached_to_failure(reached))
        self.database_health = DatabaseHealth(
            self.operator_alerts,
            config.database.shown_url,
            self.clock,
            partial(self.metrics.observe, "parley_transaction_seconds"),
        )
        self.loop_health = LoopHealth(self.operator_alerts, self.metrics.gauge, self.clock, notify_systemd)
        self.offered = config.offered
        self.listed_models = ListedModels(self.catalog, self.clock, self.operator_alerts, self.offered)
        self.retention = Retention(store, self.core, self.clock)
        self.extractor = ProcessExtractor(self.clock)
        self.charts = ChartRenderer(self.clock)
        self.transcriber = create_transcriber(self.catalog, self.clock, self.operator_alerts)
        self.file_content = ContentReader(self.extractor, self.transcriber)
        connectors = self.connectors = create_connectors(
            config, self.clock, store, self.file_content, self.metrics, tell
        )
        self.without_index = [connector.name for connector in connectors if connector.traits.distributed]
        self.calls = PerInstallation(connectors, self._create_calls)
        self.channels = PerInstallation(connectors, self._create_channel)
        traits = {connector.name: connector.traits for connector in connectors}
        budgets = BudgetChecks(
            store,
            self.core,
            self.clock,
            self.catalog.model_info,
            lambda place: traits.get(place.platform, UNKNOWN_PLATFORM).people_of(place),
            self.operator_alerts.report_budget,
            self.operator_alerts.report_lift,
        )
        self.embedder = create_embedder(self.catalog, self.clock, self.operator_alerts)
        self.embeddings = None
        if self.embedder is not None:
            self.embeddings = QuestionEmbeddings(
                store,
                self.embedder,
                self.core,
                self.clock,
                budgets,
                self._is_distributed,
                self.operator_alerts,
            )
        self.source_checks = SourceChecks(lambda change: self.inbox.receive(change), self.clock)
        self.recall = Recall(
            store, self.core, self.clock, self.calls, self.embeddings, checks=self.source_checks
        )
        self.supervisor = Supervisor(connectors, self.clock, self.operator_alerts, self.metrics.gauge)
        self.tool_servers = ToolServers(
            self._create_mcp_server,
            self._platforms_had_their_time,
            lambda name: self._tool_server_health(name).removed(),
        )
        workspaces = WorkspaceModels(store, self.core, self.clock, self.operator_alerts)
        self.live_parts = LiveParts(
            config, self.clock, self.operator_alerts, self.tool_servers, self._create_tools, workspaces
        )
        self.parts = self.live_parts.current
        running_turns = self.running_turns = RunningTurns()
        self.checkpoints = Checkpoints(store, running_turns, self.clock)
        summaries = ThreadSummaries(
            store,
            self.parts,
            self.core,
            self.clock,
            self.catalog,
            AnswerBudgets(
                budgets, self.core.parley_currency, lambda ask, settings: self.inbox.limited(ask, settings)
            ),
            running_turns,
            lambda turn: self.place_queues.submit(turn),
            self.operator_alerts,
        )
        files = FileReader(store, self.file_content, self.clock)
        self.caches: list[Cache] = [files, self.live_parts]
        self._runner = TurnRunner(
            store,
            self.parts,
            self.channels,
            self.core,
            self.clock,
            StoredUsage(store, self.core, config.timers.zone(self.core), self.calls),
            self.checkpoints,
            running_turns,
            files,
            self.catalog,
            on_finished=self.metrics.answer_finished,
            tools=self.parts,
            on_tool_call=self.metrics.tool_called,
            charts=self.charts,
            budgets=AnswerBudgets(
                budgets, self.core.parley_currency, lambda ask, settings: self.inbox.limited(ask, settings)
            ),
            on_report_failed=lambda report, platform, error: self.operator_alerts.report_failure(
                report, error, {"name": platform, "url": config.database.shown_url}
            ),
            recall=self.recall,
            summaries=summaries,
            on_set_aside=lambda turn, error: self.operator_alerts.report_failure(f"turn {turn.id}", error, {}),
        )
        self.place_queues = PlaceQueues(
            self._answer,
            running_turns,
            hold=lambda turn: self.catch_up.wait(turn),
            tell_waiting=self._runner.tell_waiting,
            patience_s=self.core.parley_patience_s,
            on_begin=partial(self.metrics.observe, "parley_queue_wait_seconds"),
            ownership=replicas.ownership,
        )
        submit = self.place_queues.submit
        self.metrics.sample("parley_queued_turns", lambda: self.place_queues.waiting)
        self.metrics.sample("parley_running_answers", lambda: self.place_queues.running)
        self.budget_alerts = BudgetAlerts(
            store, self.core, self.calls, lambda name: traits[name].label if name in traits else name
        )
        self.alert_channels = AlertChannels(
            [
                self._create_alert_turns(place, platform_calls)
                for place in config.timers.alert_places
                if (platform_calls := self.calls(place)) is not None
            ]
        )
        self.operator_alerts.post = self.operator_alerts.post_budget = self.alert_channels
        self.operator_alerts.post_lift = self.alert_channels.update
        memberships = PerInstallation(connectors, lambda one: one if isinstance(one, Membership) else None)
        handlers = CommandHandlers(
            store,
            self.core,
            self.clock,
            self.offered,
            traits=traits,
            traits_at=lambda place: None if (calls := self.calls(place)) is None else calls.installation.traits,
            budgets=budgets,
            interrupt=self._forget,
            absent_servers=self.parts.absent,
            submit=submit,
            charts=self.charts,
            is_teamless=lambda place: is_teamless(place, memberships(place)),
            recall=self.recall,
            find_model=self.listed_models.find,
            verify_account=workspaces.verify if config.database.secret_keys.ids else None,
        )
        self.inbox = StoringInbox(
            store,
            submit,
            running_turns,
            handlers,
            lambda place: self.catch_up.lost(place),
            memberships,
            PerInstallation(connectors, lambda one: one if isinstance(one, Directory) else None),
            self.calls,
            lambda platform, why: self.counts.count(
                "parley_refused_questions_total", {"platform": platform, "reason": why.name.lower()}
            ),
            [route.model_info for route in self.catalog.transcriptions],
            self.failure_log.failed,
            self._acknowledged,
            replicas.tell,
            replicas.counted,
        )
        self.recovery = Recovery(store, self.place_queues, self.clock, replicas.ownership)
        backfills = PerInstallation(connectors, self._create_backfills)
        self.catch_up = CatchUp(
            store,
            submit,
            self.inbox,
            self.calls,
            backfills,
            DeletedQuestions(self.calls, self.inbox.receive, self.clock, replicas.was_heard),
            self.recovery,
            self.clock,
        )
        self.ended_teams = EndedTeams(running_turns, [self.calls, self.channels, backfills, workspaces])
        for connector in connectors:
            if isinstance(connector, LoadsInstallations):
                connector.on_ended = partial(self.ended_teams.end, connector.name)
        self.operation_reports = OperationReports(
            store, self.core, self.clock, submit, config.timers.alert_places, self._addressed
        )
        self.timers = Timers(
            config.timers,
            self.core,
            [connector.name for connector in connectors],
            store,
            self.inbox.receive,
            self.clock,
            self._addressed,
        )
        hold, doubt = self.catch_up.hold, self.catch_up.lost_somewhere
        replicas.connect(SharedParts(self.place_queues, self.inbox, connectors, self.recovery, hold, doubt))

    def _forget(self, which: Callable[[Turn], bool]) -> None:
        """The turns that `which` picks were forgotten."""
        self.running_turns.forget(which)
        self.replicas.forgotten()

    def refusals(self) -> dict[str, str]:
        """The reason of each platform that is connected and refuses posts."""
        return {name: health.reason for name, health in self.platform_health.items() if health.reason}

    async def _answer(self, running: RunningTurn) -> None:
        with self.parts.held():
            await self._runner.answer(running)

    def apply(self, config: Config) -> None:
        """Take over the settings that need no restart. Answers that run go on with their model and tools."""
        former = self.config
        self.core.adopt(config.core)
        self.catalog.adopt(config.catalog)
        self.offered[:] = config.offered
        self.config = replace(
            former,
            core=self.core.model_copy(),
            catalog=replace(self.catalog),
            tool_servers=config.tool_servers,
            file=config.file,
            variables=config.variables,
        )
        configure(self.core.parley_log, {*former.secrets(), *self.config.secrets()})
        self.live_parts.apply(self.config)
        self.listed_models.reload(self.catalog, self.offered)

    async def _platforms_had_their_time(self) -> None:
        """Return once the platforms are connected, or have had their time."""
        until = self.clock.monotonic() + SERVERS_WAIT_S
        while not all(connector.ready() for connector in self.connectors) and self.clock.monotonic() < until:
            await self.clock.sleep(LOOK_S)

    def _acknowledged(self, platform: str, seconds: float) -> None:
        """The inbox has taken an event of a platform that does not measure the whole time itself."""
        if not any(one.name == platform and isinstance(one, TimesAcknowledgements) for one in self.connectors):
            self.metrics.observe("parley_acknowledgement_seconds", platform, seconds)

    def _create_tools(self, servers: Sequence[ToolSource]) -> Toolbox:
        earlier = EarlierMessages(self.store, self.calls, self.recall)
        own = BuiltinTools(self.clock, self.core.zone, earlier, LinkReader(self.core.link_hosts))
        return Toolbox([own, *servers], self.store, self.clock, self.file_content, self.core.parley_most_tools)

    def _create_mcp_server(self, server: ToolServer) -> McpServer:
        return McpServer(server, self.clock, self._tool_server_health(server.name).tried)

    def _tool_server_health(self, name: str) -> ToolServerHealth:
        return ToolServerHealth(name, self.operator_alerts, self.metrics.gauge, self.metrics.drop)

    async def _addressed(self, place: Place) -> Place | None:
        platform_calls = self.calls(place)
        return (
            None if platform_calls is None else await addressed(self.store, platform_calls.installation, place)
        )

    def _is_distributed(self, place: Place) -> bool | None:
        platform_calls = self.calls(place)
        return None if platform_calls is None else platform_calls.distributed

    def _create_calls(self, installation: Installation) -> PlatformCalls:
        name = installation.name
        if name not in self.platform_health:
            self.platform_health[name] = PlatformHealth(name, self.operator_alerts, self.clock)
        health = self.platform_health[name]
        revocable = isinstance(installation, Revocable) and installation.revocable
        called = health.called_by_team if revocable else health.called
        owner, late = self.replicas.owner, self.replicas.late
        return PlatformCalls(installation, called, self.retention.kept_since, owner, late)

    def _create_channel(self, installation: Installation) -> Channel:
        platform_calls = self.calls.of(installation)
        scheduler = DeliveryScheduler(
            platform_calls,
            self.clock,
            file_chars=self.core.parley_file_chars,
            on_shown=partial(self.metrics.observe, "parley_staleness_seconds", installation.name),
        )
        return Channel(platform_calls, scheduler)

    def _create_alert_turns(self, place: Place, platform_calls: PlatformCalls) -> AlertTurns:
        post_directly = partial(platform_calls.announce, place.channel)
        submit, language = self.place_queues.submit, self.core.parley_language
        return AlertTurns(
            place,
            self.store,
            submit,
            self.clock,
            language,
            self.budget_alerts,
            post_directly,
            self._addressed,
        )

    def _create_backfills(self, installation: Installation) -> Backfills:
        create = partial(
            Backfill,
            self.calls.of(installation),
            self.store,
            self.inbox.receive,
            self.inbox.record_expired,
            self.clock,
            self.core.parley_catch_up_s,
            elsewhere=self.replicas.answers_elsewhere,
        )
        return Backfills(installation, self.store, self.clock, create)
