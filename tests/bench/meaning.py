"""The search for earlier answers by their meaning, among vectors of 100,000 threads on both databases: the time of a
search, of the first read into memory and of one more vector, and the memory. The databases take turns with each search.
The vectors are random, since no time depends on what they say. `make bench only=meaning`
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import structlog
from sqlalchemy import Connection

from core.clock import SystemClock
from core.values.memory import Vector
from storage import DatabaseSettings, SqlStore, open_store, source_vectors
from storage.engine import Database
from storage.kept_vectors import key_of
from storage.tables import SOURCE_VECTORS
from tests import asked_before
from tests.asked_before import Answered
from tests.bench.engine import create_database
from tests.bench.memory import end, head, show
from tests.chaos.storm import postgres_server

THREADS, DIMENSION, QUERIES, MORE, FOUND = 100_000, 384, 200, 50, 10
MEDIAN_MS, P95_MS = 25.0, 60.0
MODEL = "random"


@dataclass(frozen=True, slots=True)
class Side:
    """One database, and its store."""

    name: str
    database: Database
    store: SqlStore


async def opened(name: str, url: str) -> Side:
    settings = DatabaseSettings(database_url=url)
    return Side(name, Database(settings.url), await open_store(settings, SystemClock()))


def random_vectors(number: int, seed: int) -> list[bytes]:
    made = np.random.default_rng(seed).standard_normal((number, DIMENSION), np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return [row.tobytes() for row in made]


async def fill(side: Side, vectors: Sequence[bytes]) -> None:
    await asked_before.fill(side.database, [Answered(f"plan {one}") for one in range(len(vectors))])

    def put(connection: Connection, first: int, some: Sequence[bytes]) -> None:
        rows = [
            {"turn_id": first + at + 1, "model": MODEL, "dimension": DIMENSION, "vector": values}
            for at, values in enumerate(some)
        ]
        connection.execute(SOURCE_VECTORS.insert(), rows)

    for at in range(0, len(vectors), asked_before.ROWS):
        await side.database.write(put, at, vectors[at : at + asked_before.ROWS])
    if side.name == "PostgreSQL":
        await side.database.read(lambda connection: connection.exec_driver_sql("VACUUM ANALYZE"))


async def first_read(side: Side, vector: Vector) -> tuple[float, float]:
    """The seconds of the first read into memory, and the megabytes that it takes at its peak."""
    forget_peak()
    before, began = peak_mb(), perf_counter()
    await side.store.similar_answers(asked_before.everywhere(), vector, FOUND)
    await asyncio.gather(*side.store._vectors._tasks)  # the read in the background
    return perf_counter() - began, peak_mb() - before


def forget_peak() -> None:
    """https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html"""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000


async def measure(sides: Sequence[Side], number: int) -> list[bool]:
    vectors = random_vectors(number, 1)
    for side in sides:
        await fill(side, vectors)
    del vectors
    asked = [Vector(MODEL, values) for values in random_vectors(QUERIES, 2)]
    read = [await first_read(side, asked[0]) for side in sides]
    show("first read, s", [seconds for seconds, _ in read])
    show("peak of memory, MB", [megabytes for _, megabytes in read])
    good: list[bool] = []
    for channels in (asked_before.CHANNELS, 40, 1):
        name = f"{channels} channel{'s' if channels > 1 else ''}"
        took = await searches(sides, asked, channels)
        good.append(show(f"{name}, p50 ms", [statistics.median(side) for side in took], MEDIAN_MS))
        p95 = [statistics.quantiles(side, n=20)[-1] for side in took]
        good.append(show(f"{name}, p95 ms", p95, P95_MS))
    show("one more, ms", [await one_more_ms(side, number) for side in sides])
    return good


async def searches(sides: Sequence[Side], asked: Sequence[Vector], channels: int) -> list[list[float]]:
    took: list[list[float]] = [[] for _ in sides]
    for vector in asked:
        for side, times in zip(sides, took, strict=True):
            began = perf_counter()
            found = await side.store.similar_answers(asked_before.everywhere(channels), vector, FOUND)
            times.append((perf_counter() - began) * 1000)
            assert len(found) == FOUND
    return took


async def one_more_ms(side: Side, number: int) -> float:
    """The median time in which a vector is stored and can be found."""
    took = []
    for at, values in enumerate(random_vectors(MORE, 3)):
        vector, began = Vector(MODEL, values), perf_counter()
        await side.database.write(source_vectors.put, {number - at: vector})
        await side.store._vectors.add(key_of(asked_before.place_of(number - at - 1), vector), [number - at])
        took.append((perf_counter() - began) * 1000)
    return statistics.median(took)


async def run(number: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        async with postgres_server(Path(name)) as (url, _):
            sides = [
                await opened("SQLite", f"sqlite:///{Path(name) / 'meaning'}.db"),
                await opened("PostgreSQL", await create_database(url, "meaning")),
            ]
            began = head([side.name for side in sides])
            good = await measure(sides, number)
            for side in sides:
                await side.store.close()
                await side.database.close()
    return end(began, good)


def main(arguments: Sequence[str] = ()) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if not asyncio.run(run(int(arguments[0]) if arguments else THREADS)):
        print("some figures missed their bar")
