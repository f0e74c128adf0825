"""`make soak`: ten minutes. `python -m tests.soak SECONDS [SEED]` for another length."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.soak.soak import SETTLE_S, soak

LAG_S = 0.2
GROWTH_MB = 10.0


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
    print(f"{seconds / 60:.1f} minutes, seed {seed} ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="parley-soak-") as folder:
        report, _output = asyncio.run(soak(Path(folder), seconds, 0.5, seed))
    settle_s = min(SETTLE_S, seconds / 4)
    growth_mb = report.growth_mb(settle_s)
    print(f"asked {report.asked}, sent to the model {report.answered}, ended with status {report.ended}")
    print(f"/livez answered within {report.longest_wait_s * 1000:.0f} ms (p99 {report.p99_s * 1000:.0f} ms)")
    most = max(mb for _, mb in report.memory_mb)
    print(f"memory {most:.0f} MB at most; {growth_mb:+.1f} MB from {settle_s:.0f} s on to the end")
    good = report.longest_wait_s <= LAG_S and growth_mb <= GROWTH_MB
    if not (good and report.answered >= report.asked and report.ended == 0):
        raise SystemExit(1)


main()
