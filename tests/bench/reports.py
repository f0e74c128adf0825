"""Reports over a million stored answers, and what an answer's sums cost when it ends, on both databases.

The answers are stored in the schema before there were sums: the upgrade makes those. `make bench only=reports`
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, text

from core.clock import SystemClock
from core.spend.periods import PeriodName, period_at
from core.values.conversation import TurnState
from core.values.places import Place
from storage import DatabaseSettings, SqlStore, open_store, usage_sums
from storage.engine import Database
from storage.migrations import upgrade
from storage.tables import to_us
from tests.bench.engine import analyse
from tests.chaos.storm import postgres_server

STORED, DAYS = 1_000_000, 61
SINCE = datetime(2026, 10, 1, tzinfo=UTC)
REPORT_S, FINISH_MS, TRIES, ADDED = 2.0, 1.0, 3, 500
BEFORE_SUMS = "0018"
BERLIN = ZoneInfo("Europe/Berlin")
SCOPES = {"everything": None, "a workspace": Place("slack", "T1", ""), "a channel": Place("slack", "T1", "C2")}

# 2 workspaces with 60 channels, 3 models, 100,000 threads of 10 questions, and 2,000 people who are in 3 channels each.
ANSWERS = f"""
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {STORED}),
placed AS (SELECT i, i / 10 AS thread, i / 10 * 31 % 60 AS channel FROM n),
made AS (
    SELECT i, 'T' || (channel % 2 + 1) AS team, 'C' || channel AS channel, 't' || thread AS thread,
        'U' || ((channel * 33 + i / 7 % 100) % 2000) AS person, 'model-' || (i * 13 % 3) AS model,
        i * 37 % 100 AS chance, {to_us(SINCE)} + CAST(i AS BIGINT) * {DAYS * 86_400_000_000 // STORED} AS at_us
    FROM placed
)
"""
STATE = "CASE WHEN chance < 2 THEN 'failed' WHEN chance < 4 THEN 'stopped' ELSE 'done' END"
TURNS = f"""
INSERT INTO turns (id, platform, team, channel, message, question, thread, direct, author, author_name, author_locale,
    author_bot, text, at_us, addressed, to_others, replies_to, ticket, task, state, attempt, posted, answer, notice,
    error, ref)
{ANSWERS} SELECT i, 'slack', team, channel, 'm' || i, 'm' || i, thread, chance < 0, person, 'Name of ' || person, 'en',
    chance < 0, 'What did we decide?', at_us, chance >= 0, chance < 0, '', '', 'answer', {STATE}, 1, json('[]'),
    'An answer.', '', '', '' FROM made
"""
USED = f"""
INSERT INTO usage (turn_id, platform, team, channel, thread, person, model, state, prompt_tokens, completion_tokens,
    reasoning_tokens, estimated, estimate_tokens, cost_micros, latency_ms, error, at_us, first_word_ms)
{ANSWERS} SELECT i, 'slack', team, channel, thread, person, model, {STATE}, 1000, 100, 0, chance < 0, 1000,
    CASE WHEN chance < 90 THEN 1200 END, 5000, CASE WHEN chance < 2 THEN 'busy' ELSE '' END, at_us,
    300 + i % 9000 * 7919 % 9000 FROM made
"""
OPINIONS = f"""
INSERT INTO feedback (turn_id, person, value, reason, at_us)
{ANSWERS} SELECT i, person, CASE WHEN i % 3 = 0 THEN -1 ELSE 1 END, CASE WHEN i % 7 = 0 THEN 'made up' ELSE '' END,
    at_us FROM made WHERE chance >= 95
"""


def fill(connection: Connection) -> None:
    upgrade(connection, BEFORE_SUMS)
    for statement in (TURNS, USED, OPINIONS):
        connection.execute(text(statement))


def add_sums(connection: Connection) -> float:
    """The time in ms in which the sums of an answer are stored."""
    row = {
        **{
            "platform": "slack",
            "team": "T1",
            "channel": "C1",
            "thread": "t1",
            "person": "U1",
            "model": "model-1",
        },
        **dict.fromkeys(("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"), 9),
        **{"state": TurnState.DONE, "cost_micros": 9, "partly_priced": False, "first_word_ms": 1_234},
        **{"own_account": False},
    }
    began = perf_counter()
    for number in range(ADDED):
        at_us = to_us(SINCE + timedelta(days=DAYS, seconds=number))
        usage_sums.add(connection, row | {"at_us": at_us}, direct=False)
    return 1_000 * (perf_counter() - began) / ADDED


async def measure(store: SqlStore) -> dict[str, float]:
    """The seconds of each report, the median of a few."""
    found = {}
    for name in PeriodName:
        period = period_at(name, SINCE + timedelta(days=DAYS - 3), BERLIN)
        before = period.previous
        for scope, place in SCOPES.items():
            took = []
            for _ in range(TRIES):
                began = perf_counter()
                await store.report_figures(period.bars, (before.since, before.until), place)
                took.append(perf_counter() - began)
            found[f"{name} of {scope}, s"] = statistics.median(took)
    return found


async def measured(name: str, url: str) -> bool:
    database, began = Database(DatabaseSettings(database_url=url).url, "NORMAL"), perf_counter()
    try:
        await database.migrate(fill)
        filled = perf_counter()
        await database.migrate(upgrade)
        upgraded = perf_counter()
        await database.migrate(analyse)
        added_ms = await database.write(add_sums)
    finally:
        await database.close()
    store = await open_store(DatabaseSettings(database_url=url), SystemClock())
    try:
        figures = await measure(store)
    finally:
        await store.close()
    print(f"{name:<28}{'':>9}{'bar':>7}")
    print(f"  {STORED:,} answers stored in {filled - began:.0f} s, their sums in {upgraded - filled:.0f} s")
    rows = [(what, took, REPORT_S) for what, took in figures.items()]
    rows.append(("sums of an ended answer, ms", added_ms, FINISH_MS))
    for what, took, bar in rows:
        print(f"  {what:<26}{took:>9.2f}{bar:>7.0f}{'' if took <= bar else '  MISSED'}", flush=True)
    return all(took <= bar for _, took, bar in rows)


async def run() -> bool:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        good = await measured("SQLite", f"sqlite:///{folder / 'million.db'}")
        async with postgres_server(folder) as (url, _):
            return await measured("PostgreSQL", url) and good


def main(arguments: Sequence[str] = ()) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if not asyncio.run(run()):
        print("some figures missed their bar")
