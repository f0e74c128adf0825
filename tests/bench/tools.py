"""Tools: what a call of a real MCP server costs, and what a bad one does to everything else.

The servers are processes of their own. What a call adds to the server's own time are the milliseconds that this process
has a core for it: no other program's work is in it. Lag is how late a timer of the event loop is, at the most, without
time for which other programs kept this process from a core. `make bench only=tools`
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from core.tools.config import ToolServer
from tests.bench.files import watching
from tests.core.tools.mcp.rig import Rig, running
from tests.e2e.program import free_port
from tests.fakes.mcp import HttpServers, stdio_command

HTTP_MS, STDIO_MS, TOLD_S, BACK_S, LAG_MS, OWN_MB = 10.0, 6.0, 0.2, 1.0, 50.0, 20.0
CALLS = 100
MODULES = (
    "import bots.app, bots.programs, sys; print({'mcp', 'mcp_types', 'httpx2'} & {*sys.modules} or 'none')"
)


def main(_arguments: list[str]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder)))
    ran = subprocess.run([sys.executable, "-c", MODULES], capture_output=True, text=True, check=True)
    print(f"modules of the SDK where no server is configured: {ran.stdout.strip()} (aim none)")


async def _measure(folder: Path) -> None:
    servers = HttpServers(folder, free_port())
    servers.start()
    try:
        servers.wait()
        await _measure_all(servers)
    finally:
        servers.kill()


async def _measure_all(servers: HttpServers) -> None:
    over_http = [ToolServer(name="fake", url=servers.url(path)) for path in ("/sse", "/json", "/old")]
    stdio = ToolServer(name="fake", command=stdio_command(servers.file))
    for server in (*over_http, stdio):
        async with running(server) as rig:
            await _calls(_name(server), rig, HTTP_MS if server.url else STDIO_MS)
        await _big(server)
    await _killed(servers)


def _name(server: ToolServer) -> str:
    return f"HTTP {server.url.rpartition('/')[2]}" if server.url else "stdio"


async def _calls(name: str, rig: Rig, aim_ms: float) -> None:
    assert await rig.said("echo", text="hi") == "hi"
    taken, began_core_s = [], time.process_time()
    for _ in range(CALLS):
        began = time.monotonic()
        assert await rig.said("echo", text="hi") == "hi"
        taken.append((time.monotonic() - began) * 1000)
    added = (time.process_time() - began_core_s) * 1000 / CALLS
    print(
        f"{name:<12} {CALLS} calls: median {statistics.median(taken):.1f} ms with the server's own time, "
        f"added {added:.1f} ms (aim {aim_ms:g}: {_verdict(added <= aim_ms)})"
    )


async def _big(server: ToolServer) -> None:
    async with running(server) as rig:
        await rig.said("big", megabytes=3)
        await _result(server, rig, "50 MB", "too large", "big", megabytes=50)
        await _result(server, rig, "3.9 MB of text", "left out", "big", megabytes=3.9)
        await _result(server, rig, "16,000 objects", "left out", "rows", count=16_000)
        await _result(server, rig, "100,000 objects", "too large", "rows", count=100_000)


async def _result(server: ToolServer, rig: Rig, name: str, words: str, tool: str, **arguments: float) -> None:
    async with watching() as watch:
        began = time.monotonic()
        said = await rig.said(tool, **arguments)
        took_s = time.monotonic() - began
    assert words in said, said[:200]
    met = watch.lag_ms < LAG_MS and watch.own_mb < OWN_MB
    print(
        f"{_name(server):<12} {name}: {words} in {took_s:.2f} s, lag {watch.lag_ms:.1f} ms, {watch.own_mb:+.1f} MB "
        f"(aim {LAG_MS:g} ms, {OWN_MB:g} MB: {_verdict(met)})"
    )


async def _killed(servers: HttpServers) -> None:
    async with running(ToolServer(name="fake", url=servers.url("/sse"))) as rig:
        await rig.listed()
        call = asyncio.create_task(rig.said("slow", seconds=60))
        await asyncio.sleep(0.5)
        servers.kill()
        began = time.monotonic()
        await call
        told_s = time.monotonic() - began
        servers.start()
        await asyncio.to_thread(servers.wait)
        began = time.monotonic()
        assert await rig.said("echo", text="back") == "back"
        back_s = time.monotonic() - began
        print(f"killed: told after {told_s:.3f} s (aim {TOLD_S:g}: {_verdict(told_s <= TOLD_S)})")
        print(f"back: the first call takes {back_s:.3f} s (aim {BACK_S:g}: {_verdict(back_s <= BACK_S)})")
        servers.kill()
        servers.start()
        await asyncio.to_thread(servers.wait)
        said = await asyncio.gather(*(rig.said("echo", text=str(number)) for number in range(20)))
        right = sum(text == str(number) for number, text in enumerate(said))
        print(f"20 at once right after a restart: {right} work (aim 20: {_verdict(right == 20)})")


def _verdict(good: bool) -> str:
    return "met" if good else "MISSED"
