"""Team memory: how often a question that was asked before is found again, by its words and by its meaning, and the
time, the size and the entries of the search among 100,000 threads. The databases take turns with the searches, and each
figure is printed once it is known. `make bench only=memory`
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter

import structlog
from sqlalchemy import Connection, text

from core.clock import SystemClock
from core.memory.ranking import united
from core.memory.recall import MOST_BY_MEANING, MOST_BY_WORDS
from core.memory.tokens import tokens
from core.values.conversation import Ask, Turn, TurnState
from core.values.memory import Vector
from core.values.places import Person
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store, source_vectors, sources
from storage.engine import Database
from storage.tables import SOURCES, from_us
from tests import asked_before
from tests.asked_before import Answered, AskedAgain
from tests.bench.engine import create_database
from tests.bench.vectors import MINILM, vectors_of
from tests.chaos.storm import postgres_server

ENGLISH_TENTH, CHINESE_THIRD, REPEATS = 0.75, 0.92, 800
MEANING_TENTH, MEANING_REPEATS = 0.92, 400
THREADS, CHARACTERS = 100_000, 500
QUERIES, INSERTS, BLOCK = 200, 200, 20
LONG = 250
"""Characters that a long question has more than a short one."""
MEDIAN_MS, P95_MS, INSERT_MS, TURN_KB = 10.0, 40.0, 1.0, 0.6
NAMES = 30_000
"""Rare words: names and error codes, one in each sentence."""


@dataclass(frozen=True, slots=True)
class Side:
    """One database: by the name of a figure, how to open a new one."""

    name: str
    urls: Mapping[str, str]

    async def opened(self, kind: str) -> tuple[SqlStore, Database]:
        settings = DatabaseSettings(database_url=self.urls[kind])
        return await open_store(settings, SystemClock()), Database(settings.url)


def head(names: Sequence[str]) -> float:
    """Print the names of the sides and the load. Returns the time."""
    print(f"{'':<34}{''.join(f'{name:>12}' for name in names)}{'ratio':>8}{'bar':>8}    {loaded()}", flush=True)
    return perf_counter()


def loaded() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def end(began: float, good: Sequence[bool]) -> bool:
    """Print how long it took. False where a figure missed its bar."""
    print(f"{perf_counter() - began:.0f} s, {loaded()}")
    return all(good)


def show(name: str, figures: Sequence[float], bar: float | None = None, *, most: bool = True) -> bool:
    """Print a figure of each side. False where it missed its bar: the most, or the least, that it may be."""
    missed = bar is not None and any((one > bar) if most else (one < bar) for one in figures)
    ratio = figures[-1] / figures[0] if figures[0] else 0.0
    shown = "" if bar is None else f"{bar:>8.2f}"
    columns = "".join(f"{one:>12.2f}" for one in figures)
    print(f"{name:<34}{columns}{ratio:>8.2f}{shown}{'  MISSED' if missed else ''}", flush=True)
    return not missed


async def quality(
    sides: Sequence[Side], kind: str, asked: AskedAgain, firsts: Mapping[int, float | None]
) -> list[bool]:
    """The shares of the repeats that are found among the first so many, of which some have a bar."""
    found = []
    for side in sides:
        store, database = await side.opened(kind)
        await asked_before.fill(database, asked.answered)
        found.append(await asked_before.share_found(store, asked, list(firsts)))
        await store.close()
        await database.close()
    return [
        show(f"{kind} among {first}", shares, bar, most=False)
        for (first, bar), *shares in zip(firsts.items(), *found, strict=True)
    ]


async def by_meaning(sides: Sequence[Side], asked: AskedAgain) -> bool:
    """The share of the repeats that are among the first ten by meaning and by words. The bar is for a real model."""
    again = asked.again[:MEANING_REPEATS]
    questions = [*(one.question for one in asked.answered), *(text for text, _ in again)]
    name, vectors = await vectors_of(questions)
    found = []
    for side in sides:
        store, database = await side.opened("english")
        stored = dict(enumerate(vectors[: len(asked.answered)], 1))
        await database.write(source_vectors.put, stored)
        await store.similar_answers(asked_before.everywhere(), vectors[0], 1)
        await asyncio.gather(*store._vectors._tasks)  # the read in the background
        looked_for = zip(again, vectors[len(asked.answered) :], strict=True)
        found.append(
            statistics.fmean([await _is_among_ten(store, asked, *one, vector) for one, vector in looked_for])
        )
        await store.close()
        await database.close()
    bar = MEANING_TENTH if name == MINILM else None
    return show(f"english by {name} among 10", found, bar, most=False)


async def _is_among_ten(store: SqlStore, asked: AskedAgain, text: str, topic: str, vector: Vector) -> bool:
    similar = await store.similar_answers(asked_before.everywhere(), vector, MOST_BY_MEANING)
    by_words = await store.earlier_answers(asked_before.everywhere(), tokens(text), MOST_BY_WORDS)
    first = united(similar, by_words)[:10]
    return topic in (asked.answered[answer.turn_id - 1].topic for answer in first)


def threads_of(number: int) -> list[Answered]:
    """Threads of usual length: the question of one, and as much answer as fills it."""
    chosen = random.Random(asked_before.SEED)
    said = [*(one.question for one in asked_before.english().answered), *asked_before.sentences()]
    letters = "bcdfglmnprstvaeiou"
    names = ["".join(chosen.choices(letters, k=chosen.randint(4, 9))) for _ in range(NAMES)]
    made = []
    for _ in range(number):
        question, answer = chosen.choice(said), ""
        while len(question) + len(answer) < CHARACTERS:
            answer += f"{chosen.choice(said)} {chosen.choice(names)} "
        made.append(Answered(question, answer[: CHARACTERS - len(question)]))
    return made


async def index(database: Database, entries: Sequence[dict[str, object]]) -> float:
    """Store these entries. Returns the kilobytes that each takes."""
    before = await database.read(_bytes)
    is_postgres = await database.read(lambda connection: connection.dialect.name == "postgresql")
    definition = ""
    if is_postgres:
        # To make its index of words at the end takes a tenth of the time, and the same space.
        definition = await database.read(lambda connection: str(connection.scalar(text(_DEFINITION))))
        await database.write(lambda connection: connection.execute(text("DROP INDEX ix_sources_words")))
    for at in range(0, len(entries), asked_before.ROWS):
        batch = entries[at : at + asked_before.ROWS]
        await database.write(lambda connection, rows: connection.execute(SOURCES.insert(), rows), batch)
    if is_postgres:
        await database.migrate(lambda connection: connection.execute(text(definition)).close())
        await database.read(lambda connection: connection.exec_driver_sql("VACUUM ANALYZE"))
    return (await database.read(_bytes) - before) / len(entries) / 1000


_DEFINITION = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_sources_words'"


def _bytes(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages, size, free = (
            connection.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size", "freelist_count")
        )
        return int((pages - free) * size)
    return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


async def load(sides: Sequence[Side], made: Sequence[Answered]) -> list[bool]:
    """The entries, their size, and the search among all these threads."""
    stores, databases = zip(*[await side.opened("threads") for side in sides], strict=True)
    for database in databases:
        await asked_before.fill(database, made, index=False)
    # The words are made before: they are the same for each.
    entries = [asked_before.entry(number, one) for number, one in enumerate(made)]
    good = [show("entry, kB", [await index(database, entries) for database in databases], TURN_KB)]
    counting = []
    for store in stores:
        began = perf_counter()
        await store.earlier_answers(asked_before.everywhere(), ["word"], 8)
        counting.append((perf_counter() - began) * 1000)
    show("first search, counts words, ms", counting)
    chosen = random.Random(1).sample(list(made), 2 * QUERIES)
    short = [one.question for one in chosen]
    long = [f"{one.question} {other.answer[:LONG]}" for one, other in zip(chosen, chosen[::-1], strict=True)]
    for kind, questions in (("questions", short), ("long questions", long)):
        for channels in (1, 40, asked_before.CHANNELS):
            good += await searches(stores, questions, kind, channels)
    good.append(await inserts(databases, made))
    for one in (*stores, *databases):
        await one.close()
    return good


async def searches(
    stores: Sequence[SqlStore], questions: Sequence[str], kind: str, channels: int
) -> list[bool]:
    """The times of questions that find something: where no word of one distinguishes, nothing is looked for. The stores
    take turns with each block of questions: a program has one."""
    took: list[list[float]] = [[] for _ in stores]
    scope, each = asked_before.everywhere(channels), iter(questions)
    while len(took[0]) < QUERIES and (block := [tokens(question) for question in islice(each, BLOCK)]):
        found, times = [0] * len(block), [[0.0] * len(block) for _ in stores]
        for place, store in enumerate(stores):
            for at, words in enumerate(block):
                began = perf_counter()
                found[at] += len(await store.earlier_answers(scope, words, 8))
                times[place][at] = (perf_counter() - began) * 1000
        for side, some in zip(took, times, strict=True):
            side += [time for time, count in zip(some, found, strict=True) if count]
    name = f"{kind}, {channels} channel{'s' if channels > 1 else ''}"
    return [
        show(f"{name}, p50 ms", [statistics.median(side) for side in took], MEDIAN_MS),
        show(f"{name}, p95 ms", [statistics.quantiles(side, n=20)[-1] for side in took], P95_MS),
    ]


async def inserts(databases: Sequence[Database], made: Sequence[Answered]) -> bool:
    """The median time of what the end of a turn does to index it, within its transaction."""

    def insert(connection: Connection, number: int) -> float:
        place, one = asked_before.place_of(number), made[number]
        at = from_us(asked_before.BEGAN_US) + timedelta(microseconds=number)
        ask = Ask(f"m{number}", place, Person("U1", "Ann"), one.question, at)
        end = Finish(Turn(number + 1, ask), TurnState.DONE, one.answer, posted=(f"p{number}",))
        connection.execute(text("DELETE FROM sources WHERE turn_id = :id"), {"id": number + 1})
        began = perf_counter()
        sources.add(connection, end)
        return (perf_counter() - began) * 1000

    took: list[list[float]] = [[] for _ in databases]
    for number in random.Random(2).sample(range(len(made)), min(INSERTS, len(made))):
        for side, database in zip(took, databases, strict=True):
            side.append(await database.write(insert, number))
    return show("insert, ms", [statistics.median(side) for side in took], INSERT_MS)


async def run(number: int) -> bool:
    kinds = ("english", "chinese", "threads")
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        async with postgres_server(folder) as (url, _):
            sides = [
                Side("SQLite", {kind: f"sqlite:///{folder / kind}.db" for kind in kinds}),
                Side("PostgreSQL", {kind: await create_database(url, kind) for kind in kinds}),
            ]
            began = head([side.name for side in sides])
            english = asked_before.english(repeats=REPEATS)
            good = [
                *await quality(sides, "english", english, {1: None, 3: None, 10: ENGLISH_TENTH}),
                await by_meaning(sides, english),
                *await quality(sides, "chinese", asked_before.chinese(), {1: None, 3: CHINESE_THIRD}),
                *await load(sides, threads_of(number)),
            ]
    return end(began, good)


def main(arguments: Sequence[str] = ()) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if not asyncio.run(run(int(arguments[0]) if arguments else THREADS)):
        print("some figures missed their bar")
