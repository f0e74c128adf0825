"""Starts the program by fork from a process that has imported it: the same program, without the second of imports.

One server process a test process. It imports `bots.programs` once and forks a child for each `parley` command. The
child has its own environment, folder, output and signals, and can be killed. It ends as an interpreter ends, but for
the modules, which are not taken apart. What the imports themselves do is the same for all of them: a test of that, and
of the very end, starts the program `fresh`.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol

ROOT = Path(__file__).parents[2]
IMPORTED = (
    *("bots.cli", "bots.programs", "bots.slack.connector", "bots.discord.connector", "bots.discord.private"),
    *("asyncpg", "httpcore", "anyio._backends._asyncio"),
)
"""Connectors are imported only where their platform is on, the others when a database or a connection is
opened."""


class Process(Protocol):
    """What `asyncio.subprocess.Process` and `ForkedProcess` have in common. Raises ProcessLookupError on a signal
    to a process that has ended."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    def send_signal(self, signal: int, /) -> None: ...
    async def wait(self) -> int: ...


class ForkedProcess:
    """A child of the server. `returncode` is negative after a signal, as `subprocess` has it."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, status: asyncio.Task[int]) -> None:
        self.pid = pid
        self.stdout = stdout
        self._status = status

    @property
    def returncode(self) -> int | None:
        return self._status.result() if self._status.done() else None

    def send_signal(self, signum: int) -> None:
        if self._status.done():
            raise ProcessLookupError
        os.kill(self.pid, signum)

    async def wait(self) -> int:
        return await asyncio.shield(self._status)


async def fork_parley(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> ForkedProcess:
    """Start `parley ARGUMENTS` in `folder` with that environment alone."""
    reading, writing = os.pipe()
    try:
        asking = socket.socket(socket.AF_UNIX)
        asking.connect(_server())
        socket.send_fds(asking, [b"\n"], [writing])
    finally:
        os.close(writing)
    asking.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=asking)
    order = {"argv": list(arguments), "cwd": str(folder), "environment": dict(environment)}
    writer.write(json.dumps(order).encode() + b"\n")
    pid = int(await reader.readline())

    async def status() -> int:
        told = await reader.readline()
        writer.close()
        return int(told)

    stdout = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(reading, "rb")
    )
    return ForkedProcess(pid, stdout, asyncio.create_task(status()))


@cache
def _server() -> str:
    """The address of this process's server. It ends when its standard input is closed."""
    folder = tempfile.TemporaryDirectory(prefix="parley-forks-")
    address = str(Path(folder.name) / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        handed = listening.fileno()
        command = [sys.executable, "-m", __name__, str(handed)]
        server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[handed])

    def end() -> None:
        server.communicate()
        folder.cleanup()

    atexit.register(end)
    return address


def _serve(listening: socket.socket) -> None:
    """Return in the child that is to be the program; never in the server."""
    for name in IMPORTED:
        import_module(name)
    from core.llm.network import create_tls

    for name in ("SSL_CERT_DIR", "SSLKEYLOGFILE"):  # children have neither
        os.environ.pop(name, None)
    create_tls(os.environ)  # remembered for all children that name no other certificates
    gc.freeze()  # else each child would look through all of it as it ends: a second of the processor
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while listening in select.select([listening, sys.stdin], [], [])[0]:
        connection, _address = listening.accept()
        if os.fork():
            connection.close()
            continue
        listening.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if _fork_one(connection):
            return
    os._exit(0)


def _fork_one(connection: socket.socket) -> bool:
    """True in the child. Its parent waits for it, tells its status and ends."""
    _mark, [output], _flags, _address = socket.recv_fds(connection, 1, 1)
    with connection.makefile("rb") as orders:
        order: dict[str, Any] = json.loads(orders.readline())
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(order, output)
        return True
    os.close(output)
    connection.sendall(f"{pid}\n".encode())
    _pid, status = os.waitpid(pid, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(order: Mapping[str, Any], output: int) -> None:
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.argv = ["parley", *order["argv"]]


def _run() -> NoReturn:
    """Run the program and end with its status, after its threads and its exit handlers."""
    status = 1
    try:
        import_module("bots.cli").main()
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    _run()
