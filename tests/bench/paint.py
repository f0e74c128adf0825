"""Staleness of each word: the real scheduler and platforms against workspaces that enforce the limits.

`make bench` prints a table and draws `deploy/figures/staleness-*.png`. Staleness of a word: from the moment the
model said it to the moment the workspace first showed it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

from tests.bench.bound import Figures, simulate
from tests.bench.crowd import Crowd, ImmediateReply
from tests.fakes.discord import ADA, GUILD, FakeDiscord
from tests.fakes.slack import DOCUMENTED, FakeSlack, scaled

CROWDS = (1, 10, 40, 200)
WORDS, PER_S = 300, 50.0
FIGURES = Path(__file__).parents[2] / "deploy" / "figures"
TARGETS = {"slack": {1: 0.20, 10: 1.0, 40: 3.0}, "discord": {1: 0.50, 10: 0.52, 40: 0.60, 200: 2.5}}

_WORD = re.compile(r"\bw(\d{3})\b")
History = list[tuple[float, str]]
"""A message's life: when it changed, and what a reader saw then."""


@dataclass(frozen=True, slots=True)
class Result:
    """Measurements at the readers. Times in seconds, CPU in milliseconds an answer."""

    platform: str
    answers: int
    mean_s: float
    first_s: float
    last_s: float
    refused: int
    calls: int
    lost: int
    doubled: int
    messages: float
    failed: int
    cpu_ms: float
    rss_mb: float


async def measure(
    platform: str, answers: int, *, words: int = WORDS, per_s: float = PER_S, scale: float = 1.0
) -> Result:
    """Paint `answers` answers at once, each in a channel of its own. `scale` makes the limits tighter than told."""
    return await (_slack if platform == "slack" else _discord)(answers, words, per_s, scale)


async def _slack(answers: int, words: int, per_s: float, scale: float) -> Result:
    async with FakeSlack(limits=scaled(DOCUMENTED, scale)) as fake:
        for number in range(answers):
            fake.space.add_channel(f"CB{number}", f"bench-{number}")
        roots = [await fake.say("U1", f"CB{number}", "?") for number in range(answers)]
        settings = {
            "slack_bot_token": fake.bot_token,
            "slack_app_token": fake.app_token,
            "slack_api_url": fake.api_url,
        }
        places = [(f"CB{number}", root) for number, root in enumerate(roots)]
        told = await _paint(Crowd("slack", settings, "T1", "U1", places, words, per_s, 180))
        lives = [[message.history for message in fake.thread(channel, root)[1:]] for channel, root in places]
        calls = [call for call in fake.calls if call.method.startswith("chat.")]
        refused = sum(count for method, count in fake.refused.items() if method.startswith("chat."))
        return _result("slack", told, lives, words, refused, len(calls))


async def _discord(answers: int, words: int, per_s: float, scale: float) -> Result:
    async with FakeDiscord(check_spec=False) as fake:
        channels = [await fake.add_channel(f"bench-{number}") for number in range(answers)]
        fake.limits.enabled, fake.limits.scale = True, scale
        settings = {
            "discord_bot_token": fake.bot_token,
            "discord_api_url": fake.api_url,
            "discord_gateway_url": fake.gateway_url,
        }
        places = [(str(channel), "") for channel in channels]
        told = await _paint(Crowd("discord", settings, str(GUILD), str(ADA), places, words, per_s, 180))
        lives = [[message.history for message in fake.messages(channel)] for channel in channels]
        calls = [call for call in fake.calls if call.method in ("POST", "PATCH") and "/messages" in call.path]
        return _result("discord", told, lives, words, fake.limits.refusals, len(calls))


async def _paint(crowd: Crowd) -> ImmediateReply:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.crowd",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(json.dumps(asdict(crowd)).encode())
    assert process.returncode == 0
    *log, told = out.decode().splitlines()
    for line in log:
        print(line, file=sys.stderr)
    return ImmediateReply(**json.loads(told))


def _result(
    platform: str, told: ImmediateReply, lives: list[list[History]], words: int, refused: int, calls: int
) -> Result:
    stale: list[float] = []
    firsts: list[float] = []
    lasts: list[float] = []
    lost = doubled = 0
    for said, messages in zip(told.said, lives, strict=True):
        seen = _first_seen(messages)
        final = [int(found) for life in messages if life for found in _WORD.findall(life[-1][1])]
        lost += words - len(set(final))
        doubled += len(final) - len(set(final))
        stale += [seen[index] - at for index, at in enumerate(said) if index in seen]
        firsts += [seen[0] - said[0]] if 0 in seen else []
        lasts += [seen[words - 1] - said[-1]] if words - 1 in seen else []
    answers = len(told.said)
    return Result(
        platform,
        answers,
        mean(stale),
        max(firsts),
        max(lasts),
        refused,
        calls,
        lost,
        doubled,
        sum(len(messages) for messages in lives) / answers,
        len(told.failed),
        told.cpu_s * 1000 / answers,
        told.rss_mb,
    )


def _first_seen(messages: Iterable[History]) -> dict[int, float]:
    """When each word could first be read."""
    seen: dict[int, float] = {}
    for life in messages:
        for at, text in life:
            for found in _WORD.findall(text):
                index = int(found)
                seen[index] = min(at, seen.get(index, at))
    return seen


HEAD = (
    "platform  answers  mean s  bound  ratio  1.3 s  target  first s   last s  bound  refused  calls"
    "  lost  twice  messages  failed  CPU ms  RSS MB"
)


def row(result: Result, bound: Figures, fixed: Figures) -> str:
    target = TARGETS[result.platform].get(result.answers)
    return (
        f"{result.platform:<9} {result.answers:>7} {result.mean_s:>7.2f} {bound.mean_s:>6.2f}"
        f" {result.mean_s / bound.mean_s:>6.2f} {fixed.mean_s:>6.2f} {target if target else '-':>7}"
        f" {result.first_s:>8.2f} {result.last_s:>8.2f} {bound.last_s:>6.2f} {result.refused:>8} {result.calls:>6}"
        f" {result.lost:>5} {result.doubled:>6} {result.messages:>9.2f} {result.failed:>7}"
        f" {result.cpu_ms:>7.1f} {result.rss_mb:>7.0f}"
    )


def draw(platform: str, results: list[Result], bounds: list[Figures], fixed: list[Figures]) -> Path:
    """Staleness against the number of answers: ours, the fixed interval, the bound."""
    import matplotlib as mpl  # a development extra, needed for the pictures only

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
    crowds = [result.answers for result in results]
    axes.plot(crowds, [result.mean_s for result in results], "o-", label="Parley, measured")
    axes.plot(crowds, [figures.mean_s for figures in fixed], "s--", label="an edit every 1.3 s, simulated")
    axes.plot(crowds, [figures.mean_s for figures in bounds], "^:", label="greedy bound, simulated")
    axes.set(xscale="log", yscale="log", xlabel="answers at once, one workspace", ylabel="mean staleness, s")
    axes.set_xticks(crowds, [str(crowd) for crowd in crowds])
    axes.set_title(f"{platform.capitalize()}: from the model's word to the reader's eye")
    axes.grid(alpha=0.3)
    axes.legend()
    FIGURES.mkdir(parents=True, exist_ok=True)
    path = FIGURES / f"staleness-{platform}.png"
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return path


def main(arguments: list[str]) -> None:
    """`paint [slack|discord] [answers ...] [half]`: without arguments all of it, with the pictures.

    One row: `make bench only="paint discord 200 half"`, there with limits half as generous as we believe.
    """
    platforms = [name for name in ("slack", "discord") if name in arguments] or ["slack", "discord"]
    crowds = [int(argument) for argument in arguments if argument.isdecimal()] or list(CROWDS)
    scale = 0.5 if "half" in arguments else 1.0
    print(f"{WORDS} words at {PER_S:.0f} a second, each answer in its own channel; limits x {scale}")
    print(HEAD)
    for platform in platforms:
        results, bounds, fixed = [], [], []
        for answers in crowds:
            results.append(asyncio.run(measure(platform, answers, scale=scale)))
            bounds.append(simulate(platform, answers, WORDS, PER_S, scale=scale))
            fixed.append(simulate(platform, answers, WORDS, PER_S, fixed=True, scale=scale))
            print(row(results[-1], bounds[-1], fixed[-1]), flush=True)
        if not arguments:
            print(f"drawn: {draw(platform, results, bounds, fixed)}")
