"""Tool servers in the real program: real ones, and others that are dead or silent when it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import model_settings
from tests.e2e.program import Program, free_port
from tests.e2e.sides import Side
from tests.fakes.completions import FakeCompletions
from tests.fakes.completions.tools import call_tools
from tests.fakes.mcp import HttpServers, RawServer
from tests.waiting import HANG_S

TOML = """
[[tools]]
name = "fine"
url = "{fine}"
headers = {{ "X-Key" = "env:FINE_KEY" }}

[[tools]]
name = "dead"
url = "{dead}"

[[tools]]
name = "silent"
url = "{silent}"
"""


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServers]:
    servers = HttpServers(tmp_path_factory.mktemp("mcp"), free_port())
    servers.start()
    servers.wait()
    yield servers
    servers.kill()


async def silent(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_a_tool_is_called_while_other_servers_are_dead_and_silent(
    tmp_path: Path, side: Side, endpoint: FakeCompletions, fine: HttpServers
) -> None:
    endpoint.reply_by(call_tools([("echo", {"text": "fourty two"})]))
    async with RawServer(silent) as raw:
        dead = f"http://127.0.0.1:{free_port()}/mcp"
        toml = TOML.format(fine=fine.url("/sse"), dead=dead, silent=raw.url)
        (tmp_path / "parley.toml").write_text(toml)
        settings = side.settings | model_settings(endpoint) | {"FINE_KEY": "right"}
        async with Program(tmp_path, **settings) as program:
            await side.ask("before any server is known")
            await side.answered("", 1)
            await _metric(program, 'parley_tool_server_up{server="fine"} 1.0')
            await _metric(program, 'parley_tool_server_up{server="dead"} 0.0')
            await _metric(program, 'parley_tool_server_up{server="silent"} 0.0')
            await side.ask("what is it?")
            answer = await side.answered("The tools say:", 2)
            assert "fourty two" in answer.text
            await _metric(program, 'parley_tool_calls_total{outcome="ok",server="fine"} 1.0')
    assert f"tools    fine at 127.0.0.1:{fine.port}, dead at" in program.output
    lines = program.output.splitlines()
    for name in ("dead", "silent"):
        assert sum("tool_server_away" in line and f"server={name}" in line for line in lines) == 1
        assert sum("alert_raised" in line and f"tools {name}" in line for line in lines) == 1
    asked = [str(request.body["messages"]) for request in endpoint.requests]
    assert "The tools of these servers can't be reached now: dead, silent." in asked[-1]


async def _metric(program: Program, line: str) -> None:
    async with asyncio.timeout(HANG_S):
        while line not in await program.page("/metrics"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
