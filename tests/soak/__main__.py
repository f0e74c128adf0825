"""`make soak`: ten minutes of a crowd. `make soak only=hostile`: ten minutes of hostile answers. A number of seconds
may follow, and for hostile answers a seed: `python -m tests.soak hostile 60 1`."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.soak.crowd import Pace, crowd
from tests.soak.soak import SETTLE_S, soak

LAG_S = 0.2
ACK_S = 0.5
GROWTH_MB, CROWD_GROWTH_MB = 10.0, 5.0
"""The bars of hostile answers, and of a crowd."""


def hostile(folder: Path, seconds: float, seed: int) -> bool:
    print(f"hostile answers for {seconds / 60:.1f} minutes, seed {seed} ...", flush=True)
    report, _output = asyncio.run(soak(folder, seconds, 0.5, seed))
    settle_s = min(SETTLE_S, seconds / 4)
    growth_mb = report.growth_mb(settle_s)
    print(f"asked {report.asked}, sent to the model {report.answered}, ended with status {report.ended}")
    print(f"/livez answered within {report.longest_wait_s * 1000:.0f} ms (p99 {report.p99_s * 1000:.0f} ms)")
    most = max(mb for _, mb in report.memory_mb)
    print(f"memory {most:.0f} MB at most; {growth_mb:+.1f} MB from {settle_s:.0f} s on to the end")
    good = report.longest_wait_s <= LAG_S and growth_mb <= GROWTH_MB
    return good and report.answered >= report.asked and report.ended == 0


def many(folder: Path, seconds: float) -> bool:
    pace = Pace()
    print(f"{pace.live} answers at once for {seconds / 60:.1f} minutes ...", flush=True)
    report = asyncio.run(crowd(folder, seconds, pace))
    settle_s = min(SETTLE_S, seconds / 4)
    growth_mb, most = report.growth_mb(settle_s, seconds), max(mb for _, mb in report.memory_mb)
    print(f"{report.events} events, {report.asked} of them questions; {max(report.live)} answers at once")
    print(f"answers with words that are missing: {len(report.lost)}; ended with status {report.ended}")
    ack_s = report.percentile_s(0.99)
    print(
        f"Slack's events acknowledged: p50 {report.percentile_s(0.5) * 1000:.0f} ms, p99 {ack_s * 1000:.0f} ms"
    )
    print(f"memory {most:.0f} MB at most; {growth_mb:+.1f} MB from {settle_s:.0f} s on to the last question")
    looks = list(zip(report.memory_mb, report.live, strict=False))[::30]
    print("at s: MB, answers: " + ", ".join(f"{at:.0f}: {mb:.0f}, {live}" for (at, mb), live in looks))
    return ack_s <= ACK_S and growth_mb <= CROWD_GROWTH_MB and not report.lost and report.ended == 0


def main() -> None:
    kind, *rest = sys.argv[1:] or [""]
    seconds = float(rest[0]) if rest else 600.0
    with tempfile.TemporaryDirectory(prefix="parley-soak-") as folder:
        if kind == "hostile":
            good = hostile(
                Path(folder), seconds, int(rest[1]) if len(rest) > 1 else random.randrange(1_000_000)
            )
        else:
            good = many(Path(folder), seconds)
    if not good:
        print("a bar was missed")
        raise SystemExit(1)


main()
