"""A run of several replicas under load, while something happens to them: killed, frozen, stopped in turn, or without
their database for a while."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from time import monotonic

from tests.chaos.conversations import Report, Thread, discord_thread, judge, model, question_in, slack_thread
from tests.chaos.fleet import Fleet, addresses, too_close
from tests.e2e.conftest import model_settings
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import DOCUMENTED, FakeSlack

APART_S = 0.6
"""Two owners of a team make no calls within this time, since a platform counts them together."""
FROZEN_S = 10.0
SHARDS = 16
CHANNELS = ("C1", "C2", "C3")


class Trouble(StrEnum):
    """The thing that happens, again and again, for as long as questions come."""

    KILLED = "kill -9 of the busiest"
    FROZEN = "SIGSTOP of the busiest for 10 s"
    STOPPED = "SIGTERM of each in turn"
    DATABASE = "PostgreSQL restarted at once"
    NONE = "nothing"


@dataclass(frozen=True, slots=True)
class Plan:
    """`questions` at `per_s`, in `threads` of each of `teams`. `every_s`: seconds from one trouble to the next.
    `most`: the most troubles. `settle_s`: how long nothing may end before what is open counts as lost."""

    trouble: Trouble
    replicas: int = 3
    teams: int = 100
    threads: int = 3
    questions: int = 1_000
    per_s: float = 15.0
    every_s: float = 5.0
    most: int = 1_000
    redelivered: float = 0.1
    settle_s: float = 60.0


@dataclass(slots=True)
class Outcome(Report):
    """What people saw, and what else counts. `resumed_s`: from each trouble until the next sign of each answer that it
    broke off, in seconds."""

    resumed_s: list[float] = field(default_factory=list)
    two_owners: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    asked_twice: list[str] = field(default_factory=list)
    refused: float = 0.0
    badly_ended: int = 0

    @property
    def well(self) -> bool:
        return self.good and not (self.two_owners or self.stale or self.badly_ended)

    @property
    def resumed(self) -> str:
        """The median and the most, in words."""
        if not self.resumed_s:
            return "-"
        return f"{median(self.resumed_s):.1f} / {max(self.resumed_s):.1f} s"


class Siege:
    """One run. `restart_database` restarts it at once."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        seed: int,
        database_url: str,
        restart_database: Callable[[], Awaitable[None]],
    ) -> None:
        self.outcome = Outcome(seed)
        self._folder = folder
        self._plan = plan
        self._random = random.Random(seed)
        self._database_url = database_url
        self._restart_database = restart_database
        self.output: dict[str, str] = {}

    async def run(self) -> Outcome:
        began = monotonic()
        slack, discord = FakeSlack(seed=self.outcome.seed), FakeDiscord(check_spec=False)
        slack.addresses = discord.addresses = addresses(self._plan.replicas)
        slack.limits = DOCUMENTED
        slack.sockets.redeliver_rate = discord.gateway.redeliver_rate = self._plan.redelivered
        discord.gateway.max_concurrency = SHARDS
        async with slack, discord, FakeCompletions(default=model) as self._endpoint:
            threads = await self._threads(slack, discord)
            settings = model_settings(self._endpoint) | {
                "DATABASE_URL": self._database_url,
                "DISCORD_SHARDS": str(min(SHARDS, self._plan.teams)),
            }
            self._fleet = Fleet(self._folder, self._plan.replicas, slack, discord, settings)
            try:
                await self._fleet.start_all()
                asking = asyncio.create_task(self._ask(threads))
                await self._trouble(threads, asking)
                await asking
                await self._settle(threads)
            finally:
                for program in self._fleet.running.values():
                    with suppress(ProcessLookupError):
                        program.send(signal.SIGCONT)
                await self._fleet.stop_all()
                self.output = self._fleet.output
        self._conclude(threads)
        self.outcome.seconds = monotonic() - began
        return self.outcome

    async def _threads(self, slack: FakeSlack, discord: FakeDiscord) -> list[Thread]:
        """One team on Slack, the others on Discord."""
        count = self._plan.threads
        made = [
            slack_thread(slack, number, CHANNELS[number % len(CHANNELS)], team="slack")
            for number in range(count)
        ]
        for team in range(1, self._plan.teams):
            guild = await discord.add_guild(f"Society {team}")
            made += [
                discord_thread(discord, team * count + number, guild, team=str(guild))
                for number in range(count)
            ]
        return made

    async def _ask(self, threads: list[Thread]) -> None:
        """All questions, in threads by chance; who has had no word yet names the bot."""
        order = self._random.choices(threads, k=self._plan.questions)
        while order:
            thread = next((thread for thread in order if thread.open()), None)
            if thread is None:
                await asyncio.sleep(0.1)
                continue
            order.remove(thread)
            token = f"q-{thread.number}-{len(thread.asked)}"
            thread.asked.append(token)
            await thread.say(f"{token}?", not thread.answers())
            await asyncio.sleep(self._random.uniform(0.2, 1.8) / self._plan.per_s)

    async def _settle(self, threads: list[Thread]) -> None:
        """Wait until all are answered or no more come, and a little longer for what should not come."""
        asked = sum(len(thread.asked) for thread in threads)
        ended, last_at = 0, monotonic()
        while ended < asked and monotonic() < last_at + self._plan.settle_s:
            await asyncio.sleep(0.2)
            now = sum(min(thread.ended, len(thread.asked)) for thread in threads)
            if now > ended:
                ended, last_at = now, monotonic()
        await asyncio.sleep(1.0)

    # Trouble.

    async def _trouble(self, threads: list[Thread], asking: asyncio.Task[None]) -> None:
        make = {
            Trouble.KILLED: self._kill,
            Trouble.FROZEN: self._freeze,
            Trouble.STOPPED: self._stop,
            Trouble.DATABASE: self._restart,
            Trouble.NONE: self._wait,
        }[self._plan.trouble]
        for _ in range(self._plan.most):
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asking), self._plan.every_s)
            if asking.done():
                return
            await make(threads)
            self.outcome.happened[self._plan.trouble] += 1

    async def _kill(self, threads: list[Thread]) -> None:
        name = self._fleet.busiest()
        broken, at = self._open(threads, name), monotonic()
        await self._fleet.kill(name)
        await self._fleet.start(name)
        await self._resumed(broken, at)

    async def _freeze(self, threads: list[Thread]) -> None:
        name = self._fleet.busiest()
        broken, at = self._open(threads, name), monotonic()
        self._fleet.running[name].send(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        moved = {call.team for call in self._fleet.shown() if call.at > at and call.replica != name}
        thawed = monotonic()
        self._fleet.running[name].send(signal.SIGCONT)
        await self._resumed(broken, at)
        await asyncio.sleep(1.0)
        self.outcome.stale += [
            f"{call.team}: {call.at - thawed:.2f} s after the end of the freeze"
            for call in self._fleet.shown()
            if call.replica == name and thawed < call.at < thawed + 1.0 and call.team in moved
        ]

    async def _stop(self, threads: list[Thread]) -> None:
        for name in self._fleet.names:
            await self._fleet.stop(name)
            await self._fleet.start(name)

    async def _restart(self, threads: list[Thread]) -> None:
        at = monotonic()
        broken = [thread for thread in threads if thread.ended < len(thread.asked)]
        await self._restart_database()
        await self._resumed(broken, at)

    async def _wait(self, threads: list[Thread]) -> None:
        """Nothing happens."""

    def _open(self, threads: list[Thread], name: str) -> list[Thread]:
        """The threads where an answer grows that this replica shows: they have seen a part of it."""
        owner = {call.team: call.replica for call in self._fleet.shown()}
        return [
            thread
            for thread in threads
            if owner.get(thread.team) == name
            and thread.ended < len(thread.asked)
            and len(thread.answers()) > thread.ended
        ]

    async def _resumed(self, broken: list[Thread], at: float) -> None:
        """Note when each answer that was broken off goes on."""
        patience_until = at + self._plan.settle_s
        for thread in broken:
            while not (later := [change for change in thread.changes() if change > at]):
                if monotonic() > patience_until:
                    break
                await asyncio.sleep(0.02)
            self.outcome.resumed_s.append(min(later, default=patience_until) - at)

    def _conclude(self, threads: list[Thread]) -> None:
        outcome, fleet = self.outcome, self._fleet
        judge(threads, outcome)
        outcome.two_owners = too_close(fleet.shown(), APART_S)
        outcome.refused = fleet.refused_part()
        outcome.badly_ended = sum(status != 0 for status in fleet.statuses)
        asked = Counter(
            question_in(one.body)
            for one in self._endpoint.requests
            if isinstance(one.body, dict) and one.body.get("messages")
        )
        outcome.asked_twice = [token for token, count in asked.items() if count > 1]
