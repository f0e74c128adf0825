"""Sources over real servers that are programs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from core.tools.config import ToolServer
from tests.core.tools.mcp.rig import Rig, running
from tests.fakes.clock import FakeClock
from tests.fakes.mcp import stdio_command
from tests.waiting import until


async def test_a_program_answers_and_gets_no_more_than_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-parley")
    env = {"GIVEN": SecretStr("given-1")}
    command = stdio_command(tmp_path / "written.txt")
    with capture_logs() as logs:
        async with running(ToolServer(name="fake", command=command, env=env)) as rig:
            assert await rig.said("echo", text="世界") == "世界"
            said = await rig.said("environment")
            assert said.endswith("GIVEN=given-1")
            assert "OPENAI_API_KEY" not in said
            await until(lambda: any(one["event"] == "tool_server_stderr" for one in logs))
            assert "too large" in await rig.said("big", megabytes=6)
            beside = asyncio.create_task(rig.said("slow", seconds=0.5))
            assert await rig.said("fail") == "failed: Error executing tool fail"
            assert await beside == "done"
            await rig.said("grow", name="grown")
            await until(lambda: "grown" in rig.tools)
            await _dies(rig)
    [line] = [one for one in logs if one["event"] == "tool_server_stderr"]
    assert (line["server"], line["text"]) == ("fake", "a line on standard error: sk-abcdefgh1234")


async def _dies(rig: Rig) -> None:
    assert "lost before the call was answered" in await rig.said("die"), "and it is not called again"
    assert "lost" in await rig.said("echo", text="\ud800"), "it can't be sent"
    assert await rig.said("write", text="after") == "written"


async def test_a_program_of_the_older_protocol_answers(tmp_path: Path) -> None:
    server = ToolServer(name="fake", command=stdio_command(tmp_path / "written.txt", "old"))
    async with running(server) as rig:
        assert await rig.said("echo", text="hi") == "hi"
        assert await rig.said("ask") == "failed: The server refused the call: Elicitation not supported."
        await rig.said("grow", name="grown")
        await until(lambda: "grown" in rig.tools)


async def test_a_program_that_is_not_there_is_said_in_words() -> None:
    async with running(ToolServer(name="fake", command=("no-such-program",)), FakeClock()) as rig:
        await until(lambda: bool(rig.states))
        assert [error and error.detail for error in rig.states] == [
            "no-such-program: No such file or directory"
        ]
        assert rig.absent


async def test_a_program_that_floods_its_outputs_takes_little_of_the_log() -> None:
    """The time begins anew after 10 s, so that on a slow machine there may be one part more."""
    flood = "import os\nfor n in range(10): os.write(2, b'no\\n' * 2_000); os.write(1, b'no\\n' * 2_000)"
    with capture_logs() as logs:
        async with running(ToolServer(name="fake", command=(sys.executable, "-c", flood)), FakeClock()) as rig:
            await until(lambda: bool(rig.states))
    from core.tools.mcp.stdio import MOST_LOGGED  # imports the SDK, which collecting the tests need not

    assert 0 < sum(one["event"] == "tool_server_stderr" for one in logs) <= 5 * MOST_LOGGED


async def test_a_program_that_ends_at_once_is_away() -> None:
    async with running(ToolServer(name="fake", command=("false",)), FakeClock()) as rig:
        await until(lambda: bool(rig.states))
        assert rig.absent


async def test_closing_kills_a_program_that_does_not_end_and_its_children(tmp_path: Path) -> None:
    """While it connects: this one never answers."""
    pids = tmp_path / "pids"
    script = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}\\n')\n"
        "time.sleep(600)\n"
    )
    async with running(ToolServer(name="fake", command=(sys.executable, "-c", script))):
        await until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    for pid in map(int, pids.read_text().split()):
        await until(lambda one=pid: not _runs(one))  # type: ignore[misc]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
