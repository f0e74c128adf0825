"""Health and counters over HTTP, and how many connections are held."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import pytest

from bots.http import HttpServer
from bots.web import Hosts, refuse_host
from tests.waiting import HANG_S

HALF = b"GET /livez HTTP/1.1\r\nHost: local"


@asynccontextmanager
async def serving(bound: str = "127.0.0.1", **limits: Any) -> AsyncIterator[str]:
    refuse = partial(refuse_host, Hosts(bound))
    server = HttpServer("127.0.0.1", 0, {}, [], lambda: b"x_total 1\n", refuse, **limits)
    url = await server.start()
    try:
        yield url
    finally:
        await server.stop()


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def half(url: str, sent: bytes = HALF) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has sent a part of a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
    writer.write(sent)
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
async def test_counters_are_shown_only_to_whoever_asked_for_this_machine_by_its_name(bound: str) -> None:
    async with serving(bound) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/metrics") as answer:
            assert (answer.status, await answer.text()) == (200, "x_total 1\n")
        for path in ("/metrics", "/", "/nowhere", "/livez/x"):
            async with session.get(f"{url}{path}", headers={"Host": "rebound.example"}) as answer:
                assert answer.status == 421
        for path in ("/livez", "/readyz"):
            async with session.get(f"{url}{path}", headers={"Host": "probe.example"}) as answer:
                assert answer.status == 200, "health is nobody's secret"


async def test_a_request_without_a_host_is_refused_and_nobody_is_looked_up() -> None:
    async with serving() as url:
        reader, writer = await half(url, b"GET /metrics HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(HANG_S):
            assert b" 421 " in await reader.readline()
        writer.close()


@pytest.mark.parametrize("sent", [b"", HALF, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + HALF])
async def test_a_connection_without_a_whole_request_is_closed_in_time(sent: bytes) -> None:
    async with serving(head_s=0.1) as url:
        reader, writer = await half(url, sent)
        async with asyncio.timeout(HANG_S):
            await reader.read()
        writer.close()


async def test_half_requests_give_way_to_whole_ones() -> None:
    async with serving(most=8) as url, aiohttp.ClientSession() as session:
        halves = [await half(url) for _ in range(40)]
        for _ in range(3):
            async with asyncio.timeout(HANG_S), session.get(f"{url}/livez") as answer:
                assert answer.status == 200
        async with asyncio.timeout(HANG_S):
            for reader, _ in halves[:32]:
                assert await reader.read() == b"", "the oldest are closed"
        for _, writer in halves:
            writer.close()


async def test_three_hundred_half_requests_leave_file_handles_to_the_rest_of_the_program() -> None:
    program = """
        import asyncio, resource
        from bots.http import HttpServer
        from tests.bots.test_http import half
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        async def main():
            server = HttpServer("127.0.0.1", 0, {}, [], bytes)
            print(await server.start(), flush=True)
            while input() == "open":
                files = [open("/dev/null") for _ in range(100)]
                print(len(files), flush=True)
        asyncio.run(main())
    """
    script = textwrap.dedent(program).replace("while input()", "while await asyncio.to_thread(input)")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    halves = []
    try:
        async with asyncio.timeout(HANG_S):
            url = (await process.stdout.readline()).decode().strip()
            halves = [await half(url) for _ in range(300)]
            process.stdin.write(b"open\n")
            assert await process.stdout.readline() == b"100\n"
    finally:
        for _, writer in halves:
            writer.transport.abort()
        process.kill()
        await process.wait()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
    ids=["two hosts", "no colon", "long line", "bad gzip"],
)
async def test_what_clients_send_wrongly_is_not_in_the_log(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as url:
        reader, writer = await half(url, sent)
        async with asyncio.timeout(HANG_S):
            await reader.readline()
        writer.close()
        await asyncio.sleep(0.05)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
