"""The composition root: creates every package's objects, connects them, starts them and ends them in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from pydantic import SecretStr

from bots import discord, slack, web
from bots.discord import DiscordSettings
from bots.health import DatabaseHealth, LoopHealth, PlatformHealth, notify_systemd
from bots.http import HttpServer, Routed
from bots.slack import SlackSettings
from bots.startup import Startup
from bots.supervisor import Supervisor
from bots.timers import Timers, TimerSettings
from bots.web import WebSettings
from core.clock import SystemClock
from core.commands.handlers import CommandHandlers
from core.delivery.scheduler import DeliveryScheduler
from core.errors import SettingsError, StoreError
from core.inbox.backfill import Backfill
from core.inbox.deleted_questions import DeletedQuestions
from core.inbox.inbox import StoringInbox
from core.inbox.teams import addressed, adopt
from core.llm import check_ways, create_model
from core.llm.catalog import ModelCatalog, load_catalog
from core.llm.redacting_model import RedactedModel
from core.operators.alert_turns import AlertChannels, AlertTurns
from core.operators.alerts import OperatorAlerts
from core.operators.metrics import Metrics
from core.platform_calls import PerInstallation, PlatformCalls
from core.ports.connector import Connector, Directory, Installation, Membership
from core.ports.store import PROCESS, Store, TurnLedger
from core.redaction import Secrets, is_secret
from core.settings.channel import offered_models
from core.settings.environment import CoreSettings, Settings
from core.spend.usage_report import StoredUsage, report_ask
from core.turns.checkpoints import Checkpoints
from core.turns.queue import PlaceQueues
from core.turns.recovery import Recovery
from core.turns.runner import Channel, TurnRunner
from core.turns.running import RunningTurns
from core.values.conversation import Turn, TurnState
from core.values.places import Place
from storage import DatabaseSettings, SqlStore, open_store
from storage.lock import RunLock

log = structlog.get_logger()

SETTINGS: tuple[type[Settings], ...] = (
    CoreSettings,
    SlackSettings,
    DiscordSettings,
    WebSettings,
    TimerSettings,
    DatabaseSettings,
)
SUMMARY_WAIT_S = 60.0
SIGN_OF_LIFE_S = 10.0
OPEN_STATES = (TurnState.WAITING, TurnState.RUNNING)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, read and checked before anything connects."""

    core: CoreSettings
    database: DatabaseSettings
    slack: SlackSettings
    discord: DiscordSettings
    web: WebSettings
    timers: TimerSettings
    catalog: ModelCatalog

    @classmethod
    def load(cls) -> Config:
        """Raises SettingsError with one line that names the variable."""
        core = CoreSettings.load()
        config = cls(
            core,
            DatabaseSettings.load(),
            SlackSettings.load(),
            DiscordSettings.load(),
            WebSettings.load(),
            TimerSettings.load(),
            load_catalog(core),
        )
        check_ways(config.catalog, os.environ)
        platforms = config.platforms()
        core.check_platforms(platforms)
        running = {name for name, why_not in platforms.items() if not why_not}
        channels = {
            "PARLEY_SUMMARY_CHANNELS": config.timers.places,
            "PARLEY_ALERT_CHANNEL": config.timers.alert_places,
        }
        for setting, places in channels.items():
            for place in places:
                if place.platform not in running:
                    raise SettingsError(
                        f"{setting}: names {place.platform}:{place.channel}, but {place.platform} is off"
                    )
        return config

    def platforms(self) -> dict[str, str]:
        """Each platform, and why it is off (empty where it is on)."""
        away = {"slack": slack.why_not(self.slack), "discord": discord.why_not(self.discord)}
        return away | {"web": web.why_not(self.web, others=not all(away.values()))}

    def secrets(self) -> list[str]:
        """All secret values, for logs and chats to leave out."""
        every: tuple[Settings, ...] = (
            self.core,
            self.slack,
            self.discord,
            self.web,
            self.timers,
        )
        values = (getattr(settings, name) for settings in every for name in type(settings).model_fields)
        own = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        return [value for value in own if is_secret(value)] + self.database.secrets + self.catalog.secrets


class App:
    """One running Parley."""

    def __init__(self, config: Config, store: Store, tell: Tell) -> None:
        self._config = config
        self._tell = tell
        self._clock = SystemClock()
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.store = store
        self.metrics = Metrics()
        self._operator_alerts = OperatorAlerts(self._clock, self.metrics.count)
        self.database_health = DatabaseHealth(self._operator_alerts, config.database.shown_url, self._clock)
        model = create_model(config.core, config.catalog, self._clock, self._operator_alerts)
        self._model = RedactedModel(model, Secrets(config.secrets()))
        connectors = self._connectors = self._create_connectors()
        self._calls = PerInstallation(connectors, self._create_calls)
        self._channels = PerInstallation(connectors, self._create_channel)
        self._supervisor = Supervisor(connectors, self._clock, self._operator_alerts, self.metrics.gauge)
        live = RunningTurns()
        self._checkpoints = Checkpoints(store, live, self._clock)
        usage_reporter = StoredUsage(store, config.core, config.timers.zone, config.catalog.priced)
        core = config.core.model_copy(update={"openai_model": config.catalog.default.name})
        runner = TurnRunner(
            store,
            self._model,
            self._channels,
            core,
            self._clock,
            usage_reporter,
            self._checkpoints,
            live,
            config.catalog,
            on_finished=self.metrics.answer_finished,
            on_set_aside=lambda turn, error: self._operator_alerts.wrong(f"turn {turn.id}", error, {}),
        )
        self.place_queues = PlaceQueues(
            runner.answer,
            live,
            hold=self._hold,
            tell_waiting=runner.tell_waiting,
            patience_s=core.parley_patience_s,
            on_begin=partial(self.metrics.observe, "parley_queue_wait_seconds"),
        )
        self.metrics.sample("parley_queued_turns", lambda: self.place_queues.waiting)
        self.metrics.sample("parley_running_answers", lambda: self.place_queues.running)
        self._operator_alerts.post = self._alerts = self._create_alerts()
        handlers = CommandHandlers(
            store,
            core,
            self._clock,
            offered(config),
            traits={connector.name: connector.traits for connector in connectors},
            priced=config.catalog.priced,
            interrupt=live.forget,
        )
        self._sweep = Recovery(store, self.place_queues, self._clock)
        self.inbox = StoringInbox(
            store,
            self.place_queues.submit,
            live,
            handlers,
            self._lost,
            PerInstallation(connectors, lambda one: one if isinstance(one, Membership) else None),
            PerInstallation(connectors, lambda one: one if isinstance(one, Directory) else None),
        )
        self._backfills = PerInstallation(connectors, self._create_backfill)
        self._backfilling = False
        self._recovery = DeletedQuestions(self._calls, self.inbox.receive, self._clock)
        self._timers = Timers(config.timers, store, self.inbox.receive, self._clock, self._addressed)

    def _create_alerts(self) -> AlertChannels:
        """The way to the operators' channels, of which there may be none."""
        language, submit = self._config.core.parley_language, self.place_queues.submit
        return AlertChannels(
            [
                AlertTurns(
                    place,
                    self.store,
                    submit,
                    self._clock,
                    language,
                    partial(platform_calls.announce, place.channel),
                    self._addressed,
                )
                for place in self._config.timers.alert_places
                if (platform_calls := self._calls(place)) is not None
            ]
        )

    async def _addressed(self, place: Place) -> Place | None:
        if (platform_calls := self._calls(place)) is None:
            return None
        return await addressed(self.store, platform_calls.installation, place)

    def _create_calls(self, installation: Installation) -> PlatformCalls:
        health = PlatformHealth(installation.name, self._operator_alerts, self._clock)
        return PlatformCalls(installation, health.called)

    def _create_channel(self, installation: Installation) -> Channel:
        platform_calls = self._calls.of(installation)
        scheduler = DeliveryScheduler(
            platform_calls,
            self._clock,
            file_chars=self._config.core.parley_file_chars,
            on_shown=partial(self.metrics.observe, "parley_staleness_seconds", installation.name),
        )
        return Channel(platform_calls, scheduler)

    def _create_backfill(self, installation: Installation) -> Backfill:
        return Backfill(
            self._calls.of(installation),
            self.store,
            self.inbox.receive,
            self.inbox.record_expired,
            self._clock,
            self._config.core.parley_catch_up_s,
        )

    def _create_connectors(self) -> list[Connector]:
        config = self._config
        why_not = config.platforms()
        for name, why in why_not.items():
            if why:
                self._tell(f"{name:<8} off: {why}")
        created: list[Connector | None] = [
            slack.create(config.slack, self._clock),
            discord.create(config.discord, self._clock),
            None if why_not["web"] else web.create(config.web, self._clock, self.store),
        ]
        return [connector for connector in created if connector is not None]

    def stop(self) -> None:
        """Begin to end: what runs may finish within the grace period."""
        self._stop.set()

    async def serve(self, *beside: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run with pages, timers and `beside` until `stop`. Raises BotError when it can't go on."""
        http = HttpServer(
            self._config.web.parley_http_host,
            self._config.web.parley_http_port,
            {
                **{connector.name: connector.ready for connector in self._connectors},
                "database": lambda: not self.database_health.reason,
            },
            [
                route
                for connector in self._connectors
                if isinstance(connector, Routed)
                for route in connector.routes()
            ],
            self.metrics.text,
            partial(web.refuse_host, self._config.web.hosts),
            self._why_down,
        )
        address = await http.start()
        notify_systemd("READY=1")
        try:
            self._tell(f"model    {_model_line(self._config.catalog)}")
            for connector in self._connectors:
                where = address if isinstance(connector, Routed) else "connecting"
                self._tell(f"{connector.name:<8} on: {where}")
            self._tell(f"health   {address}/livez, {address}/readyz, {address}/metrics")
            self._backfilling = True
            async with self._running():
                for job in (*beside, *(backfill.run for backfill in self._backfills)):
                    self._keep(job())
                await self._timers.start()
                await self._until(self._stop.wait())
                notify_systemd("STOPPING=1")
                http.stopping = True
        finally:
            self._timers.stop()
            await http.stop()

    def _why_down(self) -> dict[str, str]:
        return self._supervisor.reasons() | {"database": self.database_health.reason}

    async def serve_until_done(self, turn_ids: Sequence[int]) -> None:
        """Run without pages and timers until these turns have ended."""
        async with self._running():
            await self._until(wait_for_turns(self.store, turn_ids))

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        """Open turns taken up again, then platforms connected; at the end all in the opposite order."""
        for alert, age_s in await self._alerts.standing():
            self._operator_alerts.remember(alert, age_s)
        try:
            await self.store.recover(self._clock.now() - self._config.core.stood_still)
            for platform_calls in self._calls:
                await adopt(self.store, platform_calls.installation)
        except StoreError as error:
            log.warning("turns_not_recovered", **error.log_keys)
        for turn in await self.store.open_turns():
            self._recovery.expect(turn)
            self.place_queues.submit(turn)
        for turn in await self.store.held_turns():
            self._recovery.expect(turn)
            self.inbox.admission.hold(turn)
        for channel in self._channels:
            self._keep(channel.scheduler.run())
        self._keep(self._checkpoints.run())
        self._keep(self._sweep.run())
        self._keep(self._supervisor.run(self.inbox))
        self._keep(self._give_signs_of_life())
        loop = LoopHealth(self._operator_alerts, self.metrics.gauge, self._clock, notify_systemd)
        self._keep(loop.run(self._config.core.parley_watchdog_s))
        try:
            yield
        finally:
            given_back = await self.place_queues.drain(self._config.core.parley_grace_s)
            if given_back:
                log.info("turns_left_open", turns=given_back)
            for task in reversed(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self.inbox.admission.close()
            await self._checkpoints.flush()
            with suppress(StoreError):
                await self.store.give_back()
            await self._operator_alerts.close()
            await self._alerts.close()
            await self._model.close()

    async def _give_signs_of_life(self) -> None:
        """Have the next process know until when this one was alive."""
        while True:
            with suppress(StoreError):
                await self.store.advance_watermark(PROCESS, "", self._clock.now())
            await self._clock.sleep(SIGN_OF_LIFE_S)

    def _lost(self, place: Place) -> None:
        """An event of this place could not be stored, or so it seems."""
        if (backfill := self._backfills(place)) is not None:
            backfill.again()
        self._sweep.doubt()

    async def _hold(self, turn: Turn) -> None:
        """No turn begins before what was said earlier has been read, and what was deleted is known."""
        if self._backfilling and (backfill := self._backfills(turn.ask.place)) is not None:
            await backfill.caught_up(turn.ask.place)
            await self._recovery.look(turn.ask.place)

    def _keep(self, job: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(job))

    async def _until(self, end: Coroutine[Any, Any, object]) -> None:
        """Wait for `end`, or raise what ended one of the rooms that should run for ever."""
        waiting = asyncio.create_task(end)
        done, _ = await asyncio.wait({waiting, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in done:
            task.result()


def offered(config: Config) -> list[str]:
    """The models that people may choose from; none where nothing limits them to any."""
    core = config.core.model_copy(update={"openai_model": config.catalog.default.name})
    if core.parley_models.strip():
        return list(offered_models(core))
    cards = [config.catalog.default.name, *(model_info.name for model_info in config.catalog.cards)]
    return list(dict.fromkeys(cards)) if len(config.catalog.cards) > 1 else []


def _model_line(catalog: ModelCatalog) -> str:
    if not catalog.routes:
        return "the built-in offline one: OPENAI_API_KEY is not set"
    return f"{', then '.join(model_info.name for model_info in catalog.cards)} at {catalog.source}"


async def wait_for_turns(store: TurnLedger, turn_ids: Sequence[int]) -> None:
    """Return when all of them have ended, in this process or another."""
    for turn_id in turn_ids:
        while (turn := await store.turn(turn_id)) is not None and turn.state in OPEN_STATES:
            await SystemClock().sleep(0.1)


async def run(config: Config, tell: Tell) -> None:
    """`parley run`. Raises SettingsError or PlatformError with one clear line."""
    lock = RunLock(config.database)
    loop = asyncio.get_running_loop()

    def on_signal(stop: Callable[[], object]) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, stop)

    async def open_database() -> SqlStore:
        if not await lock.acquire(config.core.parley_grace_s):
            raise SettingsError("another parley is running on this database (DATABASE_URL); stop it first")
        return await open_store(config.database, SystemClock())

    opening = asyncio.ensure_future(_startup(config, tell).open(open_database))
    on_signal(opening.cancel)
    try:
        await asyncio.wait([opening])
        if opening.cancelled():
            tell("stopped before the database was open")
            return
        store = opening.result()
        try:
            tell(f"database {config.database.shown_url}")
            house = App(config, store, tell)
            store.watch(house.database_health)
            on_signal(house.stop)
            await house.serve(lock.keep)
        finally:
            await store.close()
    finally:
        await lock.release()


def _startup(config: Config, tell: Tell) -> Startup:
    def create_http(reason: Callable[[], str]) -> HttpServer:
        host, port = config.web.parley_http_host, config.web.parley_http_port
        notify_systemd("READY=1")
        refuse = partial(web.refuse_host, config.web.hosts)
        return HttpServer(
            host, port, {"database": lambda: False}, [], bytes, refuse, lambda: {"database": reason()}
        )

    return Startup(SystemClock(), config.database.parley_start_wait_s, tell, create_http)


async def post_summary(config: Config, tell: Tell) -> None:
    """`parley summary --now`: have the running Parley post it, or do so here when none runs."""
    if not config.timers.places:
        raise SettingsError("PARLEY_SUMMARY_CHANNELS: names no channel to post the summary to")
    lock = RunLock(config.database)
    alone = await lock.acquire(0)
    store = await open_store(config.database, SystemClock())
    try:
        now = SystemClock().now()
        asks = [report_ask(place, now, f"now:{now.isoformat()}") for place in config.timers.places]
        turn_ids = [turn.id for turn in [await store.accept(ask) for ask in asks] if turn is not None]
        if alone:
            await App(config, store, lambda _line: None).serve_until_done(turn_ids)
        else:
            await asyncio.wait_for(wait_for_turns(store, turn_ids), SUMMARY_WAIT_S)
        for turn_id in turn_ids:
            turn = await store.turn(turn_id)
            posted = turn is not None and turn.state is TurnState.DONE
            where = f"{turn.ask.place.platform}:{turn.ask.place.channel}" if turn else "?"
            tell(f"summary  {where}: {'posted' if posted else 'not posted, the log says why'}")
    except TimeoutError:
        raise SettingsError("the running parley did not post the summary in time; see its log") from None
    finally:
        await store.close()
        await lock.release()
