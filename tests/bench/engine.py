"""The engine: from an event to the turn's first line and to the model, on both databases, small and large.

The rooms are the real ones; the platform and the model are in memory, so that only the engine is measured. Every
question is stored before its turn begins. `make bench only=engine`
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic, perf_counter

import structlog
from sqlalchemy import Connection, text

from core.clock import SystemClock
from core.commands.handlers import CommandHandlers
from core.delivery.scheduler import DeliveryScheduler
from core.inbox.inbox import StoringInbox
from core.platform_calls import PlatformCalls
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.spend.usage_report import WrittenReport
from core.turns.checkpoints import Checkpoints
from core.turns.queue import PlaceQueues
from core.turns.runner import TurnRunner
from core.turns.running import RunningTurn, RunningTurns
from core.turns.shown_answers import Channel
from core.values.conversation import Ask
from core.values.deltas import Delta, Ended, EndReason, ModelInfo, ModelSelected
from core.values.parts import Text
from core.values.places import Person, Place
from core.values.tasks import ReportUsage
from storage import DatabaseSettings, SqlStore, open_store
from storage.engine import Database
from storage.tables import MESSAGES, THREADS, TURNS, USAGE
from tests.chaos.storm import postgres_server
from tests.fakes.files import plain_files
from tests.fakes.platform import MemoryPlatform

QUESTIONS = 200
NEXT = 50
CROWD = 500
STORED = 1_000_000
ADA = Person("U1", "Ada", "en")
TARGETS_MS = {"SQLite": (5.0, 10.0), "PostgreSQL": (8.0, 20.0)}
NEXT_MS, CROWD_MB, CROWD_CPU, GROWTH = 10.0, 30.0, 2.0, 1.2


class Bell:
    """A model that notes when it was asked and answers once it may."""

    def __init__(self) -> None:
        self.asked_at: list[float] = []
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.asked_at.append(perf_counter())
        self.asked.set()
        await self.may_answer.wait()
        yield ModelSelected(ModelInfo(request.model), 9)
        yield Text("An answer.")
        yield Ended(EndReason.STOP)


class NoReports:
    async def report(self, task: ReportUsage, place: Place) -> WrittenReport:
        raise AssertionError("no report is asked for")


@dataclass(slots=True)
class Figures:
    """Medians in ms; what `CROWD` waiting turns cost in MB and percent of a core."""

    first_line: float = 0.0
    model: float = 0.0
    next_turn: float = 0.0
    crowd_mb: float = 0.0
    crowd_cpu: float = 0.0


@dataclass
class Rig:
    """An engine on one store. `began_at` and `ended_at` are the first and the last line of each turn."""

    store: SqlStore
    bell: Bell = field(default_factory=Bell)
    began_at: list[float] = field(default_factory=list)
    ended_at: list[float] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        clock, live = SystemClock(), RunningTurns()
        settings = CoreSettings(_env_file=None)
        platform_calls = PlatformCalls(MemoryPlatform())
        self.scheduler = DeliveryScheduler(platform_calls, clock)
        self.checkpoints = Checkpoints(self.store, live, clock)
        self.runner = TurnRunner(
            self.store,
            self.bell,
            lambda _: Channel(platform_calls, self.scheduler),
            settings,
            clock,
            NoReports(),
            self.checkpoints,
            live,
            plain_files(self.store, clock),
        )
        self.place_queues = PlaceQueues(self._answer, live, tell_waiting=self.runner.tell_waiting)
        self.inbox = StoringInbox(
            self.store, self.place_queues.submit, live, CommandHandlers(self.store, settings, clock)
        )
        self.now = clock.now()

    async def _answer(self, running: RunningTurn) -> None:
        self.began_at.append(perf_counter())
        await self.runner.answer(running)
        self.ended_at.append(perf_counter())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.scheduler.run()), asyncio.create_task(self.checkpoints.run())]
        try:
            yield
        finally:
            await self.place_queues.drain(60.0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def ask(self, thread: str = "") -> None:
        self.asked += 1
        id_ = f"{self.now.timestamp() + self.asked:.6f}"
        place = Place("slack", "T1", "C1", thread or id_)
        at = self.now + timedelta(seconds=self.asked)
        await self.inbox.receive(Ask(id_, place, ADA, "What did we decide?", at, addressed=True))

    async def settled(self, count: int) -> None:
        await reached(lambda: len(self.ended_at) >= count)


async def measure(stores: Sequence[SqlStore]) -> list[Figures]:
    """Of each store. They take turns with every question: whatever else the machine does slows all of them alike."""
    figures, rigs = [Figures() for _ in stores], [Rig(store) for store in stores]
    for rig in rigs:
        rig.bell.may_answer.set()
    async with AsyncExitStack() as running:
        for rig in rigs:
            await running.enter_async_context(rig.running())
        for _ in range(20):  # the first ones make connections and compile statements
            for rig in rigs:
                await question(rig)
        asked = [[await question(rig) for rig in rigs] for _ in range(QUESTIONS)]
        gaps = [[await next_turn(rig, f"next-{number}") for rig in rigs] for number in range(NEXT)]
        for one, took, gap in zip(figures, zip(*asked, strict=True), zip(*gaps, strict=True), strict=True):
            one.first_line = median_ms([first for first, _ in took])
            one.model = median_ms([model for _, model in took])
            one.next_turn = median_ms(gap)
    for one, store in zip(figures, stores, strict=True):
        rig = Rig(store)
        rig.asked = 10_000
        async with rig.running():
            one.crowd_mb, one.crowd_cpu = await crowd(rig)
            rig.bell.may_answer.set()
    return figures


async def question(rig: Rig) -> tuple[float, float]:
    """Seconds from the event to the turn's first line, and to the model; returns once it is answered."""
    done, rig.bell.asked = len(rig.ended_at), asyncio.Event()
    began = perf_counter()
    await rig.ask()
    await rig.bell.asked.wait()
    took = rig.began_at[-1] - began, rig.bell.asked_at[-1] - began
    await rig.settled(done + 1)
    return took


async def next_turn(rig: Rig, thread: str) -> float:
    """Seconds from the last word of one answer to the first line of the next turn in its thread."""
    done, rig.bell.asked = len(rig.ended_at), asyncio.Event()
    rig.bell.may_answer.clear()
    await rig.ask(thread)
    await rig.bell.asked.wait()
    await rig.ask(thread)
    released = perf_counter()
    rig.bell.may_answer.set()
    await rig.settled(done + 2)
    return rig.began_at[-1] - released


async def crowd(rig: Rig) -> tuple[float, float]:
    gc.collect()
    before = memory_mb()
    for _ in range(CROWD):
        await rig.ask()
    await reached(lambda: len(rig.bell.asked_at) >= CROWD)
    await asyncio.sleep(1.0)
    gc.collect()
    grown = memory_mb() - before
    began, used = monotonic(), cpu_s()
    await asyncio.sleep(5.0)
    return grown, 100 * (cpu_s() - used) / (monotonic() - began)


async def reached(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0.002)


def memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def median_ms(seconds: Sequence[float]) -> float:
    return 1_000 * statistics.median(seconds)


def multiply(connection: Connection) -> None:
    """A million lines in 20,000 threads, with their turns and usage, grown from what is there."""
    grown = {
        MESSAGES: (STORED, {"message": "'m' || i", "anchor": "'m' || i", "thread": "'t' || (i % 20000)"}),
        THREADS: (20_000, {"thread": "'t' || i"}),
        TURNS: (STORED // 5, {"id": "100000000 + i", "message": "'m' || i", "thread": "'t' || (i % 20000)"}),
        USAGE: (STORED // 5, {"turn_id": "100000000 + i", "thread": "'t' || (i % 20000)"}),
    }
    for table, (count, given) in grown.items():
        names = [column.name for column in table.columns]
        given = {"at_us": "CAST(1600000000000000 + i AS BIGINT)"} | given
        values = [given.get(name, name) for name in names]
        rows = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        connection.execute(
            text(
                f"INSERT INTO {table.name} ({', '.join(names)}) {rows} SELECT {', '.join(values)} "
                f"FROM n, (SELECT * FROM {table.name} LIMIT 1) AS one"
            )
        )


def analyse(connection: Connection) -> None:
    connection.execute(text("ANALYZE"))


async def both_sizes(small_url: str, large_url: str) -> list[Figures]:
    """A database with few messages, and one with a million."""
    urls = (small_url, large_url)
    stores = [await open_store(DatabaseSettings(database_url=url), SystemClock()) for url in urls]
    try:
        async with (rig := Rig(stores[1])).running():
            rig.bell.may_answer.set()
            await question(rig)  # what is multiplied
        database = Database(DatabaseSettings(database_url=large_url).url, "NORMAL")
        try:
            began = monotonic()
            await database.migrate(multiply)  # as one transaction that may take its time
            await database.migrate(analyse)
            print(f"  {STORED:,} messages stored in {monotonic() - began:.0f} s", flush=True)
        finally:
            await database.close()
        return await measure(stores)
    finally:
        for store in stores:
            await store.close()


def report(name: str, small: Figures, large: Figures) -> bool:
    line, model = TARGETS_MS[name]
    rows = [
        ("event to first line, ms", small.first_line, large.first_line, line),
        ("event to model, ms", small.model, large.model, model),
        ("next turn of a thread, ms", small.next_turn, large.next_turn, NEXT_MS),
        (f"{CROWD} waiting, MB", small.crowd_mb, large.crowd_mb, CROWD_MB),
        (f"{CROWD} waiting, % of a core", small.crowd_cpu, large.crowd_cpu, CROWD_CPU),
    ]
    print(f"{name:<28}{'few':>9}{'million':>9}{'bar':>7}{'ratio':>8}{'bar':>6}")
    good = True
    for number, (what, few, million, bar) in enumerate(rows):
        kept, ratio = max(few, million) <= bar, ""
        if number < 3:  # what waiting turns cost is too little to be divided
            kept &= million <= GROWTH * few
            ratio = f"{million / few:>8.2f}{GROWTH:>6}"
        good &= kept
        print(
            f"  {what:<26}{few:>9.1f}{million:>9.1f}{bar:>7.0f}{ratio:<14}  {'' if kept else 'MISSED'}".rstrip()
        )
    return good


async def create_database(server: str, name: str) -> str:
    url = DatabaseSettings(database_url=server).url
    database = Database(url)
    await database.read(lambda connection: connection.execute(text(f"CREATE DATABASE {name}")))
    await database.close()
    return url.set(database=name).render_as_string(hide_password=False)


async def run() -> bool:
    good = True
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        few, million = (f"sqlite:///{folder / kind}.db" for kind in ("few", "million"))
        good &= report("SQLite", *await both_sizes(few, million))
        async with postgres_server(folder) as (url, _):
            few, million = [await create_database(url, kind) for kind in ("few", "million")]
            good &= report("PostgreSQL", *await both_sizes(few, million))
    return good


def main(arguments: Sequence[str] = ()) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if not asyncio.run(run()):
        print("some figures missed their bar")
