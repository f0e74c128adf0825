"""Three replicas on one PostgreSQL beside one: from an event to the request to the model, questions a second, the time
until an answer goes on whose owner was killed, and the processor's time of replicas without work.
`make bench only=replicas`
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter
from typing import TypeVar

from tests.bench.engine import create_database
from tests.chaos.fleet import Fleet, addresses
from tests.chaos.siege import Plan, Siege, Trouble
from tests.chaos.storm import postgres_server
from tests.chaos.teams import CHANNELS, Teams, busy_teams
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import BOT_USER, TEAM, FakeSlack
from tests.waiting import HANG_S, until

Started = TypeVar("Started")

REPLICAS = 3
EVENTS, WARM = 60, 10
SERVERS, SHARDS = 24, 6
WORKSPACES, BURSTS, PAUSE_S = 50, 3, 3.0
"""Slack's workspaces that ask at once, in three channels each: no limit of Slack holds so few up. All servers of
Discord have one bot's 50 calls a second together, which more replicas do not change."""
ONE_CORE = "one-core"
IDLE_S = 20.0
SETTLE_S = 3.0
"""Seconds until each replica has its share."""
MORE_MS, TIMES, MEDIAN_S, MOST_S, IDLE = 5.0, 1.4, 1.5, 3.0, 1.0
"""The bars: milliseconds more than one process takes to the model, questions a second as a multiple of its own, seconds
until an answer goes on (the median and the most), and per cent of a core."""


@dataclass
class Side:
    """One process or several, with platforms, a model and a database of their own."""

    fleet: Fleet
    slack: FakeSlack
    endpoint: FakeCompletions

    async def event(self, number: int) -> float:
        """Milliseconds from a mention in Slack to the request to the model."""
        seen, began = len(self.endpoint.requests), monotonic()
        await self.slack.say("U1", "C1", f"<@{BOT_USER}> question {number}?")
        await until(lambda: len(self.endpoint.requests) > seen)
        took_ms = (self.endpoint.requests[seen].at - began) * 1000
        await asyncio.sleep(0.15)
        return took_ms

    async def idle(self) -> list[float]:
        """Per cent of a core that each replica takes while nothing happens."""
        before = {program.pid: cpu_s(program.pid) for program in self.fleet.running.values()}
        await asyncio.sleep(IDLE_S)
        return [100 * (cpu_s(pid) - used_s) / IDLE_S for pid, used_s in before.items()]


def answer(_request: object) -> Words:
    return Words("so it is, at the end.")


def cpu_s(pid: int) -> float:
    """Seconds of the processor that a process has used: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def started(fleet: Fleet, folder: Path) -> AsyncIterator[Fleet]:
    await asyncio.to_thread(folder.mkdir, parents=True)
    try:
        await fleet.start_all()
        yield fleet
    finally:
        await fleet.stop_all()


@asynccontextmanager
async def one_and_three(
    start: Callable[[Path, str, int], AbstractAsyncContextManager[Started]],
    folder: Path,
    server: str,
    name: str,
) -> AsyncIterator[list[Started]]:
    """What `start` starts with one process and with several, each on a database of its own."""
    async with AsyncExitStack() as opened:
        yield [
            await opened.enter_async_context(
                start(folder / str(replicas), await create_database(server, f"{name}{replicas}"), replicas)
            )
            for replicas in (1, REPLICAS)
        ]


@asynccontextmanager
async def side(folder: Path, url: str, replicas: int) -> AsyncIterator[Side]:
    slack, discord = FakeSlack(), FakeDiscord(check_spec=False)
    slack.addresses = discord.addresses = addresses(replicas)
    discord.gateway.max_concurrency = SHARDS
    async with slack, discord, FakeCompletions(default=answer) as endpoint:
        for number in range(SERVERS):
            await discord.add_guild(f"Society {number}")
        settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
        settings |= {"DATABASE_URL": url, "DISCORD_SHARDS": str(SHARDS)}
        async with started(Fleet(folder, replicas, {TEAM: slack}, discord, settings), folder) as fleet:
            await asyncio.sleep(SETTLE_S)
            yield Side(fleet, slack, endpoint)


@asynccontextmanager
async def workspaces(folder: Path, url: str, replicas: int) -> AsyncIterator[Teams]:
    """One process or several that serve `WORKSPACES` on Slack, and as many servers on Discord."""
    async with (
        busy_teams(2 * WORKSPACES, addresses(replicas), seed=1, redelivered=0.0) as teams,
        FakeCompletions(default=answer) as endpoint,
    ):
        settings = teams.settings | model_settings(endpoint) | {"DATABASE_URL": url}
        made = Fleet(folder, replicas, teams.slack.teams, teams.discord, settings)
        async with started(made, folder) as fleet:
            await teams.install(fleet.running[fleet.names[0]].url)
            await asyncio.sleep(SETTLE_S)
            yield teams


async def burst(teams: Teams) -> float:
    """Questions a second, of one at once in each channel of each workspace, until the last one is answered."""
    began = perf_counter()
    asked = [
        (slack, channel, await slack.say("U1", channel, f"<@{BOT_USER}> how is it?"))
        for slack in teams.slack.teams.values()
        for channel in CHANNELS
    ]

    def is_answered(slack: FakeSlack, channel: str, ts: str) -> bool:
        return any(message.visible.endswith("end.") for message in slack.thread(channel, ts)[1:])

    await until(lambda: all(is_answered(*one) for one in asked), 4 * HANG_S)
    return len(asked) / (perf_counter() - began)


async def rested_burst(teams: Teams) -> float:
    """`burst`, and a pause behind it: a channel of Slack takes one message a second."""
    rate = await burst(teams)
    await asyncio.sleep(PAUSE_S)
    return rate


async def rate_of_one_core() -> float:
    """Questions a second of one program that shares a core with its platforms, model and database. Two cores do at most
    twice as much, whatever the number of programs."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench", "replicas", ONE_CORE), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await child.communicate()
    return float(told)


async def measure_one_core() -> None:
    """The part of `rate_of_one_core` in a process of its own, of which all others inherit the core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        async with postgres_server(Path(name)) as (server, _):
            url = await create_database(server, "one_core")
            async with workspaces(Path(name) / "one", url, 1) as teams:
                print(statistics.median([await rested_burst(teams) for _ in range(BURSTS)]))


async def throughput(folder: Path, server: str) -> bool:
    async with one_and_three(workspaces, folder, server, "burst") as sides:
        rates: tuple[list[float], list[float]] = ([], [])
        for _ in range(BURSTS):
            for measured, teams in zip(rates, sides, strict=True):
                measured.append(await rested_burst(teams))
    one, three = (statistics.median(measured) for measured in rates)
    good = line(
        f"questions a second, one in each of {WORKSPACES * len(CHANNELS)} channels",
        f"{one:.0f}",
        f"{three:.0f}",
        f"one x {TIMES}",
        good=three >= TIMES * one,
    )
    print(
        f"{'  twice those of one core with all of this on it':<52}{'':>12}{2 * await rate_of_one_core():>16.0f}"
    )
    return good


def line(what: str, one: str, three: str, bar: str, *, good: bool) -> bool:
    print(f"{what:<52}{one:>12}{three:>16}{bar:>14}{'' if good else '  MISSED'}", flush=True)
    return good


async def compare(folder: Path, server: str) -> bool:
    async with one_and_three(side, folder, server, "bench") as sides:
        print(f"{'':<52}{'one':>12}{'three':>16}{'bar':>14}")
        idle = [await each.idle() for each in sides]
        good = line(
            "idle, % of a core, the busiest",
            f"{max(idle[0]):.2f}",
            f"{max(idle[1]):.2f}",
            f"{IDLE:.1f}",
            good=max(idle[1]) <= IDLE,
        )
        waits: tuple[list[float], list[float]] = ([], [])
        for number in range(WARM + EVENTS):  # in turn: what else the machine does slows both alike
            for waited, each in zip(waits, sides, strict=True):
                waited.append(await each.event(number))
        medians = [statistics.median(waited[WARM:]) for waited in waits]
        good &= line(
            "Slack event to model, ms, median",
            f"{medians[0]:.1f}",
            f"{medians[1]:.1f}",
            f"one + {MORE_MS:.0f}",
            good=medians[1] <= medians[0] + MORE_MS,
        )
    return good


async def takeover(folder: Path, server: str) -> bool:
    """Few questions, so that the machine is not what is measured."""
    url = await create_database(server, "bench_takeover")
    plan = Plan(Trouble.KILLED, REPLICAS, teams=12, questions=60, per_s=1.5, every_s=6.0)

    async def never() -> None: ...

    outcome = await Siege(folder, plan, 1, url, never).run()
    found = outcome.resumed_s or [float("inf")]
    bar = f"{MEDIAN_S} / {MOST_S}"
    good = statistics.median(found) <= MEDIAN_S and max(found) <= MOST_S
    kept = line("goes on after kill -9, s, median / most", "", outcome.resumed, bar, good=good)
    well = f"{outcome.whole} of {outcome.asked}"
    return line("answered whole, once, in order", "", well, "all", good=outcome.well) and kept


async def run() -> bool:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        folder = Path(name)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        async with postgres_server(folder) as (url, _):
            good = await compare(folder / "compare", url)
            good &= await throughput(folder / "throughput", url)
            return await takeover(folder, url) and good


def main(arguments: Sequence[str] = ()) -> None:
    if list(arguments) == [ONE_CORE]:
        asyncio.run(measure_one_core())
    elif not asyncio.run(run()):
        print("some figures missed their bar")
