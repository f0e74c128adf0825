"""Parley's own port: free, Parley's, or another program's."""

from __future__ import annotations

import pytest
from aiohttp import web

from bots.setup.port_check import port_checks
from core.values.checks import CheckStatus, Finding
from tests.e2e.program import free_port

FAILED, OK = CheckStatus.FAILED, CheckStatus.OK


async def finding(host: str, port: int) -> Finding:
    (check,) = port_checks(host, port)
    (found,) = await check.run()
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_port_at_which_nobody_listens_is_free(host: str) -> None:
    port = free_port()
    found = await finding(host, port)
    assert (found.status, found.detail) == (OK, f"{host}:{port} is free; no Parley runs there now")
    assert (await finding(host, 0)).status is OK


@pytest.mark.parametrize(("status", "outcome"), [(200, OK), (404, FAILED)])
async def test_a_parley_that_answers_is_told_from_another_program(status: int, outcome: CheckStatus) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status if request.path == "/livez" else 500)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    found = await finding("127.0.0.1", port)
    await runner.cleanup()
    assert found.status is outcome
    if outcome is FAILED:
        assert "address already in use" in found.detail
        assert "PARLEY_HTTP_PORT" in found.todo


async def test_an_address_of_another_machine_fails() -> None:
    assert (await finding("192.0.2.1", 8080)).status is FAILED
    assert "is no address" in (await finding("no-such-host.invalid", 8080)).detail
