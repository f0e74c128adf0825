"""A server that answers HTTP requests byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

Answer = Callable[[dict[str, Any], asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Calls `answer` with the JSON-RPC message of each request; after it the connection is closed."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._tasks: set[asyncio.Task[Any]] = set()
        self.messages: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """Take no more connections."""
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(
                (
                    int(line.partition(":")[2])
                    for line in head.split("\r\n")
                    if line.startswith("content-length")
                ),
                0,
            )
            message = json.loads(await reader.readexactly(length) or b"{}")
            self.messages.append(message)
            await self._answer(message, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


def respond(
    writer: asyncio.StreamWriter,
    body: bytes,
    kind: str = "application/json",
    status: str = "200 OK",
    *headers: str,
) -> None:
    """One whole response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    writer.write("\r\n".join([*lines, *headers, "", ""]).encode() + body)


def result(message: dict[str, Any], value: dict[str, Any]) -> bytes:
    """The body of a JSON-RPC response."""
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": value}).encode()


def greet(message: dict[str, Any]) -> bytes | None:
    """The answers of a server of the older protocol as it begins; None for a message that is not part of it."""
    if message.get("method") == "initialize":
        info = {"name": "raw", "version": "1"}
        return result(
            message, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        )
    if message.get("method") == "server/discover":
        error = {"code": -32601, "message": "unknown"}
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode()
    return None
