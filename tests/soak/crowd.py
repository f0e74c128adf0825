"""A crowd: 150 answers that grow at once at the pace at which people read, among events that are no questions.

The fakes are in this process, Parley in one of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from tests.e2e.conftest import discord_settings, model_settings, slack_settings
from tests.e2e.program import Program
from tests.fakes.completions import FakeCompletions, Words
from tests.fakes.discord import ADA, BOT, GENERAL, FakeDiscord
from tests.fakes.slack import BOT_USER, FakeSlack
from tests.soak.soak import memory_mb

_NUMBER = re.compile(r"question (\d+)\?")
_CHANNELS = tuple(f"C{number}" for number in range(101, 107))
"""Slack takes one message a second in a channel. The 90 answers a minute that Slack is asked for have two each: three
channels would be used up by them."""
_LOOK_S = 1.0
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Pace:
    """`live`: answers that grow at once. Rates are those of a second."""

    live: int = 150
    words_per_s: float = 10.0
    events_per_s: float = 20.0
    questions_per_s: float = 3.0

    @property
    def words(self) -> int:
        """The words of each answer, which takes until `live` of them grow."""
        return round(self.live / self.questions_per_s * self.words_per_s)


@dataclass(slots=True)
class Report:
    """`lost`: the questions whose answer does not have all of its words, in their order. `live`: the answers that grew
    at once, at each look. `acks_s`: until each of Slack's envelopes was acknowledged."""

    asked: int = 0
    events: int = 0
    lost: list[int] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    acks_s: list[float] = field(default_factory=list)
    memory_mb: list[tuple[float, float]] = field(default_factory=list)
    ended: int = -1
    output: str = ""

    def percentile_s(self, share: float) -> float:
        return sorted(self.acks_s)[int(len(self.acks_s) * share)] if self.acks_s else float("inf")

    def growth_mb(self, after_s: float, until_s: float) -> float:
        """The mean of the last minute before `until_s`, less that of the minute from `after_s` on."""
        first = [mb for at, mb in self.memory_mb if after_s <= at < after_s + 60]
        last = [mb for at, mb in self.memory_mb if until_s - 60 <= at < until_s]
        return sum(last) / len(last) - sum(first) / len(first) if first and last else 0.0


def words_of(number: int, count: int) -> str:
    """The answer to a question: each word has its place, so that one that is missing is seen."""
    return " ".join(f"a{number}w{index}" for index in range(count))


async def crowd(folder: Path, seconds: float, pace: Pace) -> Report:
    """Ask for `seconds`, then wait for the last answers."""
    report = Report()

    def answer(body: dict[str, Any]) -> Words:
        number = int(_NUMBER.findall(str(body["messages"][-1]["content"]))[-1])
        return Words(words_of(number, pace.words), per_s=pace.words_per_s)

    async with (
        FakeSlack() as slack,
        FakeDiscord(check_spec=False) as discord,
        FakeCompletions(default=answer) as endpoint,
    ):
        for channel in _CHANNELS:
            slack.space.add_channel(channel, f"room-{channel}")
        settings = slack_settings(slack) | discord_settings(discord) | model_settings(endpoint)
        program = Program.fresh(folder, **settings, PARLEY_GRACE_S="4", PARLEY_CATCH_UP_S="0")
        await program.start()
        await program.ready()
        began = monotonic()
        watching = asyncio.create_task(_watch(program, report, began))
        answers: dict[int, Callable[[], str]] = {}
        for event in itertools.count():
            due = began + event / pace.events_per_s
            if due - began >= seconds:
                break
            await asyncio.sleep(due - monotonic())
            report.events += 1
            number = report.asked
            if (event + 1) * pace.questions_per_s / pace.events_per_s < number + 1:
                await _talk(slack, discord, event)
            elif number % 2:
                answers[number] = await _ask_on_slack(slack, number)
            else:
                answers[number] = await _ask_on_discord(discord, number)
            report.asked = len(answers)
        report.lost = await _not_whole(answers, pace)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        report.acks_s = [one.latency_s or float("inf") for one in slack.sockets.envelopes]
        report.ended, report.output = await program.stop(), program.output
    return report


async def _talk(slack: FakeSlack, discord: FakeDiscord, event: int) -> None:
    """A message that is none of Parley's business."""
    if event % 2:
        await slack.say("U1", _CHANNELS[event % len(_CHANNELS)], f"lunch at {event}?")
    else:
        await discord.say(ADA, GENERAL, f"lunch at {event}?")


async def _ask_on_slack(slack: FakeSlack, number: int) -> Callable[[], str]:
    channel = _CHANNELS[number // 2 % len(_CHANNELS)]
    ts = await slack.say("U1", channel, f"<@{BOT_USER}> question {number}?")

    def shown() -> str:
        return " ".join(one.visible for one in slack.thread(channel, ts) if one.user == BOT_USER)

    return shown


async def _ask_on_discord(discord: FakeDiscord, number: int) -> Callable[[], str]:
    message = await discord.say(ADA, GENERAL, f"<@{BOT}> question {number}?")

    def shown() -> str:
        thread = discord.thread_of(message)
        return " ".join(one.text for one in discord.from_bot(thread.id)) if thread is not None else ""

    return shown


async def _not_whole(answers: Mapping[int, Callable[[], str]], pace: Pace) -> list[int]:
    """The questions without their whole answer, once the last one has had its time, and half a minute more."""
    left = dict(answers)
    until = monotonic() + pace.words / pace.words_per_s + _PATIENCE_S
    while left and monotonic() < until:
        left = {number: shown for number, shown in left.items() if not is_whole(shown(), number, pace.words)}
        await asyncio.sleep(_LOOK_S)
    return sorted(left)


def is_whole(text: str, number: int, count: int) -> bool:
    """True if the text has each word of the answer once, in their order."""
    return re.findall(rf"\ba{number}w(\d+)\b", text) == [str(index) for index in range(count)]


async def _watch(program: Program, report: Report, began: float) -> None:
    """The memory of the program, and the answers that it writes."""
    async with aiohttp.ClientSession() as session:
        while True:
            report.memory_mb.append((monotonic() - began, memory_mb(program.pid)))
            async with session.get(f"{program.url}/metrics") as response:
                (running,) = re.findall(r"^parley_running_answers (\S+)$", await response.text(), re.MULTILINE)
            report.live.append(round(float(running)))
            await asyncio.sleep(_LOOK_S)
