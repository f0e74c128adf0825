"""A process in which many answers are written at once and painted by the real scheduler on a real platform.

Its own process, so that its CPU time and memory are the painting's alone. Reads a `Crowd` as JSON from its
standard input and prints a `ImmediateReply`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bots import discord, slack
from bots.discord import DiscordSettings
from bots.slack import SlackSettings
from core.clock import SystemClock
from core.delivery.scheduler import DeliveryScheduler
from core.errors import BotError, PlatformError
from core.i18n import language_of
from core.platform_calls import PlatformCalls
from core.ports.connector import Connector
from core.values.budgets import SoundRules
from core.values.conversation import Ask
from core.values.events import Command, Edited, Event, Outcome, Receipt
from core.values.outgoing import Phase, Reply, Sources
from core.values.places import Person, Place
from core.values.ui import Choice


@dataclass(frozen=True, slots=True)
class Crowd:
    """The answers to paint: a (channel, thread) each. `settings` are the platform's."""

    platform: str
    settings: dict[str, str]
    team: str
    reader: str
    places: list[tuple[str, str]]
    words: int
    per_s: float
    give_up_s: float


@dataclass(frozen=True, slots=True)
class ImmediateReply:
    """When each word was said (monotonic seconds), which answers failed, and what it took."""

    said: list[list[float]]
    failed: list[str]
    cpu_s: float
    rss_mb: float
    took_s: float


def word(index: int) -> str:
    """Four letters and a space or a paragraph's end: 300 of them are as long as 300 English words."""
    return f"w{index:03d}" + ("\n\n" if index % 60 == 59 else " ")


class _Deaf:
    def failed(self, error: BotError, place: Place) -> None:
        """Nobody looks references up."""

    async def receive(self, event: Event) -> Receipt:
        return Receipt(Outcome.UNKNOWN)

    async def language(self, person: Person, place: Place) -> str:
        return language_of(person.locale)

    async def concerns(self, event: Ask | Edited) -> bool:
        return True

    async def refusal(self, event: Ask | Command) -> None:
        return None

    async def take_request(self, key: str) -> bool:
        return True

    async def give_back_request(self, key: str) -> None: ...

    async def sound_rules(self, ask: Ask) -> SoundRules:
        return SoundRules()

    async def sources(self, place: Place, reader: Person, footers: object) -> dict[str, Sources]:
        return {}

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        return []


def _peak_mb() -> float:
    """The most memory this process had; getrusage would count the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _create(crowd: Crowd) -> Connector:
    if crowd.platform == "slack":
        created: Connector | None = slack.create(SlackSettings.model_validate(crowd.settings), SystemClock())
    else:
        created = discord.create(DiscordSettings.model_validate(crowd.settings), SystemClock())
    assert created is not None
    return created


async def _write(crowd: Crowd, scheduler: DeliveryScheduler, number: int, said: list[float]) -> str:
    """One answer, word by word. Returns why it could not be shown, or nothing."""
    channel, thread = crowd.places[number]
    place = Place(crowd.platform, crowd.team, channel, thread)
    ask = Ask(thread or str(number), place, Person(crowd.reader), "?", datetime.now(UTC))

    async def on_post(_: tuple[str, ...]) -> None:
        """Nothing is stored here."""

    delivery = scheduler.delivery(ask, f"bench-{number}", on_post, (), look_first=False)
    began, text = time.monotonic(), ""
    try:
        for index in range(crowd.words):
            await asyncio.sleep(began + index / crowd.per_s - time.monotonic())
            text += word(index)
            said.append(time.monotonic())
            delivery.show_newest(partial(Reply, text, Phase.WRITING), said[-1])
        delivery.show(Reply(text, Phase.ENDED), time.monotonic())
        await asyncio.wait_for(delivery.finished(), crowd.give_up_s)
    except (PlatformError, TimeoutError) as error:
        return f"{type(error).__name__} {error}"
    finally:
        scheduler.release(delivery)
    return ""


async def paint(crowd: Crowd) -> ImmediateReply:
    """Paint them all at once."""
    platform = _create(crowd)
    scheduler = DeliveryScheduler(PlatformCalls(platform.installations[0]), SystemClock())
    running = [asyncio.create_task(platform.run(_Deaf())), asyncio.create_task(scheduler.run())]
    try:
        async with asyncio.timeout(20):
            while not platform.ready():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await asyncio.sleep(1.1)  # what the start has called is out of every limit's window
        said: list[list[float]] = [[] for _ in crowd.places]
        cpu, began = time.process_time(), time.monotonic()
        results = await asyncio.gather(
            *(_write(crowd, scheduler, number, said[number]) for number in range(len(crowd.places)))
        )
        return ImmediateReply(
            said,
            [result for result in results if result],
            time.process_time() - cpu,
            _peak_mb(),
            time.monotonic() - began,
        )
    finally:
        for task in running:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*running, return_exceptions=True)


def main() -> None:
    crowd = json.load(sys.stdin)
    crowd["places"] = [tuple(place) for place in crowd["places"]]
    print(json.dumps(asdict(asyncio.run(paint(Crowd(**crowd))))))


if __name__ == "__main__":
    main()
