"""Health and counters over HTTP."""

from __future__ import annotations

import aiohttp

from bots.http import HttpServer
from bots.web.guard import host_allowed


async def test_counters_are_shown_only_to_whoever_asked_for_this_machine_by_its_name() -> None:
    server = HttpServer(
        "127.0.0.1", 0, {}, [], lambda: ["x_total 1"], lambda host: host_allowed(host, "127.0.0.1")
    )
    url = await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/metrics") as answer:
                assert (answer.status, await answer.text()) == (200, "x_total 1\n")
            async with session.get(f"{url}/metrics", headers={"Host": "rebound.example"}) as answer:
                assert answer.status == 403
            async with session.get(f"{url}/livez", headers={"Host": "probe.example"}) as answer:
                assert answer.status == 200, "health is nobody's secret"
    finally:
        await server.stop()
