"""The hosts that have to be reached, on servers of loopback: those that answer, and every way in which one does not."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web

from bots.setup.hosts import HostChecks
from core.clock import SystemClock
from core.values.checks import CheckStatus, Finding, Host
from tests.e2e.program import free_port

FAILED, OK, WARNING = CheckStatus.FAILED, CheckStatus.OK, CheckStatus.WARNING
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class FixedClock(SystemClock):
    """The machine's clock, but for the time of day."""

    def now(self) -> datetime:
        return NOW


@asynccontextmanager
async def server(
    date: datetime | None = NOW, status: int = 404, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The address of a server that tells that date."""

    async def answer(request: web.BaseRequest) -> web.Response:
        headers = {"Date": "no date" if date is None else format_datetime(date, usegmt=True)}
        return web.Response(status=status, headers=headers)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def self_signed(folder: Path) -> ssl.SSLContext:
    """The TLS context of a server with a certificate of its own making."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    names = ["-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names], check=True, capture_output=True
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    return tls


async def findings(*hosts: Host, signed: bool = False) -> list[Finding]:
    (check,) = HostChecks(hosts, FixedClock(), signed=signed).all()
    return list(await check.run())


async def of_host(host: Host) -> Finding:
    return (await findings(host))[0]


async def test_a_host_that_answers_anything_is_reached_once_for_all_its_uses() -> None:
    async with server() as address:
        host, clock = await findings(
            Host(f"http://{address}/api/", "Slack"), Host(f"ws://{address}/gateway", "its sockets")
        )
    assert (host.check, host.status) == (f"host {address}", OK)
    assert host.detail == "reached (for Slack, its sockets)"
    assert (clock.check, clock.status) == ("clock", OK)


async def test_a_name_that_is_unknown_fails() -> None:
    found = await of_host(Host("https://no-such-host.invalid/v1", "models"))
    assert (found.status, found.detail) == (FAILED, "its name can't be resolved (for models)")


async def test_a_machine_without_a_network_is_said_once_for_all_hosts() -> None:
    found, _ = await findings(
        Host("https://no-such-host.invalid/v1", "models"), Host("https://nor-this.invalid/", "Slack")
    )
    assert (found.check, found.status) == ("hosts", FAILED)
    assert found.detail == (
        "none is reached: its name can't be resolved (no-such-host.invalid, nor-this.invalid)"
    )
    assert found.unreached == ("no-such-host.invalid", "nor-this.invalid")


async def test_a_port_at_which_nobody_listens_fails() -> None:
    found = await of_host(Host(f"http://127.0.0.1:{free_port()}", "models"))
    assert (found.status, found.detail) == (FAILED, "the connection is refused (for models)")


async def test_a_host_that_speaks_no_tls_fails() -> None:
    async with server() as address:
        found = await of_host(Host(f"https://{address}", "models"))
    assert found.status is FAILED
    assert found.detail.startswith("TLS fails")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_a_certificate_that_nobody_vouches_for_fails(tmp_path: Path) -> None:
    async with server(tls=self_signed(tmp_path)) as address:
        found = await of_host(Host(f"https://{address}", "models"))
    assert found.status is FAILED
    assert found.detail.startswith("its certificate is not trusted")
    assert "SSL_CERT_FILE" in found.todo


async def test_the_way_through_a_proxy_is_tried_and_its_password_is_not_shown() -> None:
    target = f"http://chat.example.com:{free_port()}"
    async with server(status=200) as address:
        found = await of_host(Host(target, "Slack", f"http://me:hunter2@{address}"))
    assert (found.status, found.detail) == (OK, f"reached through the proxy {address} (for Slack)")


async def test_a_proxy_that_is_not_there_fails() -> None:
    found = await of_host(Host("https://slack.com/", "Slack", f"http://127.0.0.1:{free_port()}"))
    assert found.status is FAILED
    assert found.detail.startswith("the proxy can't be reached through the proxy 127.0.0.1:")
    assert "HTTPS_PROXY" in found.todo


async def test_a_proxy_that_refuses_the_host_fails() -> None:
    async with server(status=403) as address:
        found = await of_host(Host("https://slack.com/", "Slack", f"http://{address}"))
    assert found.status is FAILED
    assert "the proxy refuses the connection (HTTP 403)" in found.detail


async def test_what_lies_behind_a_socks_proxy_cannot_be_verified() -> None:
    found = await of_host(Host("https://models.example.com/", "models", "socks5://127.0.0.1:1080"))
    assert found.status is WARNING


@pytest.mark.parametrize(
    ("ahead", "signed", "status", "said"),
    [
        (timedelta(seconds=30), False, OK, "agrees"),
        (timedelta(hours=1), False, WARNING, "3600 s ahead of"),
        (-timedelta(hours=1), False, WARNING, "3600 s behind"),
        (timedelta(minutes=4), True, WARNING, "240 s ahead"),
        (timedelta(minutes=6), True, FAILED, "signed requests are refused"),
    ],
)
async def test_a_clock_that_is_wrong_is_told_by_the_dates_of_the_services(
    ahead: timedelta, signed: bool, status: CheckStatus, said: str
) -> None:
    async with server(NOW - ahead) as address:
        clock = (await findings(Host(f"http://{address}", "models"), signed=signed))[-1]
    assert clock.status is status
    assert said in clock.detail


async def test_a_clock_that_nobody_tells_the_time_cannot_be_verified() -> None:
    async with server(None) as address:
        clock = (await findings(Host(f"http://{address}", "models")))[-1]
    assert clock.status is WARNING
