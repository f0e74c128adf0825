"""Long threads: the time from a question to the first word of its answer in a thread of 50 messages and in one of
5,000, of which a summary covers the beginning, on both databases. `make bench only=threads`

The router, the request on the wire and a fake endpoint are part of it. The endpoint needs 250 ms to its first word,
less than those of vendors do. The own time, without these, is shown beside it: it grows with the messages that no
summary covers.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import structlog
from pydantic import SecretStr
from sqlalchemy import Connection, delete, insert

from core.clock import SystemClock
from core.conversation.thread_summary import FOLDED, LONG_LINES, STRETCH_LINES, WHOLE_LINES
from core.llm import create_model
from core.llm.catalog import environment_to_catalog
from core.operators.alerts import OperatorAlerts
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.values.conversation import Ask, LinePosition
from core.values.deltas import Delta
from core.values.parts import Text
from core.values.places import Place
from core.values.summaries import BEGINNING, ThreadSummary
from storage import DatabaseSettings, SqlStore, open_store, summaries
from storage.engine import Database
from storage.tables import MESSAGES, THREADS, to_us
from tests.bench.engine import ADA, Bell, Rig, create_database
from tests.chaos.storm import postgres_server
from tests.fakes.completions import FakeCompletions, Words

ROUNDS, WARM = 40, 5
ENDPOINT_MS = 250.0
RATIO = 1.2
SHORT, LONG = 50, 5_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = (
    "The second build of this morning failed in the step that packs the assets, and the log names a missing map. ",
    "I had the same on Tuesday; clearing the cache of the runner helped, but it came back after two days. ",
    "Could it be the new version of the bundler? We moved to 5.3.1 in https://example.com/pull/4711 last week.",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A thread of so many messages, of which the newest `whole` are covered by no summary."""

    name: str
    lines: int
    whole: int

    @property
    def place(self) -> Place:
        return Place("slack", "T1", "C1", self.name)


KINDS = (
    Kind(f"{SHORT} messages", SHORT, SHORT),
    Kind(f"{LONG}, just summed up", LONG, WHOLE_LINES),
    Kind(f"{LONG}, before the next summary", LONG, LONG_LINES),
    Kind(f"{LONG}, without a summary", LONG, LONG),
)


class Endpoint(Bell):
    """The real router in place of a model in memory."""

    def __init__(self, url: str) -> None:
        super().__init__()
        core = CoreSettings(_env_file=None, openai_api_key=SecretStr("sk-test"), openai_base_url=url)
        self._model = create_model(
            core, environment_to_catalog(core), SystemClock(), OperatorAlerts(SystemClock())
        )
        self.first_word_at = 0.0
        self.characters = 0

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.asked_at.append(perf_counter())
        self.first_word_at = 0.0
        self.characters = sum(len(message.text) for message in request.messages)
        async for delta in self._model.stream(request):
            if isinstance(delta, Text) and not self.first_word_at:
                self.first_word_at = perf_counter()
            yield delta

    async def aclose(self) -> None:
        await self._model.close()


def put(connection: Connection, kind: Kind) -> None:
    """The messages of a thread, and its summary."""
    key = {name: getattr(kind.place, name) for name in ("platform", "team", "channel", "thread")}
    rows = [
        {
            **key,
            "message": f"{kind.name} {number}",
            "at_us": to_us(BEGAN + timedelta(minutes=number)),
            "anchor": f"{kind.name} {number}",
            "rank": 0,
            "mine": False,
            "author": f"U{number % 5}",
            "author_name": f"Person {number % 5}",
            "author_locale": "en",
            "author_bot": False,
            "text": f"{number}: {WORDS[number % len(WORDS)]}",
            "attached": None,
        }
        for number in range(kind.lines)
    ]
    connection.execute(insert(MESSAGES), rows)
    newest = rows[-1]["at_us"]
    connection.execute(
        insert(THREADS), {**key, "direct": False, "joined": True, "filled": True, "at_us": newest}
    )
    covered = kind.lines - kind.whole
    for level, width in ((0, STRETCH_LINES), (1, FOLDED * STRETCH_LINES)):
        for begin in range(0, covered - width + 1 if level else covered, width):
            ends = [min(end, covered) - 1 for end in (begin, begin + width)]
            after, until = (_position(kind, end) if end >= 0 else BEGINNING for end in ends)
            text = "They had decided on the bundler. " * 100
            new = ThreadSummary(until, ends[1] - ends[0], text, "m", until.at, after, level)
            summaries.put(connection, kind.place, new)


def _position(kind: Kind, number: int) -> LinePosition:
    name = f"{kind.name} {number}"
    return LinePosition(BEGAN + timedelta(minutes=number), name, 0, name)


def remove_new(connection: Connection, kind: Kind) -> None:
    """Remove the question and its answer: the next one finds the thread as it was."""
    later = MESSAGES.c.at_us > to_us(BEGAN + timedelta(minutes=kind.lines))
    connection.execute(delete(MESSAGES).where(MESSAGES.c.thread == kind.name, later))


async def first_word_ms(rig: Rig, endpoint: Endpoint, kind: Kind, number: int) -> float:
    """Milliseconds from a question to the first word of its answer."""
    done, at = len(rig.ended_at), BEGAN + timedelta(days=10, seconds=number)
    began = perf_counter()
    await rig.inbox.receive(Ask(f"q{number} {kind.name}", kind.place, ADA, "And now?", at, addressed=True))
    await rig.settled(done + 1)
    return (endpoint.first_word_at - began) * 1_000


async def measure(name: str, store: SqlStore, database: Database, endpoint: Endpoint) -> bool:
    """A question in a thread of each kind in turn: whatever else the machine does slows all of them alike."""
    for kind in KINDS:
        await database.migrate(lambda connection, kind=kind: put(connection, kind))  # type: ignore[misc]
    rig = Rig(store, endpoint)
    took: dict[str, list[float]] = {kind.name: [] for kind in KINDS}
    characters: dict[str, int] = {}
    async with rig.running():
        for number in range(WARM + ROUNDS):
            for kind in KINDS:
                took[kind.name].append(await first_word_ms(rig, endpoint, kind, number))
                characters[kind.name] = endpoint.characters
                await database.write(remove_new, kind)
    medians = {kind: statistics.median(times[WARM:]) for kind, times in took.items()}
    short = medians[KINDS[0].name]
    print(f"{name + ', ms to the first word':<44}{'p50':>8}{'own':>8}{'prompt kB':>11}{'ratio':>8}{'bar':>6}")
    good = True
    for kind in KINDS:
        ratio, summed = medians[kind.name] / short, kind.whole < kind.lines
        kept = not summed or ratio <= RATIO
        good &= kept
        bar = f"{RATIO:>6}{'' if kept else '  MISSED'}" if summed else ""
        size = characters[kind.name] / 1_000
        time, own = medians[kind.name], medians[kind.name] - ENDPOINT_MS
        print(f"  {kind.name:<42}{time:>8.1f}{own:>8.1f}{size:>11.1f}{ratio:>8.2f}{bar}")
    return good


async def on(name: str, url: str, endpoint: Endpoint) -> bool:
    store, database = (
        await open_store(DatabaseSettings(database_url=url), SystemClock()),
        Database(DatabaseSettings(database_url=url).url),
    )
    try:
        return await measure(name, store, database, endpoint)
    finally:
        await database.close()
        await store.close()


async def run() -> bool:
    async with FakeCompletions(default=Words("So it is.", first_after_s=ENDPOINT_MS / 1_000)) as server:
        endpoint = Endpoint(server.base_url)
        try:
            with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
                folder = Path(name)
                os.environ.setdefault("XDG_RUNTIME_DIR", name)
                good = await on("SQLite", f"sqlite:///{folder / 'threads.db'}", endpoint)
                async with postgres_server(folder) as (url, _):
                    good &= await on("PostgreSQL", await create_database(url, "threads"), endpoint)
        finally:
            await endpoint.aclose()
    return good


def main(arguments: Sequence[str] = ()) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if not asyncio.run(run()):
        print("some figures missed their bar")
