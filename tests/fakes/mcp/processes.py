"""The servers as processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.waiting import HANG_S

_ROOT = Path(__file__).parents[3]


def stdio_command(file: Path, *options: str) -> tuple[str, ...]:
    """The command of a server over standard input and output. Writing calls add a line to `file`."""
    script = (
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from tests.fakes.mcp.__main__ import main; main()"
    )
    return (sys.executable, "-c", script, "stdio", str(file), *options)


class HttpServers:
    """One process that serves `/sse`, `/json` and `/old`. It can be killed, and started again on the same port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / "written.txt"
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def written(self) -> list[str]:
        """The lines of writing calls, `held` for each call of `hold`, and `cancelled` for each that was cancelled."""
        return self.file.read_text().splitlines() if self.file.exists() else []

    def release(self) -> None:
        """Have the call of `hold` that runs end, or else the next one."""
        self.file.with_suffix(".released").touch()

    def start(self) -> None:
        """Returns at once."""
        arguments = ["-m", "tests.fakes.mcp", "http", str(self.port), str(self.file)]
        self._process = subprocess.Popen([sys.executable, *arguments], cwd=_ROOT, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Returns once it takes connections."""
        assert self._process is not None
        end = time.monotonic() + 2 * HANG_S
        while True:
            assert self._process.poll() is None
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
