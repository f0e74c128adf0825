"""Starts the program in a process that has imported it: the same program, without the second of imports.

One server process a test process. It imports `bots.programs` once and forks runners, which run one `parley` command
after another. Each command has its own environment, folder, output and signals, and can be killed with its runner. A
command that leaves a thread or an open file behind ends as an interpreter ends, but for the modules, which are not
taken apart. What the imports themselves do is the same for all of them: a test of that, and of the very end, starts the
program `fresh`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
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
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Protocol

ROOT = Path(__file__).parents[2]
IMPORTED = (
    *(
        "bots.cli",
        "bots.commands",
        "bots.programs",
        "bots.slack.connector",
        "bots.discord.connector",
        "bots.discord.private",
    ),
    *("asyncpg", "httpcore", "anyio._backends._asyncio"),
)
"""Connectors are imported only where their platform is on, the others when a database or a connection is
opened."""

MOST_RUNS = 25
"""Programs that one runner runs: each leaves a little memory behind."""


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


@dataclass(slots=True)
class _Runner:
    """A child of the server, which runs one program after another. `client` waits for the status of the present one;
    None while there is none."""

    pid: int
    control: socket.socket
    client: socket.socket | None = None


class _Server:
    """Passes each order to an idle runner, or to a new one, and the statuses back."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._runners: dict[socket.socket, _Runner] = {}

    def serve(self) -> socket.socket | None:
        """None once the standard input is closed. In a new runner, its connection to the server."""
        while True:
            ready = select.select([self._listening, sys.stdin, *self._runners], [], [])[0]
            if sys.stdin in ready:
                return None
            for control in self._runners.keys() & set(ready):
                self._hear(self._runners[control])
            if self._listening in ready:
                client, _address = self._listening.accept()
                runner = self._idle() or self._fork()
                if runner is None:
                    client.close()
                    return self._control
                self._pass_on(client, runner)

    def _hear(self, runner: _Runner) -> None:
        """Pass the status of a program on: the runner sends it, or ends with it."""
        told = runner.control.recv(100)
        if not told:
            _pid, status = os.waitpid(runner.pid, 0)
            self._remove(runner)
            told = f"{os.waitstatus_to_exitcode(status)}\n".encode()
        if runner.client is not None:
            with contextlib.suppress(OSError):  # the test has ended
                runner.client.sendall(told)
            runner.client.close()
            runner.client = None

    def _remove(self, runner: _Runner) -> None:
        del self._runners[runner.control]
        runner.control.close()

    def _idle(self) -> _Runner | None:
        """A runner without a program. One that was killed after its program had ended is removed."""
        for one in [one for one in self._runners.values() if one.client is None]:
            if os.waitpid(one.pid, os.WNOHANG) == (0, 0):
                return one
            self._remove(one)
        return None

    def _fork(self) -> _Runner | None:
        """A new runner. None in it."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid:
            theirs.close()
            runner = self._runners[ours] = _Runner(pid, ours)
            return runner
        for one in self._runners.values():
            one.control.close()
            if one.client is not None:
                one.client.close()
        ours.close()
        self._listening.close()
        self._control = theirs
        return None

    def _pass_on(self, client: socket.socket, runner: _Runner) -> None:
        _mark, [output], _flags, _address = socket.recv_fds(client, 1, 1)
        with client.makefile("rb") as orders:
            order = orders.readline()
        runner.client = client
        with contextlib.suppress(OSError):  # one of them has ended: `_hear` learns it of the runner
            client.sendall(f"{runner.pid}\n".encode())
            socket.send_fds(runner.control, [order], [output])
        os.close(output)


def _serve(listening: socket.socket) -> socket.socket | None:
    """Import the program, and serve as `_Server.serve` does."""
    for name in IMPORTED:
        import_module(name)
    from core.llm.network import create_tls

    for name in ("SSL_CERT_DIR", "SSLKEYLOGFILE"):  # children have neither
        os.environ.pop(name, None)
    create_tls(os.environ)  # remembered for all children that name no other certificates
    gc.freeze()  # else each child would look through all of it as it ends: a second of the processor
    return _Server(listening).serve()


def _run_each(control: socket.socket) -> NoReturn:
    """Run one program after another, each in the environment and folder of its order, while none leaves a thread or
    an open file behind. Memory that a fork shares is copied as it is used first: later programs cost half as much."""
    files, mask, runs = _open_files(), os.umask(0), 0
    while True:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # for a program that has just ended
        order, outputs, _flags, _address = socket.recv_fds(control, 1 << 16, 1)
        while not order.endswith(b"\n"):
            more = control.recv(1 << 16)
            if not more:
                os._exit(0)  # the server has ended
            order += more
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.umask(mask)
        _become(json.loads(order), *outputs)
        status = contextvars.Context().run(_run)
        sys.stdout.flush()
        sys.stderr.flush()
        runs += 1
        if runs == MOST_RUNS or threading.active_count() > 1 or _open_files() != files:
            break
        _close_output()
        control.sendall(f"{status}\n".encode())
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _open_files() -> list[str]:
    return sorted(os.listdir("/dev/fd"))


def _become(order: Mapping[str, Any], output: int) -> None:
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.argv = ["parley", *order["argv"]]


def _close_output() -> None:
    """Have the reader of the output see its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _run() -> int:
    """The exit status of the program."""
    try:
        import_module("bots.cli").main()
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    if (connection := _serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        _run_each(connection)
    os._exit(0)
