"""Runs commands in child processes: bytes in, bytes out, with a limit of time."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

from core.clock import Clock, ends_within

_CHUNK = 65_536


class ChildError(Exception):
    """A child process gave no whole output. `detail` is for the log; `slow`: its time was over."""

    def __init__(self, detail: str, *, slow: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.slow = slow


class ChildProcesses:
    """Children without secrets: an empty environment, `/` as their folder, and no descriptor but stdin and stdout.

    At most `at_once` run; other calls wait in the order in which they came. Each has `wall_s` seconds.
    """

    def __init__(self, clock: Clock, at_once: int, wall_s: float) -> None:
        self._clock = clock
        self._wall_s = wall_s
        self._slots = asyncio.Semaphore(at_once)
        self._running: set[asyncio.Task[bytes]] = set()
        self._closed = False

    async def output(self, command: tuple[str, ...], data: bytes, longest: int) -> bytes:
        """The output of `command` for the input `data`. Raises ChildError, also for one over `longest` bytes."""
        async with self._slots:
            return await self._bounded(command, data, longest)

    async def close(self) -> None:
        """End every child. Calls that wait or come later raise ChildError."""
        self._closed = True
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _bounded(self, command: tuple[str, ...], data: bytes, longest: int) -> bytes:
        if self._closed:
            raise ChildError("closed")
        running = asyncio.create_task(_run(command, data, longest))
        self._running.add(running)
        try:
            in_time = await ends_within(running, self._wall_s, self._clock)
        finally:
            self._running.discard(running)
        if not in_time:
            raise ChildError(f"over {self._wall_s:.0f} s", slow=True)
        if running.cancelled():
            raise ChildError("closed")
        return running.result()


async def _run(command: tuple[str, ...], data: bytes, longest: int) -> bytes:
    child = await _start(command)
    try:
        output, _ = await asyncio.gather(_read(child, longest), _write(child, data))
        await child.wait()
    finally:
        await _end(child)
    if child.returncode:
        raise _crash(child.returncode)
    return output


async def _start(command: tuple[str, ...]) -> Process:
    """Start the child in a session of its own, which signals of the terminal do not reach."""
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
            limit=_CHUNK,
        )
    except OSError as error:
        raise ChildError(f"no child process: {type(error).__name__}") from None


async def _write(child: Process, data: bytes) -> None:
    """A child that has ended, or refuses its input by the first bytes, reads no more."""
    assert child.stdin is not None
    content = memoryview(data)
    with suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(data), _CHUNK):
            child.stdin.write(content[start : start + _CHUNK])
            await child.stdin.drain()
    child.stdin.close()


async def _read(child: Process, longest: int) -> bytes:
    """The whole output of the child process. Raises ChildError where it is longer than `longest`."""
    assert child.stdout is not None
    output = bytearray()
    while chunk := await child.stdout.read(_CHUNK):
        output += chunk
        if len(output) > longest:
            raise ChildError("endless reply")
    return bytes(output)


async def _end(child: Process) -> None:
    """Kill the child if it runs, and leave no pipe open."""
    assert child.stdout is not None
    with suppress(ProcessLookupError):
        child.kill()
    while await child.stdout.read(_CHUNK):
        pass
    await child.wait()


def _crash(code: int) -> ChildError:
    if code == -signal.SIGXCPU:
        return ChildError("CPU time", slow=True)
    return ChildError(signal.Signals(-code).name if code < 0 else f"status {code}")
