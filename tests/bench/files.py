"""Files: how soon a small copy or a text is ready, what hostile files cost, and who waits meanwhile.

Each file is read by the real extractor in a child. Lag is how late a timer of the event loop is, at the most. Time for
which other programs kept a process from a core is in no aim, since no code of ours can help it: the aims are for the
seconds that a child has a core, and lag is without such time. The files are made in another process, so that this one
imports no more than Parley does. `make bench only=files`
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from core.clock import SystemClock
from core.files.extractor import ProcessExtractor
from core.llm.client import CompletionsClient
from core.ports.files import Extracted, FileError
from core.ports.model import Request
from core.values.conversation import text_message
from tests.fakes.completions import FakeCompletions

PHOTO_S, BOMB_S, PDF_S, LAG_MS, CHILD_MB, OWN_MB, HELD_UP_MS = 1.0, 3.0, 1.0, 20.0, 512, 5.0, 50.0
PHOTO, PAGES, TEXT = "photo of 12 megapixels.jpg", "200 pages.pdf", "notes.txt"
QUESTIONS, FILES = 20, 10
_TICK_S = 0.002


@dataclass
class Watch:
    """Measurements of this process and its children while files are read."""

    lag_ms: float = 0.0
    cpu_s: float = 0.0
    child_mb: float = 0.0
    own_mb: float = 0.0

    async def run(self) -> None:
        began_mb = _memory_mb("self", "VmRSS")
        while True:
            due, waited_s = time.monotonic() + _TICK_S, _waited_s()
            await asyncio.sleep(_TICK_S)
            late_s = time.monotonic() - due - (_waited_s() - waited_s)
            self.lag_ms = max(self.lag_ms, late_s * 1000)
            self.own_mb = max(self.own_mb, _memory_mb("self", "VmRSS") - began_mb)
            for memory_mb, cpu_s in _children():
                self.child_mb, self.cpu_s = max(self.child_mb, memory_mb), max(self.cpu_s, cpu_s)


def _memory_mb(pid: str, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _children() -> Iterator[tuple[float, float]]:
    """The most memory that each child has had so far, and its seconds on a core."""
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with suppress(OSError):
            on_core_ns = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
            yield _memory_mb(pid, "VmHWM"), on_core_ns / 1e9


def _waited_s() -> float:
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


@asynccontextmanager
async def watching() -> AsyncIterator[Watch]:
    watch = Watch()
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(_TICK_S)
    try:
        yield watch
    finally:
        running.cancel()


def main(_arguments: list[str]) -> None:
    with TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-c", f"from tests.bench import files; files.make({folder!r})"], check=True
        )
        asyncio.run(_measure({path.name: path for path in sorted(Path(folder).iterdir())}))
    print(f"parsers imported here: {', '.join({'PIL', 'pypdfium2'} & {*sys.modules}) or 'none'}")


def make(folder: str) -> None:
    """Write every file of the bench into `folder`."""
    from tests.bench.made_files import files  # Imports Pillow.

    for name, data in files():
        (Path(folder) / name).write_bytes(data)


async def _measure(paths: dict[str, Path]) -> None:
    extractor = ProcessExtractor(SystemClock())
    await _outcome(extractor.extract(TEXT, b"warm"))
    aims = {PHOTO: PHOTO_S, PAGES: PDF_S}
    print(
        f"{'file':<36}{'size':>9}{'outcome':>18}{'s':>8}{'core s':>8}{'child MB':>10}{'own MB':>8}{'lag ms':>8}"
    )
    for name, path in paths.items():
        data = path.read_bytes()
        async with watching() as watch:
            began = time.monotonic()
            outcome = await _outcome(extractor.extract(name, data))
            took_s = time.monotonic() - began
        aim_s = aims.get(name, BOMB_S)
        met = (
            watch.cpu_s <= aim_s
            and watch.child_mb < CHILD_MB
            and watch.own_mb < OWN_MB
            and watch.lag_ms < LAG_MS
        )
        print(
            f"{name:<36}{len(data) / 1e6:>6.1f} MB{outcome:>18}{took_s:>8.2f}{watch.cpu_s:>8.2f}{watch.child_mb:>10.0f}"
            f"{watch.own_mb:>8.1f}{watch.lag_ms:>8.1f}  (aim {aim_s:g} s: {_verdict(met)})"
        )
    await _questions(extractor, paths[PHOTO].read_bytes())
    await extractor.close()


async def _outcome(extracting: Awaitable[Extracted]) -> str:
    try:
        return type(await extracting).__name__
    except FileError as error:
        return error.problem


async def _questions(extractor: ProcessExtractor, photo: bytes) -> None:
    """Questions without a file, alone and while `FILES` photos are read."""
    async with FakeCompletions() as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        await _asked(client)
        alone = await _asked(client)
        reading = [asyncio.create_task(_outcome(extractor.extract(PHOTO, photo))) for _ in range(FILES)]
        await asyncio.sleep(0.1)
        beside = await _asked(client)
        still = sum(not one.done() for one in reading)
        await asyncio.gather(*reading)
        await client.close()
    held_up_ms = statistics.median(beside) - statistics.median(alone)
    print(
        f"{QUESTIONS} questions without a file: median {statistics.median(alone):.1f} ms, "
        f"worst {max(alone):.1f}; while {FILES} photos are read (at the end {still}): "
        f"median {statistics.median(beside):.1f}, worst {max(beside):.1f} "
        f"(aim {HELD_UP_MS:g} ms more: {_verdict(held_up_ms <= HELD_UP_MS)})"
    )


async def _asked(client: CompletionsClient) -> list[float]:
    taken_ms = []
    for _ in range(QUESTIONS):
        began = time.monotonic()
        async for _delta in client.stream(Request((text_message("user", "Hi"),), "test-model")):
            pass
        taken_ms.append((time.monotonic() - began) * 1000)
    return taken_ms


def _verdict(good: bool) -> str:
    return "met" if good else "MISSED"
