"""One client of one server. It imports the SDK."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

import mcp_types as types
import structlog
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from core.errors import SettingsError
from core.text import shortened
from core.tools.config import LONGEST_S, ToolServer
from core.tools.mcp.errors import GARBLED, LOST, REFUSED, SLOW, TOO_LONG, ServerCallError
from core.tools.mcp.http import CUT_OFF, MESSAGE_TOO_LONG, NOT_SENT, http_transport
from core.tools.mcp.results import to_tools
from core.tools.mcp.stdio import stdio_transport
from core.values.tools import Tool

log = structlog.get_logger()

MOST_PAGES = 50
MOST_LISTED = 500
"""Tools of a server that are read. A list may go on without an end."""
LONGEST_REASON = 300
"""Characters of a server's own words about a call that it refused."""
_NO_SESSION = ("Session terminated", "Session not found")
"""The refusals of a server of the older protocol that has restarted, as the SDKs of the client and of the
server word them:
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management"""

logging.getLogger("mcp").setLevel(logging.WARNING)  # INFO lines hold session ids
logging.getLogger("mcp.client.streamable_http").setLevel(logging.CRITICAL)
"""What it reports as an error is answered here, and its lines quote results."""


class McpConnection:
    """A client that is entered and left by a task of its own, which ends by an event: a client that is left by another
    task than the one that entered it fails (https://github.com/modelcontextprotocol/python-sdk/issues/577).

    `legacy`: it begins with the handshake of the older protocol. `on_change` is called when the server's tools have
    changed. Without `open` nothing connects.
    """

    def __init__(self, server: ToolServer, on_change: Callable[[], None], *, legacy: bool = False) -> None:
        self._server = server
        self._on_change = on_change
        self._legacy = legacy
        self._quit = asyncio.Event()
        self._client: Client | None = None
        self._ended = False
        self._calls = 0
        self._retired = False
        self._opened: asyncio.Future[tuple[Tool, ...] | ServerCallError] = (
            asyncio.get_running_loop().create_future()
        )
        self._owner: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._listed = False
        """The tools have been listed since the server was asked for reports of changes."""

    @property
    def alive(self) -> bool:
        return self._client is not None and not self._ended

    @property
    def ended(self) -> bool:
        """True if nothing of it is left."""
        return self._owner is not None and self._owner.done()

    async def open(self, limit_s: float) -> tuple[Tool, ...]:
        """Connect and list the tools within `limit_s` seconds. Raises ServerCallError."""
        self._owner = asyncio.create_task(self._own(limit_s))
        opened = await asyncio.shield(self._opened)
        if isinstance(opened, ServerCallError):
            raise opened
        return opened

    async def list(self, limit_s: float) -> tuple[Tool, ...]:
        """The server's tools now. Raises ServerCallError."""
        client = self._working()
        try:
            async with asyncio.timeout(limit_s):
                return await self._list(client)
        except Exception as error:
            raise self._failure(error, limit_s) from None

    async def call(self, title: str, arguments: Mapping[str, Any], limit_s: float) -> types.CallToolResult:
        """The result of a call. `limit_s` begins again at each sign of progress, up to LONGEST_S in all.

        Raises ServerCallError. It notifies the server when it is cancelled or out of time.
        """
        client = self._working()
        loop = asyncio.get_running_loop()
        latest = loop.time() + max(LONGEST_S, limit_s)
        self._calls += 1
        try:
            async with asyncio.timeout(limit_s) as limit:

                async def extend(progress: float, total: float | None, message: str | None) -> None:
                    with suppress(RuntimeError):  # it is over
                        limit.reschedule(min(loop.time() + limit_s, latest))

                return await client.call_tool(title, dict(arguments), progress_callback=extend)
        except Exception as error:
            raise self._failure(error, limit_s) from None
        finally:
            self._calls -= 1
            self._leave_if_idle()

    def retire(self) -> None:
        """End it once its calls have ended. New calls fail."""
        self._retired = True
        self._leave_if_idle()

    async def close(self) -> None:
        """End it now, with its calls. While it still connects, its task is cancelled."""
        self._quit.set()
        if self._owner is not None:
            if not self._opened.done():
                self._owner.cancel()
            await asyncio.wait([self._owner])

    def _leave_if_idle(self) -> None:
        if self._retired and not self._calls:
            self._quit.set()

    def _working(self) -> Client:
        if self._client is None or self._ended:
            raise ServerCallError(LOST, lost=True, begun=False)
        return self._client

    async def _own(self, limit_s: float) -> None:
        failure = ServerCallError(LOST)
        try:
            async with asyncio.timeout(limit_s) as limit, self._create_client() as client:
                try:
                    tools = await self._list(client)
                    limit.reschedule(None)
                    self._client = client
                    self._opened.set_result(tools)
                    await self._quit.wait()
                finally:
                    await self._end_listening()
        except BaseException as error:  # the SDK cancels this task where its own have failed
            failure = self._failure(error, limit_s)
            log.debug("tool_server_client_ended", server=self._server.name, reason=failure.reason)
        finally:
            self._client = None
            if not self._opened.done():
                self._opened.set_result(failure)

    @asynccontextmanager
    async def _create_client(self) -> AsyncGenerator[Client, None]:
        client = Client(
            self._transport(),
            message_handler=self._heard,
            client_info=types.Implementation(name="parley", version=version("parley")),
            mode="legacy" if self._legacy else "auto",
            cache=None,
        )
        async with client:
            client.session.validate_tool_result = _accept  # type: ignore[method-assign]
            yield client

    @asynccontextmanager
    async def _transport(self) -> AsyncGenerator[tuple[Any, Any], None]:
        opening = http_transport(self._server) if self._server.url else stdio_transport(self._server, self._end)
        async with opening as streams:
            yield streams

    def _end(self) -> None:
        """Note that the server answers nothing more. The client does not notify its owner."""
        self._ended = True
        self._quit.set()

    async def _heard(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._on_change()

    async def _listen(self, client: Client) -> None:
        """Call `on_change` at each change of the server's tools that it reports, until the stream of reports ends, and
        where a change may have come after the list and before the stream. A server of an older protocol reports unasked
        (`_heard`)."""
        try:
            async with client.listen(tools_list_changed=True) as changes:
                if self._listed:
                    self._on_change()
                async for _ in changes:
                    self._on_change()
        except Exception as error:  # the list every ten minutes finds the changes
            log.debug("tool_changes_not_reported", server=self._server.name, error=type(error).__name__)

    async def _end_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def _list(self, client: Client) -> tuple[Tool, ...]:
        """The server's tools. Asks for reports of changes too, where none are under way."""
        if self._listening is None or self._listening.done():
            self._listed = False
            self._listening = asyncio.create_task(self._listen(client))
        tools: dict[str, Tool] = {}
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            for tool in to_tools(self._server, page.tools):
                tools.setdefault(tool.title, tool)
            cursor = page.next_cursor
            if not cursor or len(tools) >= MOST_LISTED:
                break
        self._listed = True
        kept = tuple(tools.values())[:MOST_LISTED]
        if cursor:
            log.warning("tool_list_cut", server=self._server.name, tools=len(kept))
        return kept

    def _failure(self, error: BaseException, limit_s: float) -> ServerCallError:
        """`error` of the client, in words."""
        while isinstance(error, BaseExceptionGroup):  # of the SDK's task groups
            error = error.exceptions[0]
        match error:
            case ServerCallError():
                return error
            case TimeoutError():
                return ServerCallError(SLOW.format(seconds=limit_s), timed_out=True)
            case MCPError():
                return self._answered(error)
            case SettingsError():
                return ServerCallError(error.detail)
            case OSError():
                return ServerCallError(f"{self._server.where}: {error.strerror or type(error).__name__}")
            case asyncio.CancelledError():
                return ServerCallError(LOST, lost=True)
            case _:
                log.warning("tool_server_answer_garbled", server=self._server.name, error=type(error).__name__)
                return ServerCallError(GARBLED)

    def _answered(self, error: MCPError) -> ServerCallError:
        """An error of the server, of the SDK, or of the transports, by its code and its message."""
        said = shortened(error.message, LONGEST_REASON).rstrip(".")
        if MESSAGE_TOO_LONG in said or (error.code == types.CONNECTION_CLOSED and "byte limit" in said):
            return ServerCallError(TOO_LONG)
        if error.code == types.CONNECTION_CLOSED or CUT_OFF in said:
            return ServerCallError(LOST, lost=True, begun=error.data != NOT_SENT)
        if error.code == types.INVALID_REQUEST and said.startswith(_NO_SESSION):
            return ServerCallError(LOST, lost=True, begun=False)
        if error.code == types.PARSE_ERROR:
            return ServerCallError(GARBLED)
        return ServerCallError(REFUSED.format(why=said), begun=error.code == types.INTERNAL_ERROR)


async def _accept(name: str, result: types.CallToolResult) -> None:
    """Takes the place of the SDK's check of a structured result against the schema that its server lists. The check
    runs on the event loop: many rows take seconds, and a pattern of the schema can take forever."""
