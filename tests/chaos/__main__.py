"""`make chaos`: the long form. `python -m tests.chaos [seed]` blows the storm of that seed once more."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.conversations import Report
from tests.chaos.storm import Storm, Weather, postgres_server

LONG = Weather()
COLUMNS = ("database", "asked", "whole", "twice", "out of order", "lost", "broken", "kills", "seconds")


def row(name: str, report: Report) -> tuple[object, ...]:
    kills = sum(count for how, count in report.happened.items() if how.startswith("killed"))
    faults = (report.twice, report.out_of_order, report.lost, report.broken)
    return (name, report.asked, report.whole, *map(len, faults), kills, round(report.seconds))


def print_table(rows: list[tuple[object, ...]]) -> None:
    for cells in (COLUMNS, *rows):
        print("  ".join(f"{cell!s:>12}" for cell in cells))


async def storms(seed: int) -> dict[str, Report]:
    reports: dict[str, Report] = {}
    with tempfile.TemporaryDirectory(prefix="parley-chaos-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        reports["SQLite"] = await blow("SQLite", Storm(folder, LONG, seed, {}))
        async with postgres_server(folder) as (url, restart):
            settings = {"DATABASE_URL": url}
            reports["PostgreSQL"] = await blow("PostgreSQL", Storm(folder, LONG, seed + 1, settings, restart))
    return reports


async def blow(name: str, storm: Storm) -> Report:
    print(f"{name}: about {LONG.kills * LONG.kill_every_s / 60:.0f} minutes ...", flush=True)
    report = await storm.blow()
    print(f"  {', '.join(f'{how}: {count}' for how, count in sorted(report.happened.items()))}")
    for fault in ("twice", "out_of_order", "lost", "broken"):
        for what in getattr(report, fault):
            print(f"  {fault}: {what}")
    if not report.good:
        log = Path(tempfile.gettempdir()) / f"parley-chaos-{report.seed}-{name}.log"
        log.write_text(storm.output)
        print(f"  what the program logged: {log}")
    return report


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1_000_000)
    print(f"seed {seed}", flush=True)
    reports = asyncio.run(storms(seed))
    print_table([row(name, report) for name, report in reports.items()])
    print(f"seed {seed}")
    if not all(report.good for report in reports.values()):
        raise SystemExit(1)


main()
