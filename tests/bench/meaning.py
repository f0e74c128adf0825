"""The search for earlier answers by their meaning, among vectors of 100,000 threads on both databases: the time of a
search, of the first read into memory and of one more vector, and the memory. The vectors are random, since no time
depends on what they say. `make bench only=meaning`
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
import structlog
from sqlalchemy import Connection

from core.clock import SystemClock
from core.values.memory import Vector
from storage import DatabaseSettings, SqlStore, open_store, source_vectors
from storage.engine import Database
from storage.tables import SOURCE_VECTORS
from tests import asked_before
from tests.asked_before import Answered
from tests.bench.engine import create_database
from tests.chaos.storm import postgres_server

THREADS, DIMENSION, QUERIES, FOUND = 100_000, 384, 400, 10
MEDIAN_MS, P95_MS = 25.0, 60.0
MODEL = "random"


@dataclass
class Side:
    """One database, and its figures."""

    name: str
    url: str
    figures: dict[str, float] = field(default_factory=dict)


def random_vectors(number: int, seed: int) -> list[bytes]:
    made = np.random.default_rng(seed).standard_normal((number, DIMENSION), np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return [row.tobytes() for row in made]


async def fill(database: Database, number: int) -> None:
    await asked_before.fill(database, [Answered(f"plan {one}") for one in range(number)])

    def put(connection: Connection, first: int, vectors: Sequence[bytes]) -> None:
        rows = [
            {"turn_id": first + at + 1, "model": MODEL, "dimension": DIMENSION, "vector": values}
            for at, values in enumerate(vectors)
        ]
        connection.execute(SOURCE_VECTORS.insert(), rows)

    vectors = random_vectors(number, 1)
    for at in range(0, number, asked_before.ROWS):
        await database.write(put, at, vectors[at : at + asked_before.ROWS])


async def measure(side: Side, number: int) -> None:
    settings = DatabaseSettings(database_url=side.url)
    store, database = await open_store(settings, SystemClock()), Database(settings.url)
    await fill(database, number)
    if side.name == "PostgreSQL":
        await database.read(lambda connection: connection.exec_driver_sql("VACUUM ANALYZE"))
    asked = [Vector(MODEL, values) for values in random_vectors(QUERIES, 2)]
    before_kb, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, perf_counter()
    await store.similar_answers(asked_before.everywhere(), asked[0], FOUND)
    await asyncio.gather(*store._vectors._tasks)  # the read in the background
    side.figures["first read, s"] = perf_counter() - began
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    side.figures["peak of memory, MB"] = (peak_kb - before_kb) / 1000
    for channels in (asked_before.CHANNELS, 40):
        took = await searches(store, asked, channels)
        side.figures[f"{channels} channels p50, ms"] = statistics.median(took)
        side.figures[f"{channels} channels p95, ms"] = statistics.quantiles(took, n=20)[-1]
    side.figures["one more, ms"] = await one_more_ms(store, database, number)
    await store.close()
    await database.close()


async def searches(store: SqlStore, asked: Sequence[Vector], channels: int) -> list[float]:
    took = []
    for vector in asked:
        began = perf_counter()
        found = await store.similar_answers(asked_before.everywhere(channels), vector, FOUND)
        took.append((perf_counter() - began) * 1000)
        assert len(found) == FOUND
    return took


async def one_more_ms(store: SqlStore, database: Database, number: int) -> float:
    """The median time in which a vector is stored and can be found."""
    took = []
    for at, values in enumerate(random_vectors(50, 3)):
        vector, began = Vector(MODEL, values), perf_counter()
        await database.write(source_vectors.put, {number - at: vector})
        await store._vectors.add(asked_before.place_of(number - at - 1), vector, [number - at])
        took.append((perf_counter() - began) * 1000)
    return statistics.median(took)


def show(sides: Sequence[Side]) -> bool:
    bars = {"200 channels p50, ms": MEDIAN_MS, "200 channels p95, ms": P95_MS}
    good = True
    print(f"{'':<26}" + "".join(f"{side.name:>12}" for side in sides) + f"{'ratio':>8}{'bar':>8}")
    for name in sides[0].figures:
        one, other = (side.figures[name] for side in sides)
        bar = bars.get(name)
        missed = bar is not None and max(one, other) > bar
        good &= not missed
        shown = "" if bar is None else f"{bar:>8.2f}"
        ratio = other / one if one else 0.0
        print(f"{name:<26}{one:>12.2f}{other:>12.2f}{ratio:>8.2f}{shown}{'  MISSED' if missed else ''}")
    return good


async def run(number: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        async with postgres_server(Path(name)) as (url, _):
            sides = [
                Side("SQLite", f"sqlite:///{Path(name) / 'meaning'}.db"),
                Side("PostgreSQL", await create_database(url, "meaning")),
            ]
            for side in sides:
                await measure(side, number)
    return show(sides)


def main(arguments: Sequence[str] = ()) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if not asyncio.run(run(int(arguments[0]) if arguments else THREADS)):
        print("some figures missed their bar")
