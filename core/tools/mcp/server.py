"""`McpServer`: the tools of one MCP server, as a source. It imports no SDK: its connections do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import structlog

from core.clock import Clock
from core.errors import BotError, Code
from core.files.excerpt import converted_excerpt
from core.ports.tools import ToolError, ToolOutput
from core.redaction import Secrets
from core.tools.config import ToolServer
from core.tools.mcp.errors import ServerCallError
from core.tools.results import LONGEST_RESULT
from core.values.conversation import Turn
from core.values.places import Place
from core.values.tools import Tool, ToolSettings

if TYPE_CHECKING:
    from core.tools.mcp.connection import McpConnection

log = structlog.get_logger()

CONNECT_S = 5.0
"""Seconds that connecting may take, and that a call waits for it. For a program, a call waits as long as for its
result."""
START_S = 60.0
"""Seconds that a program may take to start: it may have to be downloaded first."""
LIST_EVERY_S = 600.0
KEEP_S = 24 * 3600.0
"""Seconds that tools are offered from the last list of a server that can't be reached."""
LEAST_PAUSE_S = 1.0
"""The shortest pause between two lists, and after the first attempt to connect that failed."""
LONGEST_PAUSE_S = 60.0
AT_ONCE = 4
"""Calls of a server that run at a time."""

AWAY = "The server {name} can't be reached now. Nothing was done."
UNKNOWN_OUTCOME = (
    "{reason} It is not known whether the call was done, and it is not repeated. Say so, and find out with other tools "
    "where you can."
)


@dataclass(frozen=True, slots=True)
class ServerOverview:
    """A server as an operator sees it. `reached`: None before the first attempt has ended. `reason`: why it can't be
    reached, without secrets. `tools` are those of the last list, also those of the rule NEVER; `listed_s` its age in
    seconds."""

    name: str
    where: str
    reached: bool | None
    reason: str
    tools: tuple[Tool, ...]
    listed_s: float | None


OnState = Callable[[BotError | None], None]
"""Called with None once a server is reached, and with why it can't be at each attempt that failed."""


class McpServer:
    """A `ToolSource`. It connects when its tools are listed or called, and again when a call finds the connection lost.

    Where connecting fails, the next attempt waits 1, 2, 4, ... 60 s. A call that may write is never repeated once it
    may have begun.
    """

    def __init__(self, server: ToolServer, clock: Clock, on_state: OnState) -> None:
        self.name = server.name
        self._server = server
        self._secrets = Secrets(server.secrets)
        self._clock = clock
        self._on_state = on_state
        self._tools: tuple[Tool, ...] = ()
        self._listed_at: float | None = None
        self._connection: McpConnection | None = None
        self._retired: set[McpConnection] = set()
        self._opening: asyncio.Task[McpConnection | ServerCallError] | None = None
        self._failures = 0
        self._failed_at = 0.0
        self._timed_out = False
        self._reason = ""
        self._wanted = asyncio.Event()
        self._free = asyncio.Semaphore(AT_ONCE)

    def tools(self, place: Place, settings: ToolSettings) -> tuple[Tool, ...]:
        """The tools of the last list within 24 hours: a call connects again."""
        self._retry()
        if not self._server.offered_in(place) or self._listed_at is None:
            return ()
        return self._tools if self._clock.monotonic() - self._listed_at < KEEP_S else ()

    def absent(self, place: Place, settings: ToolSettings) -> bool:
        """True if the server can't be reached now. It counts as absent while it is being reached for the first
        time."""
        self._retry()
        return self._server.offered_in(place) and (self._away or self._listed_at is None)

    def overview(self) -> ServerOverview:
        """The state for operators. It makes no call."""
        listed_s = None if self._listed_at is None else self._clock.monotonic() - self._listed_at
        reached = None if listed_s is None and not self._failures else not self._away
        reason = self._reason if self._away else ""
        return ServerOverview(self.name, self._server.where, reached, reason, self._tools, listed_s)

    async def listed(self) -> None:
        if self._listed_at is None:
            with suppress(ServerCallError):
                await self._connected()

    async def call(self, turn: Turn, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        """Call a tool. A result may repeat the secrets that the server is reached with: they are taken out."""
        async with self._free:
            try:
                output = await self._call(tool, arguments)
                # A long text that is much like a secret takes a second: other tasks go on meanwhile.
                text = await asyncio.to_thread(
                    converted_excerpt, output.text, LONGEST_RESULT, self._secrets.cut_from
                )
                return replace(output, text=text)
            except ServerCallError as error:
                reason = self._secrets.cut_from(error.reason)
                log.warning("tool_call_failed", server=self.name, tool=tool.title, reason=reason)
                words = UNKNOWN_OUTCOME if tool.writes and error.begun else "{reason}"
                raise ToolError(words.format(reason=reason)) from None
            except ToolError as error:
                raise ToolError(self._secrets.cut_from(str(error))) from None

    async def run(self) -> None:
        """List the tools now, every ten minutes and when they have changed. Runs until it is cancelled."""
        while True:
            await self._refresh()
            await self._clock.sleep(LEAST_PAUSE_S)
            await self._wait_for_reason()

    async def close(self) -> None:
        """End the connections, and the server's process."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        connections = [*self._retired, *([self._connection] if self._connection is not None else [])]
        await asyncio.gather(*(one.close() for one in connections))

    @property
    def _away(self) -> bool:
        """True if the last attempt to connect failed."""
        return self._failures > 0

    def _retry(self) -> None:
        """A turn begins: have a server that was away connect now, unless it is too soon."""
        if self._away and self._pause_s() <= 0:
            self._wanted.set()

    def _pause_s(self) -> float:
        """Seconds until the next attempt to connect."""
        if not self._failures:
            return 0.0
        pause_s = min(LEAST_PAUSE_S * float(1 << min(self._failures - 1, 10)), LONGEST_PAUSE_S)
        return self._failed_at + pause_s - self._clock.monotonic()

    async def _wait_for_reason(self) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(LIST_EVERY_S))
        waiting = asyncio.create_task(self._wanted.wait())
        try:
            await asyncio.wait([sleeping, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waiting.cancel()
            self._wanted.clear()

    async def _refresh(self) -> None:
        connection = self._connection
        if connection is not None and connection.alive:
            try:
                self._keep(await connection.list(CONNECT_S))
                return
            except ServerCallError as error:
                log.warning("tool_list_failed", server=self.name, reason=error.reason)
                self._drop(connection)
        with suppress(ServerCallError):
            await self._connected()

    async def _call(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        """Raises ServerCallError and ToolError. A connection that is lost is replaced once.

        A program that ended during a call is started again, but not waited for: the call may have ended it.
        """
        connection = await self._connected()
        try:
            return await self._output(connection, tool, arguments)
        except ServerCallError as error:
            if not error.lost:
                raise
            self._drop(connection)
            if error.begun and (tool.writes or self._server.command):
                self._wanted.set()
                raise
            lost = error
        try:
            connection = await self._connected()
        except ServerCallError as error:
            raise (lost if lost.begun else error) from None
        return await self._output(connection, tool, arguments)

    async def _output(self, connection: McpConnection, tool: Tool, arguments: Mapping[str, Any]) -> ToolOutput:
        result = await connection.call(tool.title, arguments, self._server.timeout_s)
        return import_module("core.tools.mcp.results").to_output(result)  # type: ignore[no-any-return]

    async def _connected(self) -> McpConnection:
        """The connection, or a new one. Raises ServerCallError. Many callers share one attempt, which outlives them."""
        if self._connection is not None and self._connection.alive:
            return self._connection
        away = ServerCallError(AWAY.format(name=self.name), begun=False)
        if self._opening is None or self._opening.done():
            if self._pause_s() > CONNECT_S:
                raise away
            self._opening = asyncio.create_task(self._open())
        try:
            async with asyncio.timeout(CONNECT_S if self._server.url else self._server.timeout_s):
                opened = await asyncio.shield(self._opening)
        except TimeoutError:
            raise away from None
        if isinstance(opened, ServerCallError):
            raise away
        return opened

    async def _open(self) -> McpConnection | ServerCallError:
        """One attempt to connect, once it is time for it."""
        if (pause_s := self._pause_s()) > 0:
            await self._clock.sleep(pause_s)
        if self._connection is not None:
            self._drop(self._connection)
        # The import takes a second: other tasks go on meanwhile.
        module = await asyncio.to_thread(import_module, "core.tools.mcp.connection")
        connection: McpConnection = module.McpConnection(self._server, self._wanted.set, legacy=self._timed_out)
        try:
            tools = await connection.open(CONNECT_S if self._server.url else START_S)
        except ServerCallError as error:
            return self._fail(error)
        except asyncio.CancelledError:
            await connection.close()
            raise
        self._connection = connection
        self._keep(tools)
        return connection

    def _fail(self, error: ServerCallError) -> ServerCallError:
        """A server of the older protocol may be silent at the newer one's first request: the protocols take turns."""
        self._timed_out = error.timed_out and not self._timed_out
        say = log.debug if self._failures else log.warning
        say("tool_server_away", server=self.name, where=self._server.where, reason=error.reason)
        self._failures, self._reason = self._failures + 1, self._secrets.cut_from(error.reason)
        self._failed_at = self._clock.monotonic()
        self._on_state(BotError(Code.UNAVAILABLE, error.reason))
        return error

    def _keep(self, tools: tuple[Tool, ...]) -> None:
        if self._listed_at is None or self._failures:
            log.info("tool_server_reached", server=self.name, tools=len(tools))
        self._tools, self._listed_at, self._failures = tools, self._clock.monotonic(), 0
        self._on_state(None)

    def _drop(self, connection: McpConnection) -> None:
        """Make no more calls on it. Those that run on it go on."""
        if self._connection is connection:
            self._connection = None
        connection.retire()
        self._retired = {one for one in self._retired if not one.ended} | {connection}
