"""Team memory: how often a question that was asked before is found again, and the time, the size and the entries of the
search among 100,000 threads, on both databases. `make bench only=memory`
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import structlog
from sqlalchemy import Connection, text

from core.clock import SystemClock
from core.memory.tokens import tokens
from core.values.conversation import Ask, Turn, TurnState
from core.values.places import Person
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store, sources
from storage.engine import Database
from storage.tables import SOURCES, from_us
from tests import asked_before
from tests.asked_before import Answered, AskedAgain
from tests.bench.engine import create_database
from tests.chaos.storm import postgres_server

ENGLISH_TENTH, CHINESE_THIRD = 0.75, 0.92
THREADS, CHARACTERS = 100_000, 500
QUERIES, INSERTS = 400, 400
MEDIAN_MS, P95_MS, INSERT_MS, TURN_KB = 10.0, 40.0, 1.0, 0.6
NAMES = 30_000
"""Rare words: names and error codes, one in each sentence."""


@dataclass
class Side:
    """One database, and its figures."""

    name: str
    create: Callable[[str], str]
    figures: dict[str, float] = field(default_factory=dict)


async def opened(side: Side, kind: str) -> tuple[SqlStore, Database]:
    settings = DatabaseSettings(database_url=side.create(kind))
    return await open_store(settings, SystemClock()), Database(settings.url)


async def quality(side: Side, kind: str, asked: AskedAgain, firsts: Sequence[int]) -> None:
    store, database = await opened(side, kind)
    await asked_before.fill(database, asked.answered)
    shares = await asked_before.share_found(store, asked, firsts)
    side.figures |= {f"{kind} among {first}": share for first, share in zip(firsts, shares, strict=True)}
    await store.close()
    await database.close()


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


async def load(side: Side, made: Sequence[Answered]) -> None:
    """The search, the entries and their size among all these threads."""
    store, database = await opened(side, "threads")
    await asked_before.fill(database, made, index=False)
    before = await database.read(_bytes)
    entries = [
        asked_before.entry(number, one) for number, one in enumerate(made)
    ]  # the words are made before: they are the same for both
    for at in range(0, len(entries), asked_before.ROWS):
        batch = entries[at : at + asked_before.ROWS]
        await database.write(lambda connection, rows: connection.execute(SOURCES.insert(), rows), batch)
    side.figures["entry, kB"] = (await database.read(_bytes) - before) / len(made) / 1000
    if side.name == "PostgreSQL":
        await database.read(lambda connection: connection.exec_driver_sql("VACUUM ANALYZE"))
    await store.earlier_answers(asked_before.everywhere(), ["word"], 8)  # counts the words
    chosen, took = random.Random(1), []
    for one in chosen.sample(list(made), QUERIES):
        words, began = tokens(one.question), perf_counter()
        await store.earlier_answers(asked_before.everywhere(40), words, 8)
        took.append((perf_counter() - began) * 1000)
    side.figures["search p50, ms"] = statistics.median(took)
    side.figures["search p95, ms"] = statistics.quantiles(took, n=20)[-1]
    side.figures["insert, ms"] = await insert_ms(database, made)
    await store.close()
    await database.close()


async def insert_ms(database: Database, made: Sequence[Answered]) -> float:
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

    chosen = random.Random(2).sample(range(len(made)), INSERTS)
    return statistics.median([await database.write(insert, number) for number in chosen])


def _bytes(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages, size, free = (
            connection.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size", "freelist_count")
        )
        return int((pages - free) * size)
    return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def show(sides: Sequence[Side]) -> bool:
    bars = {
        "english among 10": (ENGLISH_TENTH, False),
        "chinese among 3": (CHINESE_THIRD, False),
        "search p50, ms": (MEDIAN_MS, True),
        "search p95, ms": (P95_MS, True),
        "insert, ms": (INSERT_MS, True),
        "entry, kB": (TURN_KB, True),
    }
    good = True
    print(f"{'':<26}" + "".join(f"{side.name:>12}" for side in sides) + f"{'ratio':>8}{'bar':>8}")
    for name in sides[0].figures:
        one, other = (side.figures[name] for side in sides)
        bar, below = bars.get(name, (None, True))
        missed = bar is not None and any((value > bar) if below else (value < bar) for value in (one, other))
        good &= not missed
        ratio = other / one if one else 0.0
        shown = "" if bar is None else f"{bar:>8.2f}"
        print(f"{name:<26}{one:>12.2f}{other:>12.2f}{ratio:>8.2f}{shown}{'  MISSED' if missed else ''}")
    return good


async def run(number: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        async with postgres_server(folder) as (url, _):
            urls = {kind: await create_database(url, kind) for kind in ("english", "chinese", "threads")}
            sides = [
                Side("SQLite", lambda kind: f"sqlite:///{folder / kind}.db"),
                Side("PostgreSQL", lambda kind: urls[kind]),
            ]
            made = threads_of(number)
            for side in sides:
                await quality(side, "english", asked_before.english(), (1, 3, 5, 10))
                await quality(side, "chinese", asked_before.chinese(), (1, 3))
                await load(side, made)
    return show(sides)


def main(arguments: Sequence[str] = ()) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if not asyncio.run(run(int(arguments[0]) if arguments else THREADS)):
        print("some figures missed their bar")
