"""Reads files in child processes, one for each file, so that no file affects the reading of another."""

from __future__ import annotations

import sys

from core.child_processes import ChildError, ChildProcesses
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


class ProcessExtractor:
    """An `Extractor` that starts a child process for each file, restricted by `core.files.sandbox`.

    A child starts in a tenth of a second, measured with Pillow and pypdfium2 imported, so that none is kept.
    """

    def __init__(self, clock: Clock, command: tuple[str, ...] = _COMMAND) -> None:
        self._command = command
        self._children = ChildProcesses(clock, AT_ONCE, WALL_S)

    async def extract(self, name: str, data: bytes) -> Extracted:
        """Takes at most 15 s once its turn has come. Raises FileError and nothing else, which names kind and size."""
        if not data:
            raise FileError(FileProblem.EMPTY)
        kind = kind_of(data, name)
        if len(data) > LARGEST.get(kind, LARGEST_FILE):
            raise FileError(FileProblem.TOO_LARGE)
        try:
            return await self._read(safe_name(name), data)
        except FileError as error:
            raise FileError(error.problem, f"{error.detail} ({kind}, {len(data)} bytes)") from None

    async def close(self) -> None:
        """End every child. Calls that wait or come later raise FileError."""
        await self._children.close()

    async def _read(self, name: str, data: bytes) -> Extracted:
        try:
            reply = await self._children.output((*self._command, name), data, LONGEST_REPLY)
        except ChildError as error:
            problem = FileProblem.TOO_SLOW if error.slow else FileProblem.CRASHED
            raise FileError(problem, error.detail) from None
        return bytes_to_reply(reply)
