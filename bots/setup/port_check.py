"""The check of Parley's own port: free, or Parley's already."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial

import aiohttp

from core.values.checks import Check, Finding, failed, ok

_ASKED_S = 3.0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - addresses that stand for all


def port_checks(host: str, port: int) -> list[Check]:
    """The check of the address at which Parley's HTTP server listens, or will."""
    return [Check("http port", partial(_check, host, port))]


async def _check(host: str, port: int) -> Sequence[Finding]:
    name, at = "http port", f"{host}:{port}"
    if port == 0:
        return [ok(name, "any port that is free")]
    if await _is_alive(_LOOPBACK.get(host, host), port):
        return [ok(name, f"a Parley answers at {at}")]
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except socket.gaierror:
        return [
            failed(
                name, f"{host} is no address of this machine", "set PARLEY_HTTP_HOST to one, such as 127.0.0.1"
            )
        ]
    except PermissionError:
        return [failed(name, f"{at} is for privileged programs", "set PARLEY_HTTP_PORT to a port from 1024 on")]
    except OSError as error:
        detail = f"{at} can't be listened at: {(error.strerror or 'it is refused').lower()}"
        return [failed(name, detail, "end the other program, or set PARLEY_HTTP_HOST and PARLEY_HTTP_PORT")]
    return [ok(name, f"{at} is free; no Parley runs there now")]


async def _is_alive(host: str, port: int) -> bool:
    """True if something answers `/livez` as Parley does."""
    shown = f"[{host}]" if ":" in host else host
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ASKED_S)) as session,
            session.get(f"http://{shown}:{port}/livez") as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
