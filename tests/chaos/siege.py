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
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import monotonic

from core.settings.environment import CoreSettings
from tests.chaos.conversations import Report, Thread, judge, model, question_in
from tests.chaos.fleet import Fleet, addresses, too_close
from tests.chaos.handover import HandOver
from tests.chaos.storm import OPENS_S
from tests.chaos.teams import SHARDS, busy_teams
from tests.e2e.conftest import model_settings
from tests.fakes.completions import FakeCompletions

APART_S = 0.6
"""Two owners of a team make no calls within this time, since a platform counts them together."""
FROZEN_S = 10.0
REFUSED, MEDIAN_S, MOST_S = 0.01, 1.5, 3.0
"""The bars of a run with kills: the part of Slack's edits that is refused, and the seconds until a broken answer goes
on, the median and the most."""
THAWED_S, RESTARTED_S = 6.5, 4.0
"""The same of a run with frozen programs, and of one whose database is restarted: the most seconds."""
STARTS_APART_S = 5.0
"""Discord lets a gateway connection start once in this time, which moves with each program that is stopped:
https://docs.discord.com/developers/events/gateway#session-start-limit-object"""
QUIET_S = 1.0
"""The bar of a run in which programs are stopped: the seconds until others hold what is quiet. No question is asked
twice in it."""
_SHOWN = 10
"""The answers that are listed of those that went on last."""


class Trouble(StrEnum):
    """The thing that happens, again and again, for as long as questions come."""

    KILLED = "kill -9 of the busiest"
    FROZEN = "SIGSTOP of the busiest for 10 s"
    STOPPED = "SIGTERM of each in turn"
    DATABASE = "PostgreSQL restarted at once"
    NONE = "nothing"


@dataclass(frozen=True, slots=True)
class Plan:
    """`questions` at `per_s`, in `threads` of each of `teams`. `every_s`: seconds from the beginning of one trouble to
    that of the next. `most`: the most troubles. `settle_s`: how long nothing may end before what is open counts as
    lost. `apart_s`: the least seconds between two questions of a thread."""

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
    apart_s: float = 0.0


@dataclass(slots=True)
class Outcome(Report):
    """What people saw, and what else counts. `troubled_at`: the monotonic times of the troubles. `resumed_s`: from each
    of them until the next sign of each answer that it broke off, in seconds; `slowest` lists the last ones. `moved_s`:
    from each SIGTERM until others held what was quiet."""

    troubled_at: list[float] = field(default_factory=list)
    resumed_s: list[float] = field(default_factory=list)
    two_owners: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    asked_twice: list[str] = field(default_factory=list)
    slowest: list[str] = field(default_factory=list)
    moved_s: list[float] = field(default_factory=list)
    refused: float = 0.0
    badly_ended: int = 0

    @property
    def well(self) -> bool:
        return self.good and not (self.two_owners or self.stale or self.badly_ended)

    def missed(self, trouble: Trouble) -> list[str]:
        """The bars of a run with this trouble that it missed."""
        median_s, most_s = median(self.resumed_s or [0.0]), max(self.resumed_s, default=0.0)
        bars = {
            Trouble.KILLED: {
                "Slack edits refused": (self.refused, REFUSED),
                "goes on after, median s": (median_s, MEDIAN_S),
                "goes on after, most s": (most_s, MOST_S),
            },
            Trouble.FROZEN: {"goes on after, most s": (most_s, THAWED_S)},
            Trouble.DATABASE: {"goes on after, most s": (most_s, RESTARTED_S)},
            Trouble.STOPPED: {
                "quiet teams moved within, most s": (max(self.moved_s, default=0.0), QUIET_S),
                "asked twice": (len(self.asked_twice), 0),
            },
        }
        return [
            f"{what}: {found:.3g}, at most {bar:.3g}"
            for what, (found, bar) in bars.get(trouble, {}).items()
            if found > bar
        ]

    @property
    def every(self) -> str:
        """The least and the most seconds from one trouble to the next, in words."""
        gaps = [after - before for before, after in pairwise(self.troubled_at)]
        return f"{min(gaps):.1f} - {max(gaps):.1f} s" if gaps else "-"

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
        self._starts: set[asyncio.Task[None]] = set()
        self._broken: list[tuple[Thread, float]] = []
        """The threads with an answer that was broken off, and the time of that."""
        self.output: dict[str, str] = {}

    async def run(self) -> Outcome:
        began = monotonic()
        plan, seed = self._plan, self.outcome.seed
        async with (
            busy_teams(plan.teams, addresses(plan.replicas), seed, plan.redelivered) as teams,
            FakeCompletions(default=model) as self._endpoint,
        ):
            threads = teams.threads(plan.threads)
            settings = teams.settings | model_settings(self._endpoint) | {"DATABASE_URL": self._database_url}
            # Other tests have a program wait for other times, so that none depends on the pace of the machine.
            for waits in ("parley_grace_s", "parley_memory_wait_s"):
                settings[waits.upper()] = str(CoreSettings.model_fields[waits].default)
            self._fleet = Fleet(self._folder, plan.replicas, teams.slack.teams, teams.discord, settings)
            try:
                await self._fleet.start_all()
                await teams.install(self._fleet.running[self._fleet.names[0]].url)
                asking = asyncio.create_task(self._ask(threads))
                await self._trouble(threads, asking)
                await asking
                await self._settle(threads)
                await asyncio.gather(*self._starts)
            finally:
                for starting in self._starts:
                    starting.cancel()
                await asyncio.gather(*self._starts, return_exceptions=True)
                await self._fleet.stop_all()
                self.output = self._fleet.output
        self._conclude(threads)
        self.outcome.seconds = monotonic() - began
        return self.outcome

    async def _ask(self, threads: list[Thread]) -> None:
        """All questions, in threads by chance; who has had no word yet names the bot."""
        order = self._random.choices(threads, k=self._plan.questions)
        opened_at = monotonic()
        asked_at: dict[int, float] = {}
        while order:
            before = monotonic() - self._plan.apart_s
            thread = next(
                (one for one in order if one.open() and asked_at.get(one.number, 0.0) <= before), None
            )
            if thread is None and monotonic() < opened_at + OPENS_S:
                await asyncio.sleep(0.1)
                continue
            if thread is None:
                self.outcome.happened["not asked"] += len(order)
                return
            opened_at = monotonic()
            order.remove(thread)
            token = f"q-{thread.number}-{len(thread.asked)}"
            thread.asked.append(token)
            asked_at[thread.number] = monotonic()
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
        due = monotonic()
        for _ in range(self._plan.most):
            due = max(due + self._plan.every_s, monotonic())
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asking), due - monotonic())
            if asking.done():
                return
            self.outcome.troubled_at.append(monotonic())
            await make(threads)
            self.outcome.happened[self._plan.trouble] += 1

    async def _kill(self, threads: list[Thread]) -> None:
        """The next one may be killed before this one is ready again, as long as one other goes on."""
        while len(self._fleet.running) < 2:  # noqa: ASYNC110 (other processes)
            await asyncio.sleep(0.05)
        name = self._fleet.busiest()
        self._break(self._open(threads, name))
        await self._fleet.kill(name)
        self._starts.add(asyncio.create_task(self._fleet.start(name)))

    async def _freeze(self, threads: list[Thread]) -> None:
        name = self._fleet.busiest()
        at = monotonic()
        self._break(self._open(threads, name))
        self._fleet.running[name].send(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        moved = {call.team for call in self._fleet.shown() if call.at > at and call.replica != name}
        thawed = monotonic()
        self._fleet.running[name].send(signal.SIGCONT)
        await asyncio.sleep(1.0)
        self.outcome.stale += [
            f"{call.team}: {call.at - thawed:.2f} s after the end of the freeze"
            for call in self._fleet.shown()
            if call.replica == name and thawed < call.at < thawed + 1.0 and call.team in moved
        ]

    async def _stop(self, threads: list[Thread]) -> None:
        shards = min(SHARDS, self._plan.teams - self._plan.teams // 2)
        for name in self._fleet.names:
            due = monotonic() + STARTS_APART_S
            async with HandOver(self._database_url, self._fleet.running[name].pid, shards) as leaving:
                moving = asyncio.create_task(leaving.quiet_moved_s())
                await self._fleet.stop(name)
                self.outcome.moved_s.append(await moving)
            await self._fleet.start(name)
            await asyncio.sleep(due - monotonic())

    async def _restart(self, threads: list[Thread]) -> None:
        self._break([thread for thread in threads if thread.ended < len(thread.asked)])
        await self._restart_database()

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

    def _break(self, threads: list[Thread]) -> None:
        """Their answers are broken off now."""
        now = monotonic()
        self._broken += [(thread, now) for thread in threads]

    def _resumed_s(self) -> list[float]:
        """For each answer that was broken off, the seconds until people saw more of it."""
        found = []
        for thread, broken_at in self._broken:
            later = [change for change in thread.changes() if change > broken_at]
            found.append(min(later, default=broken_at + self._plan.settle_s) - broken_at)
        return found

    def _conclude(self, threads: list[Thread]) -> None:
        outcome, fleet = self.outcome, self._fleet
        judge(threads, outcome)
        outcome.two_owners = too_close(fleet.shown(), APART_S)
        outcome.refused = fleet.refused_part()
        outcome.resumed_s = self._resumed_s()
        after = sorted(zip(outcome.resumed_s, self._broken, strict=True), key=lambda one: -one[0])
        outcome.slowest = [
            f"{seconds:.1f} s: thread {thread.number} of {thread.team}, broken at {at:.1f}"
            for seconds, (thread, at) in after[:_SHOWN]
        ]
        outcome.badly_ended = sum(status != 0 for status in fleet.statuses)
        asked = Counter(
            question_in(one.body)
            for one in self._endpoint.requests
            if isinstance(one.body, dict) and one.body.get("messages")
        )
        outcome.asked_twice = [token for token, count in asked.items() if count > 1]
