"""Reads files in child processes, one for each file, so that no file affects the reading of another."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

from core.clock import Clock
from core.files.kinds import FileKind, kind_of
from core.files.names import safe_name
from core.files.replies import LONGEST_REPLY, bytes_to_reply
from core.ports.files import Extracted, FileError
from core.values.parts import FileProblem

AT_ONCE = 2
"""Children at a time; other files wait in the order in which they came."""
WALL_S = 15.0
LARGEST = {FileKind.PICTURE: 20_000_000}
LARGEST_FILE = 25_000_000
"""Bytes, where `LARGEST` has no other limit for the kind."""
_COMMAND = (sys.executable, "-P", "-W", "ignore", "-m", "core.files.child")
"""The command of the child, without warnings, which read the source files that they name."""
_CHUNK = 65_536


class ProcessExtractor:
    """An `Extractor` that starts a child process for each file, restricted by `core.files.sandbox`.

    A child starts in a tenth of a second, measured with Pillow and pypdfium2 imported, so that none is kept.
    """

    def __init__(self, clock: Clock, command: tuple[str, ...] = _COMMAND) -> None:
        self._clock = clock
        self._command = command
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[Extracted]] = set()
        self._closed = False

    async def extract(self, name: str, data: bytes) -> Extracted:
        """Takes at most 15 s once its turn has come. Raises FileError and nothing else, which names kind and size."""
        if not data:
            raise FileError(FileProblem.EMPTY)
        kind = kind_of(data, name)
        if len(data) > LARGEST.get(kind, LARGEST_FILE):
            raise FileError(FileProblem.TOO_LARGE)
        async with self._slots:
            try:
                return await self._bounded(safe_name(name), data)
            except FileError as error:
                raise FileError(error.problem, f"{error.detail} ({kind}, {len(data)} bytes)") from None

    async def close(self) -> None:
        """End every child. Calls that wait or come later raise FileError."""
        self._closed = True
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _bounded(self, name: str, data: bytes) -> Extracted:
        if self._closed:
            raise FileError(FileProblem.CRASHED, "closed")
        reading = asyncio.create_task(self._in_child(name, data))
        timer = asyncio.ensure_future(self._clock.sleep(WALL_S))
        self._running.add(reading)
        try:
            await asyncio.wait({reading, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            late = not reading.done()
            timer.cancel()
            reading.cancel()
            await asyncio.gather(reading, timer, return_exceptions=True)
            self._running.discard(reading)
        if late:
            raise FileError(FileProblem.TOO_SLOW, f"over {WALL_S:.0f} s")
        if reading.cancelled():
            raise FileError(FileProblem.CRASHED, "closed")
        return reading.result()

    async def _in_child(self, name: str, data: bytes) -> Extracted:
        child = await self._start(name)
        try:
            reply, _ = await asyncio.gather(_read(child), _write(child, data))
            await child.wait()
        finally:
            await _end(child)
        if child.returncode:
            raise _crash(child.returncode)
        return bytes_to_reply(reply)

    async def _start(self, name: str) -> Process:
        """Start the child without secrets, and in a session of its own, which signals of the terminal do not
        reach."""
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                name,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                cwd="/",
                env={},
                start_new_session=True,
                limit=_CHUNK,
            )
        except OSError as error:
            raise FileError(FileProblem.CRASHED, f"no child process: {type(error).__name__}") from None


async def _write(child: Process, data: bytes) -> None:
    """A child that has ended, or refuses the file by its first bytes, reads no more."""
    assert child.stdin is not None
    content = memoryview(data)
    with suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(data), _CHUNK):
            child.stdin.write(content[start : start + _CHUNK])
            await child.stdin.drain()
    child.stdin.close()


async def _read(child: Process) -> bytes:
    """The whole output of the child process. Raises FileError where it is longer than a reply can be."""
    assert child.stdout is not None
    reply = bytearray()
    while chunk := await child.stdout.read(_CHUNK):
        reply += chunk
        if len(reply) > LONGEST_REPLY:
            raise FileError(FileProblem.CRASHED, "endless reply")
    return bytes(reply)


async def _end(child: Process) -> None:
    """Kill the child if it runs, and leave no pipe open."""
    assert child.stdout is not None
    with suppress(ProcessLookupError):
        child.kill()
    while await child.stdout.read(_CHUNK):
        pass
    await child.wait()


def _crash(code: int) -> FileError:
    if code == -signal.SIGXCPU:
        return FileError(FileProblem.TOO_SLOW, "CPU time")
    return FileError(FileProblem.CRASHED, signal.Signals(-code).name if code < 0 else f"status {code}")
