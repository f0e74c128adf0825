"""A server as a child process, with bounds on its output.

The SDK's own transport holds a line of any length and takes quadratic time for it.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter

from core.tools.config import ToolServer, revealed
from core.tools.mcp.http import LONGEST_MESSAGE, MESSAGE_TOO_LONG
from core.tools.mcp.lines import KEPT_END, Lines, LongLine
from core.tools.mcp.tokens import has_too_many_tokens

log = structlog.get_logger()

_Incoming = MemoryObjectSendStream[SessionMessage | Exception]
_Outgoing = MemoryObjectReceiveStream[SessionMessage]

_CHUNK = 65_536
_LONGEST_LOG_LINE = 1_000
MOST_LOGGED, LOGGED_EVERY_S = 100, 10.0
"""Lines of standard error that are logged within so many seconds. The rest is read and dropped."""
_LINES_AT_ONCE = 100
"""Lines that are read before other tasks go on."""
_LEAVE_S = 1.0
"""Seconds that a server has to end after its standard input has, and again after SIGTERM."""
_LOOK_S = 0.01
_ID = rb'"id"\s{0,9}:\s{0,9}(?P<id>\d{1,15}|"[^"\\]{1,100}")'
_VERSION = rb'"jsonrpc"\s{0,9}:\s{0,9}"2\.0"\s{0,9}'
_ID_FIRST = re.compile(rb"\s{0,9}\{\s{0,9}(?:" + _VERSION + rb",\s{0,9})?" + _ID)
_ID_LAST = re.compile(_ID + rb"\s{0,9}(?:,\s{0,9}" + _VERSION + rb")?\}\s{0,9}$")
"""The id of a response, before or behind its result, in the ends of a line that is too long to be read."""


@asynccontextmanager
async def stdio_transport(
    server: ToolServer, on_end: Callable[[], None]
) -> AsyncGenerator[tuple[Any, Any], None]:
    """The streams of a new process. Its environment is the SDK's default and `server.env`, never Parley's own.

    `on_end` is called once it will answer nothing more. At the end the process and its group are killed. Raises
    OSError where it can't be started.
    """
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: SubprocessStreamProtocol(_CHUNK, loop),
        *server.command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=get_default_environment() | revealed(server.env),
        start_new_session=True,
    )
    process = Process(transport, protocol, loop)
    incoming, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [
        asyncio.create_task(_read(process, incoming, on_end)),
        asyncio.create_task(_write(process, outgoing, incoming)),
        asyncio.create_task(_log(process, server.name)),
    ]
    try:
        yield read_stream, write_stream
    finally:
        await _end(process)
        transport.close()  # a child in a group of its own may hold the pipes
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in (incoming, read_stream, write_stream, outgoing):
            stream.close()


async def _read(process: Process, incoming: _Incoming, on_end: Callable[[], None]) -> None:
    assert process.stdout is not None
    lines = Lines(LONGEST_MESSAGE)
    try:
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
            while data := await process.stdout.read(_CHUNK):
                for number, line in enumerate(lines.feed(data), 1):
                    if (message := _to_message(line)) is not None:
                        await incoming.send(message)
                    if number % _LINES_AT_ONCE == 0:
                        await asyncio.sleep(0)
    finally:
        on_end()
        incoming.close()


def _to_message(line: bytearray | LongLine) -> SessionMessage | None:
    """None for text that is no message: some programs greet on standard output."""
    if not isinstance(line, LongLine) and has_too_many_tokens(line):
        line = LongLine(bytes(line[:KEPT_END]), bytes(line[-KEPT_END:]))
    if isinstance(line, LongLine):
        return _refusal(line)
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return None


def _refusal(line: LongLine) -> SessionMessage | None:
    """The error in place of a response that is too long; None where its ends don't show which request it answers."""
    found = _ID_FIRST.match(line.head) or _ID_LAST.search(line.tail)
    if found is None:
        return None
    written = found["id"].decode("utf-8", "replace")
    request_id = written.strip('"') if written.startswith('"') else int(written)
    error = ErrorData(code=PARSE_ERROR, message=MESSAGE_TOO_LONG)
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=request_id, error=error))


async def _write(process: Process, outgoing: _Outgoing, incoming: _Incoming) -> None:
    """A server that takes nothing more ends the connection: no call then waits for its answer."""
    assert process.stdin is not None
    try:
        async for message in outgoing:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
    except (OSError, ValueError):  # it ended, or the message can't be written as JSON
        incoming.close()


async def _log(process: Process, name: str) -> None:
    assert process.stderr is not None
    loop, lines = asyncio.get_running_loop(), Lines(_LONGEST_LOG_LINE)
    left, until_s = MOST_LOGGED, loop.time() + LOGGED_EVERY_S
    with suppress(OSError):
        while data := await process.stderr.read(_CHUNK):
            if loop.time() >= until_s:
                left, until_s = MOST_LOGGED, loop.time() + LOGGED_EVERY_S
            for line in lines.feed(data) if left else ():
                said = line.head if isinstance(line, LongLine) else line
                if left and (text := said.decode("utf-8", "replace").strip()):
                    log.info("tool_server_stderr", server=name, text=text)
                    left -= 1
                    if not left:
                        log.warning("tool_server_stderr_cut", server=name)
            if not left:
                lines = Lines(_LONGEST_LOG_LINE)


async def _end(process: Process) -> None:
    """https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#shutdown"""
    assert process.stdin is not None
    process.stdin.close()
    if not await _exited(process):
        _signal(process, signal.SIGTERM)
        await _exited(process)
    _signal(process, signal.SIGKILL)  # its group too: children may outlive it
    await _exited(process)


async def _exited(process: Process) -> bool:
    """True if it ends within `_LEAVE_S`. `Process.wait` would also wait for other processes that hold its
    pipes."""
    for _ in range(round(_LEAVE_S / _LOOK_S)):
        if process.returncode is not None:
            return True
        await asyncio.sleep(_LOOK_S)
    return process.returncode is not None


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
