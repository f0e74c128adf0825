"""The programs of the command line: `parley run` and `parley summary --now`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bots.app import App, Tell
from bots.config import Config
from bots.ended_installations import expire_installations
from bots.health import notify_systemd, tool_server_of
from bots.heap import keep_heap_small
from bots.http import HttpServer, Routed
from bots.jobs import Jobs, while_leading
from bots.key_rotation import rewrite_tokens
from bots.measurements import connect_metrics
from bots.operator_pages import create_operator_pages
from bots.preparations import prepare
from bots.reload import Reload
from bots.replicas import join_replicas
from bots.retention import expire_caches, expire_messages, expire_spending, expire_uploads
from bots.running_programs import tell_replicas, with_team
from bots.start_lines import key_lines, model_line
from bots.startup import Startup
from bots.telemetry import Telemetry
from core.child_processes import ChildError
from core.clock import SystemClock
from core.errors import SettingsError, StoreError
from core.memory.indexing import index_earlier_answers
from core.ports.connector import Connector, LoadsInstallations
from core.ports.store.turns import TurnLedger
from core.spend.chart_renderer import ChartRenderer
from core.spend.charts import bars_to_chart
from core.spend.periods import PeriodName, period_at
from core.spend.usage_report import StoredUsage, report_ask
from core.turns.recovery import give_signs_of_life
from core.values.conversation import TurnState
from core.values.places import Place
from core.values.tasks import ReportScope
from storage import SqlStore, open_store
from storage.lock import RunLock
from storage.whole_files import check_apart, save

log = structlog.get_logger()

SUMMARY_WAIT_S = 60.0
LOOK_S = 0.1
_OPEN = (TurnState.WAITING, TurnState.RUNNING)


async def run(config: Config, tell: Tell) -> None:
    """`parley run`. Raises SettingsError or PlatformError with one clear line."""
    gc.freeze()  # what is imported stays: no collection looks through it
    gc.enable()
    keep_heap_small()
    for warning in config.warnings:
        tell(f"warning  {warning}")
    lock, stop = RunLock(config.database, shared=True), asyncio.Event()

    async def open_database() -> SqlStore:
        if not await lock.acquire(config.core.parley_grace_s):
            raise SettingsError("another parley is running on this database (DATABASE_URL); stop it first")
        return await open_store(config.database, SystemClock())

    opening = asyncio.ensure_future(_startup(config, tell).open(open_database))
    _on_signal(opening.cancel)
    _on_hangup(lambda: None, opening.cancel)
    try:
        await asyncio.wait([opening])
        if opening.cancelled():
            tell("stopped before the database was open")
            return
        store, telemetry = opening.result(), Telemetry(config.telemetry)
        try:
            tell(f"database {config.database.shown_url}")
            telemetry.start(tell)
            shards = config.discord.discord_shards
            replicas = await join_replicas(config.database, store, SystemClock(), shards)
            app = App(config, store, tell, replicas)
            store.watch(app.database_health)
            _on_signal(stop.set)
            reload = Reload(lambda: app.config, app.apply)
            _on_hangup(reload.request, stop.set)
            gc.freeze()  # else each full collection holds the event loop up for all modules: 0.2 s
            await _serve(app, tell, stop, lock.keep, reload.run)
        finally:
            await store.close()
            await telemetry.close()
    finally:
        await lock.release()


async def print_summary(
    config: Config, tell: Tell, name: PeriodName, chart_file: Path | None = None, *, force: bool = False
) -> None:
    """`parley summary --dry-run`: print the report of the period so far as its first channel would get it, and post
    nothing. The chart replaces a file only with `force`. Works beside a running Parley."""
    if chart_file is not None:
        check_apart(chart_file, config.database.file, force=force)
    clock, zone = SystemClock(), config.timers.zone(config.core)
    store, charts = await open_store(config.database, clock), ChartRenderer(clock)
    try:
        reporter, now = StoredUsage(store, config.core, zone, lambda _: None, config.forums), clock.now()
        report = await reporter.read(period_at(name, now, zone), None, now)
        place = next(iter(config.timers.places), Place("", "", ""))
        tell((await reporter.write(report, place)).text)
        if chart_file is not None:
            chart = bars_to_chart(
                report.bars,
                report.period,
                config.core.parley_currency,
                least=report.figures.now.unpriced > 0,
                up_to=report.up_to,
            )
            save(chart_file, await charts.png(chart), config.database.file, force=force)
            tell(f"chart    {chart_file}")
    except ChildError as error:
        raise SettingsError(f"--chart {chart_file}: {error}") from None
    finally:
        await charts.close()
        await store.close()


async def post_summary(config: Config, tell: Tell, name: PeriodName) -> None:
    """`parley summary --now`: have the running Parley post the report of the period so far, or do so here when none
    runs."""
    if not config.timers.places:
        raise SettingsError("PARLEY_SUMMARY_CHANNELS: names no channel to post the summary to")
    lock = RunLock(config.database)
    alone = await lock.acquire(0)
    store = await open_store(config.database, SystemClock())
    places: Sequence[Place] = config.timers.places
    try:
        if not alone:
            tell_replicas(config.database, store, "summary")
            places = [await with_team(store, place) for place in places]
        now = SystemClock().now()
        period = period_at(name, now, config.timers.zone(config.core))
        asks = [
            report_ask(place, period, ReportScope.ALL, f"now:{now.isoformat()}", now, up_to=now)
            for place in places
        ]
        turn_ids = [turn.id for turn in [await store.accept(ask) for ask in asks] if turn is not None]
        if alone:
            app = App(config, store, lambda _line: None)
            await _load_installations(app)
            async with _running(app) as jobs:
                await jobs.until(_ended(store, turn_ids))
        else:
            await asyncio.wait_for(_ended(store, turn_ids), SUMMARY_WAIT_S)
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


async def _serve(
    app: App, tell: Tell, stop: asyncio.Event, *beside: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Run with pages, timers and `beside` until `stop`. Raises BotError when it can't go on."""
    connect_metrics(app)
    await _load_installations(app)
    http = _create_http(app)
    address = await http.start()
    notify_systemd("READY=1")
    try:
        tell(f"model    {model_line(app.catalog, app.core)}")
        for line in key_lines(app.config):
            tell(f"key      {line}")
        for connector in app.connectors:
            where = connector.shown_at(address) if isinstance(connector, Routed) else "connecting"
            tell(f"{connector.name:<8} on: {where}")
        if app.config.tool_servers:
            tell(f"tools    {', '.join(f'{one.name} at {one.where}' for one in app.config.tool_servers)}")
        tell(f"health   {address}/livez, {address}/readyz, {address}/metrics")
        reading = app.catch_up.jobs()
        async with _running(app) as jobs:
            for job in (*beside, *reading):
                jobs.start(job())
            jobs.start(app.operation_reports.run())
            jobs.start(_after_ready(app))
            await jobs.until(stop.wait())
            notify_systemd("STOPPING=1")
            http.stopping = True
    finally:
        app.timers.stop()
        await http.stop()


async def _after_ready(app: App) -> None:
    """Do what a start need not wait for."""
    await prepare(lambda: all(_is_ready(app, connector) for connector in app.connectors), app.clock)
    await app.timers.start()
    await asyncio.Event().wait()  # a job goes on for as long as the program


async def _load_installations(app: App) -> None:
    """Raises StoreError."""
    for connector in app.connectors:
        if isinstance(connector, LoadsInstallations):
            await connector.load()


@asynccontextmanager
async def _running(app: App) -> AsyncIterator[Jobs]:
    """Open turns are queued, then platforms connected. At the end all stops in the opposite order."""
    for alert, age_s in await app.alert_channels.standing():
        app.operator_alerts.remember(alert, age_s)
        if (server := tool_server_of(alert.what)) and server not in {
            one.name for one in app.config.tool_servers
        }:
            app.operator_alerts.report_removal(alert.what)
    await app.catch_up.take_up(app.clock.now() - app.core.stood_still)
    jobs = Jobs()
    app.channels.each(
        lambda channel: app.ended_teams.ends(
            channel.platform_calls.installation, jobs.start(channel.scheduler.run())
        )
    )
    jobs.start(app.checkpoints.run())
    jobs.start(app.recovery.run())
    jobs.start(app.replicas.run())
    jobs.start(app.inbox.approvals.run())
    jobs.start(app.supervisor.run(app.inbox))
    jobs.start(give_signs_of_life(app.store, app.clock))
    jobs.start(app.counts.run())
    jobs.start(app.failure_log.run())
    jobs.start(app.listed_models.run())
    jobs.start(app.live_parts.run())
    jobs.start(expire_caches(app.caches, app.clock))
    for job in _for_all_replicas(app):
        jobs.start(while_leading(app.replicas.leads, app.clock, job))
    jobs.start(app.loop_health.run(app.core.parley_watchdog_s))
    jobs.start(app.tool_servers.run())
    try:
        yield jobs
    finally:
        app.replicas.leave()
        given_back = await app.place_queues.drain(app.core.parley_grace_s)
        if given_back:
            log.info("turns_left_open", turns=given_back)
        await jobs.stop()
        await app.source_checks.close()
        await app.inbox.admission.close()
        await app.checkpoints.flush()
        await app.counts.flush()
        await app.failure_log.flush()
        with suppress(StoreError):
            await app.store.give_back()
        await app.replicas.close()
        await app.operator_alerts.close()
        await app.alert_channels.close()
        await app.extractor.close()
        await app.charts.close()
        await app.listed_models.close()
        if app.transcriber is not None:
            await app.transcriber.close()
        if app.embedder is not None:
            await app.embedder.close()
        await app.live_parts.close()


def _for_all_replicas(app: App) -> list[Callable[[], Coroutine[Any, Any, None]]]:
    """The jobs that one replica does for all of them."""
    store, clock = app.store, app.clock
    jobs: list[Callable[[], Coroutine[Any, Any, None]]] = [
        partial(expire_uploads, store, clock),
        partial(expire_messages, store, app.retention, clock),
        partial(expire_spending, store, clock),
        partial(rewrite_tokens, store, clock),
        partial(expire_installations, store, lambda: timedelta(days=app.core.parley_keep_ended_days), clock),
        partial(index_earlier_answers, store, clock, app.without_index),
    ]
    return [*jobs, app.embeddings.run] if app.embeddings is not None else jobs


async def _ended(store: TurnLedger, turn_ids: Sequence[int]) -> None:
    """Return when all of these turns have ended, in this process or another."""
    for turn_id in turn_ids:
        while (turn := await store.turn(turn_id)) is not None and turn.state in _OPEN:
            await SystemClock().sleep(LOOK_S)


def _on_signal(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)


def _on_hangup(reload: Callable[[], object], stop: Callable[[], object]) -> None:
    """SIGHUP reloads the settings. It stops the program where it says that the terminal is gone: a terminal that was
    there at the start is none any more then."""
    had_terminal = sys.stdin is not None and sys.stdin.isatty()

    def hung_up() -> None:
        if had_terminal and not os.isatty(0):
            stop()
        else:
            reload()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up)


def _create_http(app: App) -> HttpServer:
    """The server of health, metrics and the platforms' routes."""
    ready = {connector.name: partial(_is_ready, app, connector) for connector in app.connectors}
    routed = [connector for connector in app.connectors if isinstance(connector, Routed)]
    config = app.config
    return HttpServer(
        config.web.parley_http_host,
        config.web.parley_http_port,
        {**ready, "database": lambda: not app.database_health.reason},
        [
            *create_operator_pages(app).routes(),
            *(route for connector in routed for route in connector.routes()),
        ],
        app.metrics.text,
        config.refuse_host,
        lambda: app.refusals() | app.supervisor.reasons() | {"database": app.database_health.reason},
        signed_paths=[path for connector in routed for path in connector.signed_paths],
    )


def _is_ready(app: App, connector: Connector) -> bool:
    return connector.ready() and connector.name not in app.refusals()


def _startup(config: Config, tell: Tell) -> Startup:
    def create_http(reason: Callable[[], str]) -> HttpServer:
        notify_systemd("READY=1")
        host, port = config.web.parley_http_host, config.web.parley_http_port
        down = {"database": lambda: False}
        return HttpServer(host, port, down, [], bytes, config.refuse_host, lambda: {"database": reason()})

    return Startup(SystemClock(), config.database.parley_start_wait_s, tell, create_http)
