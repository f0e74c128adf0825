"""One soak: questions on every platform, answered with every hostile shape of text, in pieces of every size.

A page watches its newest answer grow."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from uuid import uuid4

import aiohttp

from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Raw
from tests.fakes.completions.replies import DONE, Step, chunk, event
from tests.fakes.discord import ADA, BOT, GENERAL, FakeDiscord
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.shapes import SHAPES

LONGEST = 20_000
"""Characters of one answer."""
LOOK_S = 0.1
SETTLE_S = 120.0
"""Seconds in which the memory of a new process still grows."""


@dataclass(slots=True)
class Report:
    seconds: float = 0.0
    asked: int = 0
    answered: int = 0
    longest_wait_s: float = 0.0
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    ended: int = -1

    @property
    def p99_s(self) -> float:
        """The 99th percentile of the time in which /livez answered."""
        return sorted(self.waits_s)[int(len(self.waits_s) * 0.99)]

    def growth_mb(self, after_s: float = SETTLE_S) -> float:
        """Memory at the end, less the most there was in the first minute after `after_s`."""
        first = [mb for at, mb in self.memory_mb if after_s <= at < after_s + 60]
        last = [mb for at, mb in self.memory_mb if at >= self.seconds - 60]
        return sum(last) / len(last) - max(first) if first else 0.0


def in_pieces(text: str, seed: int, pause_s: float) -> Raw:
    """`text` streamed in pieces cut at random, one every `pause_s` seconds."""
    cut = random.Random(seed)
    steps: list[Step] = []
    size = max(cut.choice((1, 50, 1_000)), len(text) // 400)
    while text:
        taken = cut.randint(1, 2 * size)
        steps += [pause_s, event(chunk({"content": text[:taken]}))]
        text = text[taken:]
    return Raw((*steps, event(chunk({}, "stop")), DONE))


def hostile(chosen: random.Random) -> Raw:
    text = chosen.choice(list(SHAPES.values()))(chosen.randint(1, LONGEST))
    return in_pieces(
        f"Answer: {text}\nthe end of it.", chosen.randrange(1_000_000), chosen.choice((0.0, 0.002, 0.02))
    )


async def soak(folder: Path, seconds: float, every_s: float, seed: int) -> tuple[Report, str]:
    """Ask a question every `every_s` for `seconds`. The report, and what the program wrote."""
    chosen = random.Random(seed)
    report = Report()
    async with (
        FakeSlack() as slack,
        FakeDiscord(check_spec=False) as discord,
        FakeCompletions(default=lambda _body: hostile(chosen)) as endpoint,
    ):
        settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
        program = Program.fresh(folder, **settings, PARLEY_WEB="on", PARLEY_GRACE_S="4")
        await program.start()
        await program.ready()
        began = monotonic()
        watching = asyncio.create_task(_watch(program, report, began))
        reading = asyncio.create_task(asyncio.sleep(0))
        while (passed := monotonic() - began) < seconds:
            report.asked += 1
            words = f"question {report.asked}?"
            if report.asked % 3 == 0:
                reading.cancel()
                reading = asyncio.create_task(_read(program, await _ask_on_page(program, words)))
            elif report.asked % 3 == 1:
                await slack.say("U1", f"C{1 + report.asked // 3 % 3}", f"<@{BOT_USER}> {words}")
            else:
                await discord.say(ADA, GENERAL, f"<@{BOT}> {words}")
            await asyncio.sleep(max(0.0, report.asked * every_s - passed))
        for _ in range(300):  # what still runs is given half a minute
            if len(endpoint.requests) >= report.asked:
                break
            await asyncio.sleep(LOOK_S)
        report.answered = len(endpoint.requests)
        report.seconds = monotonic() - began
        watching.cancel()
        reading.cancel()
        await asyncio.gather(watching, reading, return_exceptions=True)
        report.ended = await program.stop()
    return report, program.output


async def _ask_on_page(program: Program, words: str) -> str:
    """The thread of a question that was asked on the page."""
    body = {"text": words, "client_id": str(uuid4())}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{program.url}/api/asks", json=body) as response,
    ):
        return str((await response.json())["thread"])


async def _read(program: Program, thread: str) -> None:
    """The events of an open page, until the program closes the stream."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{program.url}/api/threads/{thread}/events") as stream,
    ):
        async for _ in stream.content.iter_any():
            pass


async def _watch(program: Program, report: Report, began: float) -> None:
    """The time of /livez, and the memory of the program."""
    async with aiohttp.ClientSession() as session:
        while True:
            sent = monotonic()
            async with session.get(f"{program.url}/livez") as answer:
                await answer.read()
            report.waits_s.append(monotonic() - sent)
            report.longest_wait_s = max(report.waits_s)
            report.memory_mb.append((monotonic() - began, memory_mb(program.pid)))
            await asyncio.sleep(LOOK_S)


def memory_mb(pid: int) -> float:
    """https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html"""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6
