"""The page: how long the event loop is held up while a reader watches an answer grow, plain and hostile.

The page, its reader and the probe share one event loop, so the lag also counts what the reader does. The answers grow
by whole views, as the page's rate limit allows them. `make bench only=page`
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from aiohttp import ClientSession

from core.values.outgoing import EditMessage, Page, PostMessage
from core.values.ui import Button
from tests.bots.web.rig import App, serving_page

LENGTH = 60_000
VIEWS, PER_S = 100, 20
PROBE_S = 0.005
LAG_MS = 200.0
ANSWERS = {
    "plain": "Some **bold** words, a [link](http://x.test) and `code` in a paragraph of its own.\n\n",
    "list": "- a\n",
    "quote": "> a\n>\n",
    "rows": "|a|b|\n|-|-|\n",
    "emphasis": "**a *b* c** ",
    "formulas": "$x_1$ \\(y^2\\) ",
}


@dataclass
class Figures:
    """The delay of each wake-up of the probe, and the number of views that the reader was sent."""

    lags_ms: list[float] = field(default_factory=list)
    views: int = 0
    cpu_s: float = 0.0


async def measure(answer: str) -> Figures:
    text = (answer * (LENGTH // len(answer) + 1))[:LENGTH]
    figures = Figures()
    async with serving_page() as home, ClientSession(read_bufsize=1 << 22) as reader:
        home.inbox.begins.clear()  # this bench answers
        body = {"text": "?", "client_id": str(uuid4())}
        async with reader.post(f"{home.url}/api/asks", json=body) as response:
            thread = (await response.json())["thread"]
        began = time.process_time()
        watching = [
            asyncio.create_task(_probe(figures)),
            asyncio.create_task(_read(reader, f"{home.url}/api/threads/{thread}/events", figures)),
        ]
        await _grow(home, text)
        async with reader.get(f"{home.url}/api/threads/{thread}") as response:
            await response.read()  # it has the last view too, behind those that are still to be made
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        figures.cpu_s = time.process_time() - began
        home.inbox.begins.set()
    return figures


async def _grow(home: App, text: str) -> None:
    (ask,) = home.inbox.events
    perform, stop = home.platform.installation.perform, (Button("stop", "Stop", 1),)
    message = await perform(PostMessage(ask.place, Page(text[:1], buttons=stop), "bench"))
    for number in range(1, VIEWS):
        await asyncio.sleep(1 / PER_S)
        shown = Page(text[: len(text) * number // VIEWS], buttons=stop)
        await perform(EditMessage(ask.place, message, shown))
    await perform(EditMessage(ask.place, message, Page(text)))


async def _probe(figures: Figures) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(PROBE_S)
        figures.lags_ms.append(1_000 * (time.perf_counter() - began - PROBE_S))


async def _read(reader: ClientSession, url: str, figures: Figures) -> None:
    async with reader.get(url) as response:
        async for chunk in response.content.iter_any():
            figures.views += chunk.count(b"event: message")


def main(arguments: Sequence[str] = ()) -> None:
    """`page [answer ...]`: without arguments all of them."""
    gc.freeze()  # as the program does
    print(f"an answer of {LENGTH:,} characters in {VIEWS} views, {PER_S} a second; lag of the event loop, ms:")
    print(f"{'answer':<12}{'median':>9}{'p99':>9}{'worst':>9}{'bar':>7}{'views':>8}{'CPU s':>8}")
    for name in arguments or ANSWERS:
        figures = asyncio.run(measure(ANSWERS[name]))
        lags = sorted(figures.lags_ms)
        median, p99, worst = lags[len(lags) // 2], lags[len(lags) * 99 // 100], lags[-1]
        missed = "" if worst <= LAG_MS else "  MISSED"
        print(
            f"{name:<12}{median:>9.1f}{p99:>9.1f}{worst:>9.1f}{LAG_MS:>7.0f}{figures.views:>8}{figures.cpu_s:>8.1f}{missed}",
            flush=True,
        )
