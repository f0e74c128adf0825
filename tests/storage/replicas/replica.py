"""A replica without anything to answer, in this process or in one of its own: `python -m` this module with a URL."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.clock import SystemClock
from core.turns.ownership import Gained, OwnershipChange
from core.values.places import Place
from storage.replicas.ownership import SharedOwnership
from storage.replicas.partitions import Partitions
from storage.replicas.session import ReplicaSession
from storage.url import parse_url
from tests.waiting import until

ROOT = Path(__file__).parents[3]
PARTITIONS = Partitions()
ALL = {partition for group in PARTITIONS.groups for partition in group}


class Replica:
    """Works off each change at once, unless it is `slow`."""

    def __init__(self, url: str, name: str = "replica") -> None:
        self.session = ReplicaSession(parse_url(url), name)
        self.busy: set[Place] = set()
        self.changes: list[OwnershipChange] = []
        self.works = asyncio.Event()
        self.works.set()
        self.ownership = SharedOwnership(self.session, PARTITIONS, SystemClock(), lambda: self.busy)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def held(self) -> frozenset[int]:
        return self.ownership.partitions

    async def __aenter__(self) -> Replica:
        self._tasks = [asyncio.create_task(self.ownership.run()), asyncio.create_task(self._follow())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ownership.close()

    async def _follow(self) -> None:
        while True:
            self.changes.append(await self.ownership.change())
            await self.works.wait()


@asynccontextmanager
async def another_process(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yields once it holds all that is free."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.storage.replicas.replica", url), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async for line in process.stdout:  # behind lines of the log
            if line == b"gained\n":
                break
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _main(url: str) -> None:
    async with Replica(url, "another") as replica:
        await until(lambda: any(isinstance(change, Gained) for change in replica.changes))
        print("gained", flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
