"""Sources over real servers that answer HTTP, of both protocols, with streams and with bodies."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from core.tools.config import ToolServer
from core.tools.mcp import http
from core.tools.mcp import server as server_module
from core.values.tools import ToolRule
from tests.core.tools.mcp.rig import running
from tests.e2e.program import free_port
from tests.fakes.clock import FakeClock
from tests.fakes.mcp import HttpServers
from tests.fakes.mcp.pictures import PNG
from tests.waiting import HANG_S, until

PATHS = ("/sse", "/json", "/old")


@pytest.mark.parametrize("path", PATHS)
async def test_tools_are_listed_and_called(fine: HttpServers, path: str) -> None:
    async with running(
        ToolServer(name="fake", url=fine.url(path), never=("die",), approvers=("slack:U9",))
    ) as rig:
        tools = await rig.listed()
        assert "die" not in tools
        assert (tools["echo"].rule, tools["echo"].writes) == (ToolRule.READ, False)
        assert (tools["write"].rule, tools["write"].writes) == (ToolRule.ASK, True)
        assert tools["write"].approvers == ("slack:U9",)
        assert '"text"' in tools["echo"].parameters
        assert await rig.said("echo", text="世界") == "世界"
        assert await rig.said("fail") == "failed: Error executing tool fail"
        assert "validation error" in await rig.said("echo")
        assert '"open": 3' in await rig.said("table")
        picture = await rig.output("picture")
        assert picture.text == "a chart\n\n[1 more pictures that are not shown]"
        assert picture.picture is not None
        assert (picture.picture.media_type, picture.picture.data) == ("image/png", PNG)
        assert (await rig.said("ask")).startswith("failed: The server refused the call:"), "nobody is asked"
        assert await rig.said("echo", text="again") == "again"
        assert rig.states == [None]
        assert not rig.absent


@pytest.mark.parametrize("path", PATHS)
async def test_a_result_that_is_too_large_is_refused_and_the_other_calls_go_on(
    fine: HttpServers, path: str
) -> None:
    async with running(ToolServer(name="fake", url=fine.url(path))) as rig:
        await rig.listed()
        beside = asyncio.create_task(rig.said("slow", seconds=1))
        assert "too large" in await rig.said("big", megabytes=6)
        assert await beside == "done"
        long = await rig.said("big", megabytes=1)
        assert len(long) < 16_000
        assert f"[... {1_000_000 - long.count('x'):,} characters left out ...]" in long


async def test_progress_gives_a_call_more_time(fine: HttpServers) -> None:
    async with running(ToolServer(name="fake", url=fine.url("/sse"), timeout_s=1.5)) as rig:
        assert await rig.said("slow", seconds=2.5, steps=25) == "done"


@pytest.mark.parametrize("path", ["/sse", "/old"])  # the SDK's server does not notice it behind a whole body
async def test_a_call_that_takes_too_long_is_cancelled_at_the_server(
    fine: HttpServers, written: Path, path: str
) -> None:
    async with running(ToolServer(name="fake", url=fine.url(path), timeout_s=0.3)) as rig:
        said = await rig.said("slow", seconds=60)
        assert said == "failed: The server gave no answer within 0.3 seconds, so the call was cancelled."
        await until(lambda: "cancelled" in fine.written)
        said = await rig.said("write", text="once", seconds=60)
        assert "not known whether the call was done" in said
        assert fine.written.count("once") == 1
        assert rig.states == [None], "a slow call takes nothing else away"


async def test_a_stopped_turn_cancels_its_call_at_the_server(fine: HttpServers, written: Path) -> None:
    async with running(ToolServer(name="fake", url=fine.url("/sse"))) as rig:
        call = asyncio.create_task(rig.said("write", text="begun", seconds=60))
        await until(lambda: fine.written == ["begun"])
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        slow = asyncio.create_task(rig.said("slow", seconds=60))
        await asyncio.sleep(0.3)
        slow.cancel()
        await until(lambda: "cancelled" in fine.written)
        assert await rig.said("echo", text="still here") == "still here"


async def test_at_most_four_calls_run_at_once(fine: HttpServers, written: Path) -> None:
    async with running(ToolServer(name="fake", url=fine.url("/json"))) as rig:
        await rig.listed()
        calls = [asyncio.create_task(rig.said("write", text="w", seconds=60)) for _ in range(5)]
        await until(lambda: len(fine.written) == 4)
        await asyncio.sleep(0.2)
        assert len(fine.written) == 4
        calls[0].cancel()
        await until(lambda: len(fine.written) == 5)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("path", PATHS)
async def test_each_tool_that_is_added_is_offered_once_the_server_says_so(fine: HttpServers, path: str) -> None:
    async with running(ToolServer(name="fake", url=fine.url(path))) as rig:
        for name in ("grown_once", "grown_twice"):
            await rig.said("grow", name=name)
            await until(lambda added=name: added in rig.tools)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("http_method", "method", "silent"),
    [
        ("POST", "subscriptions/listen", True),
        ("GET", "", True),
        ("POST", "tools/call", False),
        ("DELETE", "", False),
    ],
)
def test_only_streams_of_a_servers_own_messages_may_be_silent(
    http_method: str, method: str, silent: bool
) -> None:
    request = httpx2.Request(http_method, "http://localhost/mcp", headers={"Mcp-Method": method})
    assert (http._timeout(request).read is None) is silent


async def test_a_tool_that_is_added_in_silence_is_offered_after_ten_minutes(fine: HttpServers) -> None:
    clock = FakeClock()
    async with running(ToolServer(name="fake", url=fine.url("/json")), clock) as rig:
        await rig.said("grow", name="grown", tell=False)
        assert "grown" not in rig.tools
        await until(lambda: clock.sleepers == 1)
        await clock.advance(1)
        await clock.advance(600)
        await until(lambda: "grown" in rig.tools)


async def test_a_wrong_key_is_said_in_words_without_the_key(fine: HttpServers) -> None:
    server = ToolServer(name="fake", url=fine.url("/sse"), headers={"X-Key": SecretStr("wrong-key-1")})
    async with running(server, FakeClock()) as rig:
        await until(lambda: bool(rig.states))
        assert [error and error.detail for error in rig.states] == ["The server refused the call: HTTP 401."]
        assert rig.absent


@pytest.mark.parametrize("path", ["/sse", "/old"])
async def test_a_server_that_is_killed_and_comes_back(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECT_S", HANG_S)  # a busy machine takes long to connect
    servers = HttpServers(tmp_path, free_port())
    servers.start()
    servers.wait()
    async with running(ToolServer(name="fake", url=servers.url(path))) as rig:
        reading = asyncio.create_task(rig.said("hold", text="a"))
        writing = asyncio.create_task(rig.said("write", text="once", seconds=60))
        await until(lambda: sorted(servers.written) == ["held", "once"])
        servers.kill()
        assert "lost before the call was answered" in await reading
        assert "not known whether the call was done" in await writing
        assert "can't be reached" in await rig.said("echo", text="a")
        assert rig.absent
        assert "echo" in rig.tools, "the next call tries again"
        servers.start()
        servers.wait()
        calls = [rig.said("echo", text=str(number)) for number in range(20)]
        assert await asyncio.gather(*calls) == [str(number) for number in range(20)]
        assert await rig.said("write", text="twice") == "written"
        assert not rig.absent
        assert sorted(servers.written) == ["held", "once", "twice"]
    servers.kill()


async def test_attempts_to_reach_a_server_pause_longer_and_never_end() -> None:
    clock = FakeClock()
    async with running(ToolServer(name="gone", url=f"http://127.0.0.1:{free_port()}/mcp"), clock) as rig:
        for failures in range(1, 10):
            await until(lambda count=failures: len(rig.states) == count)  # type: ignore[misc]
            await until(lambda: clock.sleepers > 0)
            await clock.advance(min(2 ** (failures - 1), 60) - 0.001)
            assert rig.absent, "a turn begins, too soon"
            await asyncio.sleep(0.02)
            assert len(rig.states) == failures
            await clock.advance(0.002)
            assert rig.absent, "a turn begins"
