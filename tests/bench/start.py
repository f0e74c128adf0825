"""The processor's time of a start: of commands until they end, of `parley run` until /readyz says so. The straw men are
an interpreter without work, and the bare imports of what each kind of start cannot do without: on a busy machine, whose
processors share their cores, these cost up to twice as much too.
`make bench only=start`
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from tests.bench.engine import create_database
from tests.bench.memory import loaded
from tests.bench.replicas import cpu_s
from tests.chaos.storm import postgres_server
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack

TIMES = 5
HELP_S, RUN_S = 0.4, 1.5
"""The bars, in seconds."""
PARLEY = str(Path(sys.executable).with_name("parley"))

Measure = Callable[[], Awaitable[float]]


async def command_s(*command: str) -> float:
    """Seconds of the processor of a command, from its start to its end."""

    def run() -> float:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        nowhere = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, nowhere, stream) for stream in (0, 1)]
        pid = os.posix_spawn(command[0], command, environment, file_actions=actions)
        _, status, used = os.wait4(pid, 0)
        os.close(nowhere)
        assert status == 0, command
        return used.ru_utime + used.ru_stime

    return await asyncio.to_thread(run)


async def run_s(folder: Path, settings: Mapping[str, str]) -> float:
    """Seconds of the processor of `parley run` in `folder`, until it is ready."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with Program.fresh(folder, **settings) as program:
        return cpu_s(program.pid)


async def figure(name: str, measure: Measure, bar: float | None = None) -> bool:
    """Print the median. False where it missed its bar."""
    await measure()  # writes the byte code
    found = sorted([await measure() for _ in range(TIMES)])
    median = statistics.median(found)
    missed = bar is not None and median > bar
    shown = "" if bar is None else f"{bar:>8.2f}"
    print(
        f"{name:<52}{median:>8.2f}{found[0]:>8.2f}{found[-1]:>8.2f}{shown}{'  MISSED' if missed else ''}",
        flush=True,
    )
    return not missed


@asynccontextmanager
async def platforms() -> AsyncIterator[dict[str, str]]:
    """The settings of Slack, Discord and an endpoint."""
    async with (
        FakeSlack() as slack,
        FakeDiscord(check_spec=False) as discord,
        FakeCompletions(default=lambda _: Words("so it is.")) as endpoint,
    ):
        await discord.add_guild("Society")
        yield slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)


async def run(folder: Path, server: str, only: str) -> bool:
    good, number = True, count()

    async def show(name: str, measure: Measure, bar: float | None = None) -> None:
        nonlocal good
        if only in name:
            good &= await figure(name, measure, bar)

    def bare(code: str) -> Measure:
        return lambda: command_s(sys.executable, "-c", code)

    def starts(settings: Mapping[str, str], name: str = "") -> Measure:
        """In a folder that stays, by name, or in a new one each time."""
        return lambda: run_s(folder / (name or f"new{next(number)}"), settings)

    async def on_new_postgres() -> float:
        at = next(number)
        url = await create_database(server, f"bench{at}")
        return await run_s(folder / f"new{at}", {"DATABASE_URL": url})

    print(f"{'processor, s':<52}{'median':>8}{'least':>8}{'most':>8}{'bar':>8}    {loaded()}")
    await show("python -c pass", bare("pass"))
    await show("import typer, pydantic_settings", bare("import typer, pydantic_settings"))
    await show(
        "import aiohttp, sqlmodel, httpx", bare("import aiohttp.web, sqlmodel, httpx, pydantic_settings")
    )
    await show("import slack_bolt, discord", bare("import slack_bolt.async_app, discord"))
    await show("parley --help", lambda: command_s(PARLEY, "--help"), HELP_S)
    await show("parley version", lambda: command_s(PARLEY, "version"), HELP_S)
    await show("run, a new SQLite", starts({}), RUN_S)
    await show("run, the same SQLite", starts({}, "same"), RUN_S)
    async with platforms() as settings:
        await show("run, Slack and Discord, a new SQLite", starts(settings), RUN_S)
        await show("run, Slack and Discord, the same SQLite", starts(settings, "platforms"), RUN_S)
    await show("run, a new PostgreSQL", on_new_postgres, RUN_S)
    url = await create_database(server, "same")
    await show("run, the same PostgreSQL", starts({"DATABASE_URL": url}, "postgres"), RUN_S)
    async with platforms() as settings:
        again = starts(settings | {"DATABASE_URL": url}, "replica")
        await show("run, Slack and Discord, the same PostgreSQL", again, RUN_S)
    return good


async def all_of_it(only: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        async with postgres_server(folder) as (url, _):
            return await run(folder, url, only)


def main(arguments: Sequence[str] = ()) -> None:
    """With an argument, only the figures whose names have it."""
    if not asyncio.run(all_of_it(arguments[0] if arguments else "")):
        print("some figures missed their bar")
