"""`python -m tests.fakes.mcp http PORT FILE` or `stdio FILE [old]`. Writing calls add a line to FILE."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import (
    METHOD_NOT_FOUND,
    ErrorData,
    ImageContent,
    JSONRPCError,
    JSONRPCRequest,
    TextContent,
    ToolAnnotations,
)
from pydantic import BaseModel

from tests.fakes.mcp.pictures import PNG

READS = ToolAnnotations(read_only_hint=True)
DISCOVER = "server/discover"
RELEASED = ".released"
"""The suffix, in place of that of the server's file, of the file that releases `hold`."""


class Answer(BaseModel):
    """The answer that `ask` requests of a person."""

    sure: bool


def create(file: Path) -> MCPServer:
    """A server with every kind of tool."""
    server = MCPServer("fake", log_level="CRITICAL")
    released = file.with_suffix(RELEASED)

    def note(text: str) -> None:
        with file.open("a") as opened:
            opened.write(f"{text}\n")

    @contextmanager
    def cancellation_noted() -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            note("cancelled")
            raise

    @server.tool(annotations=READS, structured_output=False)
    async def echo(text: str) -> str:
        """Gives back the text."""
        return text

    @server.tool(structured_output=False)
    async def write(text: str, seconds: float = 0) -> str:
        """Adds a line to the file, after which it may take its time."""
        note(text)
        await asyncio.sleep(seconds)
        return "written"

    @server.tool(annotations=READS, structured_output=False)
    async def slow(seconds: float, ctx: Context[Any, Any], steps: int = 0) -> str:
        """Takes its time, with `steps` signs of progress."""
        with cancellation_noted():
            for step in range(steps):
                await asyncio.sleep(seconds / steps)
                await ctx.report_progress(step + 1, steps)
            if not steps:
                await asyncio.sleep(seconds)
        return "done"

    @server.tool(annotations=READS, structured_output=False)
    async def hold(text: str) -> str:
        """Adds `held` to the file, and answers once `released` is there, which it takes away."""
        note("held")
        with cancellation_noted():
            while not released.exists():  # noqa: ASYNC110 (another process makes it)
                await asyncio.sleep(0.01)
        released.unlink()
        return f"held {text}"

    @server.tool(annotations=READS)
    async def fail() -> str:
        """Fails."""
        raise ValueError("the disk is full")

    @server.tool(annotations=READS)
    async def die() -> str:
        """Ends the whole process."""
        os._exit(1)

    @server.tool(annotations=READS, structured_output=False)
    async def big(megabytes: float) -> str:
        """A long text."""
        return "x" * int(megabytes * 1_000_000)

    @server.tool(annotations=READS, structured_output=False)
    async def picture() -> list[TextContent | ImageContent]:
        """Two pictures."""
        image = ImageContent(type="image", data=base64.b64encode(PNG).decode(), mime_type="image/png")
        return [TextContent(type="text", text="a chart"), image, image]

    @server.tool(annotations=READS)
    async def table() -> dict[str, int]:
        """A structured result."""
        return {"open": 3}

    @server.tool(annotations=READS)
    async def rows(count: int) -> dict[str, list[dict[str, int]]]:
        """A structured result of many small values."""
        return {"rows": [{"a": number} for number in range(count)]}

    @server.tool(annotations=READS)
    async def ask(ctx: Context[Any, Any]) -> str:
        """Wants an answer of a person."""
        return str(await ctx.elicit("Are you sure?", Answer))

    @server.tool(annotations=READS, structured_output=False)
    async def environment() -> str:
        """The names of the variables of its environment, and what was given to it."""
        print("a line on standard error: sk-abcdefgh1234", file=sys.stderr, flush=True)
        return f"{' '.join(sorted(os.environ))}; GIVEN={os.environ.get('GIVEN')}"

    @server.tool(annotations=READS, structured_output=False)
    async def grow(ctx: Context[Any, Any], name: str, tell: bool = True) -> str:
        """Adds a tool, and notifies clients in the way of each protocol."""
        server.add_tool(echo, name=name, annotations=READS, structured_output=False)
        if tell:
            await ctx.session.send_tool_list_changed()
            await ctx.notify_tools_changed()
        return "grown"

    return server


def main() -> None:
    """The program."""
    if sys.argv[1] == "http":
        asyncio.run(_serve(int(sys.argv[2]), Path(sys.argv[3])))
    else:
        print("a greeting that is no message", flush=True)
        anyio.run(_stdio, create(Path(sys.argv[2])), sys.argv[3:] == ["old"])


async def _serve(port: int, file: Path) -> None:
    apps = {
        "/sse": create(file).streamable_http_app(streamable_http_path="/sse"),
        "/json": create(file).streamable_http_app(streamable_http_path="/json", json_response=True),
        "/old": create(file).streamable_http_app(streamable_http_path="/old"),
    }

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        if headers.get(b"x-key", b"right") != b"right":
            await _respond(send, 401, b"text/plain", b"no")
        elif scope["path"] == "/old" and headers.get(b"mcp-method") == DISCOVER.encode():
            await _respond(send, 404, b"text/plain", b"unknown")
        else:
            await apps[scope["path"]](scope, receive, send)

    async with AsyncExitStack() as stack:
        for app in apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        config = uvicorn.Config(dispatch, port=port, lifespan="off", log_level="critical")
        await uvicorn.Server(config).serve()


async def _respond(send: Any, status: int, kind: bytes, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body})


async def _stdio(server: MCPServer, old: bool) -> None:
    if not old:
        await server.run_stdio_async()
        return
    lowlevel = server._lowlevel_server
    forward, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    async with stdio_server() as (read, write), anyio.create_task_group() as group:

        async def filtered() -> None:
            async with forward:
                async for item in read:
                    message = getattr(item, "message", None)
                    if isinstance(message, JSONRPCRequest) and message.method == DISCOVER:
                        error = ErrorData(code=METHOD_NOT_FOUND, message="Method not found")
                        await write.send(
                            SessionMessage(JSONRPCError(jsonrpc="2.0", id=message.id, error=error))
                        )
                    else:
                        await forward.send(item)

        group.start_soon(filtered)
        await lowlevel.run(received, write, lowlevel.create_initialization_options())


if __name__ == "__main__":
    main()
