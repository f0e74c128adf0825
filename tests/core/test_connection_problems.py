"""The words for network errors, by those that the libraries really raise, and by those of the system."""

from __future__ import annotations

import socket
import ssl

import aiohttp
import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest

from core.connection_problems import ConnectionProblem, connection_problem, connection_trouble
from tests.e2e.program import free_port


async def by_httpx(url: str) -> Exception:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.HTTPError) as raised:
            await client.get(url)
    return raised.value


async def by_aiohttp(url: str) -> Exception:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError) as raised:
            await session.get(url)
    return raised.value


async def by_asyncpg(url: str) -> Exception:
    address = url.partition("://")[2]
    with pytest.raises(OSError) as raised:
        await asyncpg.connect(f"postgresql://u:p@{address}/x")
    return raised.value


@pytest.mark.parametrize("library", [by_httpx, by_aiohttp, by_asyncpg])
async def test_every_library_is_told_in_the_same_words(library: object) -> None:
    assert callable(library)
    refused = await library(f"http://127.0.0.1:{free_port()}")
    several = await library(f"http://localhost:{free_port()}")
    unknown = await library("http://no-such-host.invalid:81")
    assert connection_problem(refused) is connection_problem(several) is ConnectionProblem.REFUSED
    assert connection_problem(unknown) is ConnectionProblem.NAME


async def test_the_host_is_named_where_the_library_tells_it() -> None:
    unknown = await by_aiohttp("http://no-such-host.invalid:81")
    assert (
        connection_trouble(unknown, "x") == "no-such-host.invalid can't be reached: its name can't be resolved"
    )
    refused = RuntimeError("around it")
    refused.__cause__ = await by_aiohttp(f"http://127.0.0.1:{free_port()}")
    assert connection_trouble(refused, "x") == "127.0.0.1 can't be reached: the connection is refused"
    assert connection_trouble(ValueError("secret"), "auth.test: HTTP 503") == "auth.test: HTTP 503"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ssl.SSLCertVerificationError("secret"), "its certificate is not trusted"),
        (ssl.SSLError("secret"), "TLS fails"),
        (TimeoutError("secret"), "no answer in time"),
        (OSError(101, "secret"), "there is no route to it"),
        (OSError("Multiple exceptions: [Errno 111] secret, [Errno 111] secret"), "the connection is refused"),
        (FileNotFoundError(2, "secret"), "its socket is not there"),
        (ConnectionResetError(104, "secret"), "the connection was cut"),
        (OSError("secret"), "the connection failed"),
        (ExceptionGroup("secret", [socket.gaierror(-2, "secret")]), "its name can't be resolved"),
        (ValueError("secret"), "the connection failed"),
        (None, "the connection failed"),
    ],
)
def test_each_problem_has_words_of_its_own(error: Exception | None, words: str) -> None:
    assert connection_problem(error) == words


def test_errors_that_cause_each_other_in_a_circle_end() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert connection_problem(one) is ConnectionProblem.FAILED
