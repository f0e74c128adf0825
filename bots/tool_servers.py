"""The tool servers of a running process: each runs for as long as an answer may use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from core.tools.config import ToolServer
from core.tools.mcp.server import McpServer


@dataclass(slots=True, eq=False)
class _Run:
    config: ToolServer
    server: McpServer
    task: asyncio.Task[None] | None = None


class ToolServers:
    """Runs servers once `wait` has returned: importing their SDK would delay what begins before. `removed` gets the
    name of each that is there no more."""

    def __init__(
        self,
        create: Callable[[ToolServer], McpServer],
        wait: Callable[[], Awaitable[None]],
        removed: Callable[[str], None],
    ) -> None:
        self._create = create
        self._wait = wait
        self._removed = removed
        self.configured: list[McpServer] = []
        self._runs: list[_Run] = []
        self._tasks: asyncio.TaskGroup | None = None

    def of(self, configs: Sequence[ToolServer]) -> list[McpServer]:
        """The servers of `configs`, which are configured from now on: those that there are, and new ones."""
        self.configured = [self._of(config) for config in configs]
        return self.configured

    def _of(self, config: ToolServer) -> McpServer:
        found = next((one for one in self._runs if one.config == config), None)
        if found is None:
            found = _Run(config, self._create(config))
            self._runs.append(found)
            self._start(found)
        return found.server

    def _start(self, run: _Run) -> None:
        if self._tasks is not None:
            run.task = self._tasks.create_task(run.server.run())

    async def run(self) -> None:
        """Run until cancelled. Raises the error of a server's task, which should not end."""
        await self._wait()
        async with asyncio.TaskGroup() as self._tasks:
            for one in self._runs:
                self._start(one)
            await asyncio.get_running_loop().create_future()

    async def keep(self, used: Collection[object]) -> None:
        """End the servers that are not among `used`."""
        ended = [one for one in self._runs if one.server not in used]
        self._runs = [one for one in self._runs if one.server in used]
        for one in ended:
            if one.task is not None:
                one.task.cancel()
            await one.server.close()
        for name in {one.config.name for one in ended} - {one.config.name for one in self._runs}:
            self._removed(name)

    async def close(self) -> None:
        """End all."""
        await asyncio.gather(*(one.server.close() for one in self._runs))
