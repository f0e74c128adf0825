"""What four limits of spending add to a question on both databases: the check where it comes in and the reservation
before its answer, which a person waits for, and the sums at its end. `make bench only=spend`
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import structlog

from core.clock import SystemClock
from core.ports.store.settings import StoredSettings
from core.settings.channel import ChannelSettings
from core.settings.environment import CoreSettings
from core.settings.layers import merge
from core.spend.budget_checks import AnswerPart, BudgetChecks
from core.spend.budgets import AnswerBound
from core.values.conversation import Ask, TurnState
from core.values.deltas import ModelInfo, Usage
from core.values.places import Person, Place
from core.values.turn_ends import Finish
from storage import DatabaseSettings, SqlStore, open_store
from tests.bench.engine import create_database
from tests.chaos.storm import postgres_server

QUESTIONS, WARM, BLOCK = 300, 20, 20
BEFORE = "what limits add before the model is asked: check + reservation"
BEFORE_MS = 1.0
LIMIT = "1000000000 tokens a month"


@dataclass
class Side:
    """Questions of one store, and what each step of theirs took, in milliseconds."""

    store: SqlStore
    settings: ChannelSettings
    steps: dict[str, list[float]] = field(default_factory=dict)

    async def question(self, number: int) -> None:
        place, clock = Place("slack", "T1", "C1", f"{number}"), SystemClock()
        checks = BudgetChecks(self.store, CoreSettings(_env_file=None), clock)
        ask = Ask(f"m{number}", place, Person("U1", "Ada"), "why?", clock.now(), addressed=True)
        began = perf_counter()
        await checks.check(place, "U1", self.settings)
        check_ms = self._took("check", began)
        turn = await self.store.accept(ask)
        assert turn is not None
        turn, began = await self.store.begin(turn.id), perf_counter()
        part = AnswerPart(turn, AnswerBound(4_000, max_tokens=500), ModelInfo("m"))
        await checks.reserve(part, self._read)
        reservation_ms = self._took("reservation", began)
        self.steps.setdefault(BEFORE, []).append(check_ms + reservation_ms)
        began = perf_counter()
        await self.store.finish(Finish(turn, TurnState.DONE, "so", model="m", usage=Usage(900, 80)))
        self._took("end", began)

    async def _read(self) -> ChannelSettings:
        return self.settings

    def _took(self, step: str, began: float) -> float:
        took_ms = (perf_counter() - began) * 1000
        self.steps.setdefault(step, []).append(took_ms)
        return took_ms

    def median_ms(self, step: str) -> float:
        return statistics.median(self.steps[step][WARM:])


def settings(limit: str) -> ChannelSettings:
    limits = {"budget": limit, "person_budget": limit}
    core = CoreSettings(_env_file=None, parley_budget=limit)
    return merge(core, StoredSettings(limits, {"budget": limit}), "slack")


async def measure(name: str, urls: Sequence[str]) -> bool:
    """Without limits and with them, a block of questions of each in turn: what else the machine does slows both alike,
    and each has its store to itself for a while, as a program has."""
    stores = [await open_store(DatabaseSettings(database_url=url), SystemClock()) for url in urls]
    free, limited = (Side(store, settings(limit)) for store, limit in zip(stores, ("", LIMIT), strict=True))
    for first in range(0, WARM + QUESTIONS, BLOCK):
        for side in (free, limited):
            for number in range(first, first + BLOCK):
                await side.question(number)
    for store in stores:
        await store.close()
    good = limited.median_ms(BEFORE) <= BEFORE_MS
    print(f"{name + ', ms a question':<66}{'without':>9}{'limits':>9}{'bar':>7}")
    for step in ("check", "reservation", BEFORE, "end"):
        bar = f"{BEFORE_MS:>7.0f}{'' if good else '  MISSED'}" if step == BEFORE else ""
        print(f"  {step:<64}{free.median_ms(step):>9.2f}{limited.median_ms(step):>9.2f}{bar}")
    return good


async def run() -> bool:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        good = await measure("SQLite", [f"sqlite:///{folder / kind}.db" for kind in ("free", "limited")])
        async with postgres_server(folder) as (url, _):
            good &= await measure(
                "PostgreSQL", [await create_database(url, kind) for kind in ("free", "limited")]
            )
    return good


def main(arguments: Sequence[str] = ()) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if not asyncio.run(run()):
        print("some figures missed their bar")
