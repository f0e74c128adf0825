"""The real program as a process, as an operator runs it: settings in, lines and an exit status out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.e2e.forks import Process, fork_parley
from tests.schema import sqlite_schema
from tests.waiting import HANG_S

START_S = 2 * HANG_S
SECRETS = ("xoxb-test", "xapp-test", "8f742231b10e8888abcd99edcba85a54", "OTAw.discord.test-token", "sk-test")


def free_port() -> int:
    """A port below those that systems give to connections and to servers on port 0, so that nobody else is given it
    before the program starts: https://docs.kernel.org/networking/ip-sysctl.html (ip_local_port_range)."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class Program:
    """`parley run` in a directory of its own. As a context it starts ready and must end well.

    It is forked from a process that has imported the program, and has its schema; a `fresh` one is a new interpreter
    that makes its own.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._forked = True
        port = settings.get("PARLEY_HTTP_PORT", "")
        self.port = int(port) if port.isdecimal() else free_port()
        self.folder = folder
        # No test of a program depends on the pace of the machine.
        waits = {"PARLEY_GRACE_S": "3", "PARLEY_MEMORY_WAIT_S": "30"}
        self.settings = {"PARLEY_HTTP_PORT": str(self.port), **waits, **settings}
        self.output = ""
        self.executable = Path(sys.executable).with_name("parley")
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    def fresh(cls, folder: Path, **settings: str) -> Self:
        """For what depends on the imports, their environment, memory or limits."""
        program = cls(folder, **settings)
        program._forked = False
        return program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        await self.start()
        await self.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = await self.stop()
        if error is not None:
            print(self.output)
            return
        assert status == 0, self.output
        self.check_output()

    def check_output(self) -> None:
        """Nothing was written that must not be."""
        assert "Traceback" not in self.output, self.output
        for secret in SECRETS:
            assert secret not in self.output

    async def start(self, *arguments: str) -> None:
        keep = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")
        environment = {name: os.environ[name] for name in keep if name in os.environ} | self.settings
        arguments = arguments or ("run",)
        if self._forked:
            self._put_schema()
            self._process = await fork_parley(arguments, self.folder, environment)
        else:
            self._process = await asyncio.create_subprocess_exec(
                str(self.executable),
                *arguments,
                cwd=self.folder,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        self._reading = asyncio.create_task(self._read())

    def _put_schema(self) -> None:
        """Have the first start find its default database already made."""
        file = self.folder / "data" / "parley.db"
        if "DATABASE_URL" not in self.settings and not file.parent.exists():
            file.parent.mkdir(0o700)
            file.touch(0o600)
            file.write_bytes(sqlite_schema())

    async def ready(self) -> None:
        """Wait until /readyz says so."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(START_S):
            while True:
                assert self._process is not None
                assert self._process.returncode is None, self.output
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def state(self) -> dict[str, Any]:
        """What /readyz says."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.status == (200 if found["ready"] else 503)
            return found

    async def until(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """What /readyz says once it is as `wanted`."""
        async with asyncio.timeout(START_S):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    if wanted(found := await self.state()):
                        return found
                await asyncio.sleep(0.05)

    async def page(self, path: str) -> str:
        """What the program's own server shows there."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}{path}") as answer:
            assert answer.status == 200
            return await answer.text()

    async def stop(self) -> int:
        """SIGTERM, and the status it ends with."""
        return await self.end(signal.SIGTERM)

    async def kill(self) -> int:
        return await self.end(signal.SIGKILL)

    def send(self, signum: signal.Signals) -> None:
        """Send a signal that does not end it."""
        assert self._process is not None
        self._process.send_signal(signum)

    async def end(self, signum: signal.Signals | None = None) -> int:
        """Send `signum`, if any, and wait for the end."""
        assert self._process is not None
        if signum is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signum)
        async with asyncio.timeout(START_S):
            status = await self._process.wait()
            if self._reading is not None:
                await self._reading
        return status

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.output += line.decode()
