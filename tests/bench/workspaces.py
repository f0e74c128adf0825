"""Workspaces: one process that serves none, and one that serves a thousand which have installed the app themselves: the
start, memory, and the processor while nobody asks. `make bench only=workspaces`
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from core.clock import SystemClock
from core.values.installations import Credentials, InstallationKey, StoredInstallation
from storage import DatabaseSettings, open_store
from tests.e2e.conftest import model_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions
from tests.fakes.slack.teams import FakeSlackApp

WORKSPACES = 1_000
START_S, MORE_MB, IDLE_PERCENT = 10.0, 100.0, 2.0
SETTLED_S, MEASURED_S = 40.0, 10.0
KEY = "ab" * 32


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one process: seconds until it is ready, MB, and percents of a core while nobody asks."""

    start_s: float
    memory_mb: float
    idle_percent: float


def main(_: Sequence[str]) -> None:
    asyncio.run(_compare())


async def _compare() -> None:
    async with FakeSlackApp() as app, FakeCompletions() as endpoint:
        none, many = [await _measure(count, app, endpoint) for count in (0, WORKSPACES)]
    print(f"\n{'workspaces':>12}{'ready after':>14}{'memory':>12}{'idle':>10}")
    for count, one in ((0, none), (WORKSPACES, many)):
        print(f"{count:>12,}{one.start_s:>12.1f} s{one.memory_mb:>9.0f} MB{one.idle_percent:>8.1f} %")
    more_mb = many.memory_mb - none.memory_mb
    for what, value, bound in (
        ("start", many.start_s, START_S),
        ("more memory", more_mb, MORE_MB),
        ("idle", many.idle_percent, IDLE_PERCENT),
    ):
        print(f"  {what:<12}{value:>8.1f} of at most {bound:g}: {'met' if value <= bound else 'MISSED'}")


async def _measure(count: int, app: FakeSlackApp, endpoint: FakeCompletions) -> Figures:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        await _install(folder, count)
        program = Program.fresh(folder, **_settings(app, endpoint))
        began_s = monotonic()
        await program.start()
        await program.ready()
        start_s = monotonic() - began_s
        await asyncio.sleep(SETTLED_S)
        before_s = _processor_s(program.pid)
        await asyncio.sleep(MEASURED_S)
        idle = (_processor_s(program.pid) - before_s) / MEASURED_S * 100
        figures = Figures(start_s, _memory_mb(program.pid), idle)
        await program.stop()
        return figures


async def _install(folder: Path, count: int) -> None:
    (folder / "data").mkdir(mode=0o700)
    settings = DatabaseSettings(
        _env_file=None, database_url=f"sqlite:///{folder / 'data' / 'parley.db'}", parley_secret_key=KEY
    )
    store = await open_store(settings, SystemClock())
    for number in range(count):
        key = InstallationKey("slack", "", f"T{number:06}")
        one = StoredInstallation(key, f"Team {number}", app="A1", bot_user="U_BOT", bot="B_BOT")
        await store.install(one, Credentials(f"xoxb-{number}-of-the-bench"), datetime.now(UTC))
    await store.close()


def _settings(app: FakeSlackApp, endpoint: FakeCompletions) -> dict[str, str]:
    return model_settings(endpoint) | {
        "SLACK_API_URL": app.api_url,
        "SLACK_CLIENT_ID": app.client_id,
        "SLACK_CLIENT_SECRET": app.client_secret,
        "SLACK_SIGNING_SECRET": app.signing_secret,
        "PARLEY_PUBLIC_URL": "https://parley.example",
        "PARLEY_SECRET_KEY": KEY,
    }


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (resident,) = (line for line in lines if line.startswith("VmRSS"))
    return int(resident.split()[1]) / 1024
