"""`make chaos`: the long form, of one program. `make chaos replicas=3`: of several on one PostgreSQL, with each trouble
in turn. `python -m tests.chaos [--replicas 3] [seed]` runs those of that seed once more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.chaos.conversations import Report
from tests.chaos.siege import Outcome, Plan, Siege, Trouble
from tests.chaos.storm import Storm, Weather, postgres_server

LONG = Weather()
COLUMNS = ("database", "asked", "whole", "twice", "out of order", "lost", "broken", "kills", "seconds")
SIEGES = (
    Plan(Trouble.KILLED),
    Plan(Trouble.FROZEN, questions=450, every_s=5.0, most=2),
    Plan(Trouble.STOPPED, questions=450, every_s=3.0),
    Plan(Trouble.DATABASE, questions=300, every_s=5.0, most=3),
    Plan(Trouble.NONE, questions=450),
)
SIEGE_COLUMNS = (
    "what happens",
    "times",
    "apart",
    "asked",
    "whole",
    "twice",
    "disorder",
    "lost",
    "broken",
    "2 owners",
    "refused",
    "goes on after",
    "seconds",
)
_FAULTS = ("twice", "out_of_order", "lost", "broken")
_SIEGE_FAULTS = (*_FAULTS, "two_owners", "stale")
_MOST_SHOWN = 20


def print_table(rows: Sequence[Sequence[object]]) -> None:
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for cells in rows:
        print("  ".join(f"{cell!s:>{width}}" for cell, width in zip(cells, widths, strict=True)))


def show_faults(report: Report, faults: Sequence[str]) -> None:
    for fault in faults:
        found = getattr(report, fault)
        for one in found[:_MOST_SHOWN]:
            print(f"  {fault}: {one}")
        if len(found) > _MOST_SHOWN:
            print(f"  {fault}: and {len(found) - _MOST_SHOWN} more")


def keep_output(name: str, seed: int, output: str) -> None:
    log = Path(tempfile.gettempdir()) / f"parley-chaos-{seed}-{name}.log"
    log.write_text(output)
    print(f"  what the program logged: {log}")


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="parley-chaos-") as name:
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        yield Path(name)


# One program.


def row(name: str, report: Report) -> tuple[object, ...]:
    kills = sum(count for how, count in report.happened.items() if how.startswith("killed"))
    faults = [len(getattr(report, fault)) for fault in _FAULTS]
    return (name, report.asked, report.whole, *faults, kills, round(report.seconds))


async def storms(seed: int) -> bool:
    rows: list[Sequence[object]] = [COLUMNS]
    with scratch() as folder:
        reports = {"SQLite": await blow("SQLite", Storm(folder, LONG, seed, {}))}
        async with postgres_server(folder) as (url, restart):
            settings = {"DATABASE_URL": url}
            reports["PostgreSQL"] = await blow("PostgreSQL", Storm(folder, LONG, seed + 1, settings, restart))
    print_table(rows + [row(name, report) for name, report in reports.items()])
    return all(report.good for report in reports.values())


async def blow(name: str, storm: Storm) -> Report:
    print(f"{name}: about {LONG.kills * LONG.kill_every_s / 60:.0f} minutes ...", flush=True)
    report = await storm.blow()
    print(f"  {', '.join(f'{how}: {count}' for how, count in sorted(report.happened.items()))}")
    show_faults(report, _FAULTS)
    if not report.good:
        keep_output(name, report.seed, storm.output)
    return report


# Several replicas.


def siege_row(plan: Plan, outcome: Outcome) -> tuple[object, ...]:
    faults = [len(getattr(outcome, fault)) for fault in (*_FAULTS, "two_owners")]
    times = outcome.happened[plan.trouble]
    refused = f"{outcome.refused:.1%}"
    seen = (outcome.asked, outcome.whole, *faults, refused, outcome.resumed, round(outcome.seconds))
    return (plan.trouble, times, outcome.every, *seen)


def siege_well(plan: Plan, outcome: Outcome) -> bool:
    return outcome.well and not outcome.missed(plan.trouble)


async def sieges(seed: int, replicas: int, only: str) -> bool:
    rows: list[Sequence[object]] = [SIEGE_COLUMNS]
    well = True
    for plan in SIEGES:
        if only.lower() in plan.trouble.name.lower():
            outcome = await besiege(replace(plan, replicas=replicas), seed)
            rows.append(siege_row(plan, outcome))
            well = well and siege_well(plan, outcome)
    print_table(rows)
    return well


async def besiege(plan: Plan, seed: int) -> Outcome:
    print(f"{plan.trouble}: {plan.questions} questions, {plan.replicas} replicas ...", flush=True)
    with scratch() as folder:
        async with postgres_server(folder) as (url, restart):
            siege = Siege(folder, plan, seed, url, restart)
            outcome = await siege.run()
    show_faults(outcome, _SIEGE_FAULTS)
    print(f"  asked of the model more than once: {len(outcome.asked_twice)}")
    missed = outcome.missed(plan.trouble)
    for one in missed:
        print(f"  missed: {one}")
    if missed:
        print("\n".join(f"  went on after {one}" for one in outcome.slowest))
    if outcome.moved_s:
        print(f"  others held what was quiet after {', '.join(f'{one:.2f}' for one in outcome.moved_s)} s")
    if outcome.badly_ended:
        print(f"  programs that did not end well: {outcome.badly_ended}")
    if missed or not outcome.well:
        for name, output in siege.output.items():
            keep_output(f"{plan.trouble.name.lower()}-{name}", seed, output)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("seed", nargs="?", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--replicas", type=int, default=0)
    parser.add_argument("--only", default="", help="one trouble: killed, frozen, stopped, database or none")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    running = sieges(given.seed, given.replicas, given.only) if given.replicas else storms(given.seed)
    well = asyncio.run(running)
    print(f"seed {given.seed}")
    if not well:
        raise SystemExit(1)


main()
