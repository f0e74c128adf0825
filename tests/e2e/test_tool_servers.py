"""Tool servers in the real program: a real one, and others that are dead, silent or slow when it starts."""

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
from tests.fakes.mcp.raw import Answer, greet, respond, result
from tests.waiting import HANG_S, until

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

[[tools]]
name = "slow"
url = "{slow}"
"""
READ = {"name": "look", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}
LOOKED = {"content": [{"type": "text", "text": "seen at last"}]}
MISSING = "The tools of these servers can't be reached now: {servers}."


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServers]:
    servers = HttpServers(tmp_path_factory.mktemp("mcp"), free_port())
    servers.start()
    servers.wait()
    yield servers
    servers.kill()


async def silent(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def held(released: asyncio.Event) -> Answer:
    """A server of the older protocol that says nothing until it is released."""

    async def answer(message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        await released.wait()
        if (greeting := greet(message)) is not None:
            respond(writer, greeting)
        elif message.get("method") == "tools/list":
            respond(writer, result(message, {"tools": [READ]}))
        elif message.get("method") == "tools/call":
            respond(writer, result(message, LOOKED))
        else:
            respond(writer, b"", "text/plain", "202 Accepted" if message else "405 Method Not Allowed")

    return answer


async def test_servers_that_are_dead_silent_or_slow_delay_nothing_and_are_named(
    tmp_path: Path, side: Side, endpoint: FakeCompletions, fine: HttpServers
) -> None:
    endpoint.reply_by(call_tools([("echo", {"text": "fourty two"})]))
    released = asyncio.Event()
    async with RawServer(silent) as mute, RawServer(held(released)) as slow:
        dead = f"http://127.0.0.1:{free_port()}/mcp"
        toml = TOML.format(fine=fine.url("/sse"), dead=dead, silent=mute.url, slow=slow.url)
        (tmp_path / "parley.toml").write_text(toml)
        settings = side.settings | model_settings(endpoint) | {"FINE_KEY": "right"}
        async with Program(tmp_path, **settings) as program:
            await until(lambda: mute.messages and slow.messages)
            assert (await program.state())["ready"], "while both have not answered a single request"
            await _metric(program, 'parley_tool_server_up{server="fine"} 1.0')
            await side.ask("what is it?")
            await side.answered("fourty two")
            assert MISSING.format(servers="dead, silent, slow") in _told(endpoint, 0)
            assert "dead, silent, slow." in await side.settings_told()
            assert 'parley_tool_calls_total{outcome="ok",server="fine"} 1.0' in await program.page("/metrics")
            for name in ("dead", "silent", "slow"):
                await _metric(program, f'parley_tool_server_up{{server="{name}"}} 0.0')
            released.set()
            asked = 1
            while 'parley_tool_server_up{server="slow"} 1.0' not in await program.page("/metrics"):
                asked += 1
                await side.ask("and now?")
                await side.answered("The tools say:", asked)
            endpoint.reply_by(call_tools([("look", {})]))
            await side.ask("what does the slow one say?")
            await side.answered("seen at last", asked + 1)
            assert MISSING.format(servers="dead, silent") in _told(endpoint, -1)
    assert f"tools    fine at 127.0.0.1:{fine.port}, dead at" in program.output
    lines = program.output.splitlines()
    connected = next(number for number, line in enumerate(lines) if "platform_connected" in line)
    for name in ("dead", "silent", "slow"):
        [away] = [number for number, line in enumerate(lines) if _says(line, "tool_server_away", name)]
        assert away > connected or name == "dead", "the platforms have waited for no server"
        assert sum("alert_raised" in line and f"tools {name}" in line for line in lines) == 1


def _says(line: str, event: str, server: str) -> bool:
    return event in line and f"server={server}" in line


def _told(endpoint: FakeCompletions, request: int) -> str:
    """The instructions to the model before the conversation."""
    return str(endpoint.requests[request].body["messages"][0]["content"])


async def _metric(program: Program, line: str) -> None:
    async with asyncio.timeout(HANG_S):
        while line not in await program.page("/metrics"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
