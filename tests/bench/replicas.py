"""Three replicas on one PostgreSQL beside one: from an event to the request to the model, questions a second, the time
until an answer goes on whose owner was killed, and the processor's time of replicas without work.
`make bench only=replicas`
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter

from tests.bench.engine import create_database
from tests.chaos.fleet import Fleet, addresses
from tests.chaos.siege import Plan, Siege, Trouble
from tests.chaos.storm import postgres_server
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BOT, FakeDiscord
from tests.fakes.slack import BOT_USER, TEAM, FakeSlack
from tests.waiting import HANG_S, until

REPLICAS = 3
EVENTS, WARM = 60, 10
BURST, SERVERS, SHARDS = 150, 24, 6
IDLE_S = 20.0
MORE_MS, TIMES, MEDIAN_S, MOST_S, IDLE = 5.0, 1.4, 1.5, 3.0, 1.0
"""The bars: milliseconds more than one process takes to the model, questions a second as a multiple of its own, seconds
until an answer goes on (the median and the most), and per cent of a core."""


@dataclass
class Side:
    """One process or several, with platforms, a model and a database of their own."""

    fleet: Fleet
    slack: FakeSlack
    discord: FakeDiscord
    servers: list[int]
    endpoint: FakeCompletions

    async def event(self, number: int) -> float:
        """Milliseconds from a mention in Slack to the request to the model."""
        seen, began = len(self.endpoint.requests), monotonic()
        await self.slack.say("U1", "C1", f"<@{BOT_USER}> question {number}?")
        await until(lambda: len(self.endpoint.requests) > seen)
        took_ms = (self.endpoint.requests[seen].at - began) * 1000
        await asyncio.sleep(0.15)
        return took_ms

    async def burst(self) -> float:
        """Questions a second, of many at once in many servers, until the last one is answered."""
        done, chance = self._answered(), random.Random(1)
        began = perf_counter()
        for number in range(BURST):
            await self.discord.say(ADA, chance.choice(self.servers), f"<@{BOT}> question {number}?")
        await until(lambda: self._answered() >= done + BURST, 4 * HANG_S)
        return BURST / (perf_counter() - began)

    def _answered(self) -> int:
        channels = self.discord.world.channels.values()
        return sum("end." in message.text for channel in channels for message in channel.messages.values())

    async def idle(self) -> list[float]:
        """Per cent of a core that each replica takes while nothing happens."""
        before = {program.pid: cpu_s(program.pid) for program in self.fleet.running.values()}
        await asyncio.sleep(IDLE_S)
        return [100 * (cpu_s(pid) - used_s) / IDLE_S for pid, used_s in before.items()]


def cpu_s(pid: int) -> float:
    """Seconds of the processor that a process has used: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def side(folder: Path, url: str, replicas: int) -> AsyncIterator[Side]:
    slack, discord = FakeSlack(), FakeDiscord(check_spec=False)
    slack.addresses = discord.addresses = addresses(replicas)
    discord.gateway.max_concurrency = SHARDS
    async with slack, discord, FakeCompletions(default=lambda _: Words("so it is, at the end.")) as endpoint:
        servers = [await discord.add_guild(f"Society {number}") for number in range(SERVERS)]
        settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
        settings |= {"DATABASE_URL": url, "DISCORD_SHARDS": str(SHARDS)}
        await asyncio.to_thread(folder.mkdir, parents=True)
        fleet = Fleet(folder, replicas, {TEAM: slack}, discord, settings)
        try:
            await fleet.start_all()
            await asyncio.sleep(3.0)  # until each has its share
            yield Side(fleet, slack, discord, servers, endpoint)
        finally:
            await fleet.stop_all()


def line(what: str, one: str, three: str, bar: str, *, good: bool) -> bool:
    print(f"{what:<52}{one:>12}{three:>16}{bar:>14}{'' if good else '  MISSED'}", flush=True)
    return good


async def compare(folder: Path, server: str) -> bool:
    async with AsyncExitStack() as opened:
        sides = []
        for replicas in (1, REPLICAS):
            url = await create_database(server, f"bench{replicas}")
            sides.append(await opened.enter_async_context(side(folder / str(replicas), url, replicas)))
        alone, three = sides
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
        rates = [max([await each.burst() for _ in range(2)]) for each in (alone, three)]
        good &= line(
            f"questions a second, of {BURST} at once in {SERVERS} servers",
            f"{rates[0]:.0f}",
            f"{rates[1]:.0f}",
            f"one x {TIMES}",
            good=rates[1] >= TIMES * rates[0],
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
            return await takeover(folder, url) and good


def main(arguments: Sequence[str] = ()) -> None:
    if not asyncio.run(run()):
        print("some figures missed their bar")
