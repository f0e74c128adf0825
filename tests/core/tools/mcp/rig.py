"""Sources over real servers, and what their calls say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from core.clock import Clock, SystemClock
from core.errors import BotError
from core.ports.tools import ToolError, ToolOutput
from core.tools.config import ToolServer
from core.tools.mcp.server import McpServer
from core.values.tools import Tool
from tests.core.tools.rig import ON, PLACE, turn_of
from tests.waiting import until


class Rig:
    """One source. `states`: what it has told of its server."""

    def __init__(self, server: ToolServer, clock: Clock | None = None) -> None:
        self.states: list[BotError | None] = []
        self.source = McpServer(server, clock or SystemClock(), self.states.append)

    @property
    def tools(self) -> dict[str, Tool]:
        return {tool.title: tool for tool in self.source.tools(PLACE, ON)}

    @property
    def absent(self) -> bool:
        return self.source.absent(PLACE, ON)

    async def listed(self) -> dict[str, Tool]:
        await until(lambda: bool(self.tools))
        return self.tools

    async def output(self, title: str, **arguments: Any) -> ToolOutput:
        return await self.source.call(turn_of(), (await self.listed())[title], arguments)

    async def said(self, title: str, **arguments: Any) -> str:
        """The text of a result, or why there is none."""
        try:
            return (await self.output(title, **arguments)).text
        except ToolError as error:
            return f"failed: {error}"


@asynccontextmanager
async def running(server: ToolServer, clock: Clock | None = None) -> AsyncGenerator[Rig, None]:
    """A source that runs. At its end no task of it is left."""
    before = asyncio.all_tasks()
    rig = Rig(server, clock)
    job = asyncio.create_task(rig.source.run())
    try:
        yield rig
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        await rig.source.close()
    left = {repr(task.get_coro()) for task in asyncio.all_tasks() - before}
    assert not [one for one in left if "RawServer" not in one]
