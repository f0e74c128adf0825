"""A file is fetched from the platform's own hosts alone, whole, within its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from bots.downloads import WebPageError, allow_list, download
from core.ports.files import FileError
from core.values.parts import FileProblem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HEADERS = {"Authorization": "Bearer xoxb-secret"}


@asynccontextmanager
async def serving(**handlers: Handler) -> AsyncIterator[str]:
    """A server on loopback whose path `/name` is answered by the handler of that name."""
    app = web.Application()
    for name, handler in handlers.items():
        app.router.add_get(f"/{name}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def fetched(url: str, also: str = "", **settings: Any) -> bytes:
    given: dict[str, Any] = {"allows": allow_list(".example", also=also or url), "limit": 1_000}
    async with aiohttp.ClientSession() as session:
        return await download(session, url, **given | settings)


async def problem(of: AbstractAsyncContextManager[str], path: str = "/file", **settings: Any) -> FileProblem:
    async with of as base:
        with pytest.raises(FileError) as failed:
            await fetched(base + path, **settings)
    assert "127.0.0.1" not in failed.value.detail
    assert "secret" not in failed.value.detail
    return failed.value.problem


def saying(body: bytes = b"content", **how: Any) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, **how)

    return answer


async def test_a_file_arrives_whole_with_the_headers_that_it_needs() -> None:
    seen = []

    async def file(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.Response(body=b"content")

    async with serving(file=file) as base:
        assert await fetched(f"{base}/file", headers=HEADERS, expected_size=7) == b"content"
    assert seen == ["Bearer xoxb-secret"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, FileProblem.NOT_ALLOWED),
        (403, FileProblem.NOT_ALLOWED),
        (404, FileProblem.NOT_FOUND),
        (410, FileProblem.NOT_FOUND),
        (429, FileProblem.UNAVAILABLE),
        (503, FileProblem.UNAVAILABLE),
        (599, FileProblem.UNAVAILABLE),
        (206, FileProblem.UNAVAILABLE),
    ],
)
async def test_a_refusal_is_told_apart_from_an_outage(status: int, expected: FileProblem) -> None:
    assert await problem(serving(file=saying(status=status))) is expected


async def test_a_web_page_is_no_file_unless_the_file_is_one() -> None:
    page = saying(b"<html>Sign in", content_type="text/html")
    async with serving(file=page) as base:
        with pytest.raises(WebPageError):
            await fetched(f"{base}/file")
        assert await fetched(f"{base}/file", page=True) == b"<html>Sign in"


@pytest.mark.parametrize("size", [6, 8])
async def test_another_length_than_announced_is_a_mismatch(size: int) -> None:
    assert await problem(serving(file=saying()), expected_size=size) is FileProblem.MISMATCH


async def test_nothing_is_asked_for_what_is_announced_as_too_large() -> None:
    assert await problem(serving(), expected_size=1_001) is FileProblem.TOO_LARGE


async def test_the_rest_of_an_endless_body_is_never_read() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 1 << 28:
            await response.write(bytes(1 << 16))
            sent += 1 << 16
        return response

    assert await problem(serving(file=endless)) is FileProblem.TOO_LARGE
    assert sent < 1 << 26


async def test_a_length_above_the_limit_is_refused_before_the_body() -> None:
    assert await problem(serving(file=saying(bytes(1_001)))) is FileProblem.TOO_LARGE


async def test_a_body_that_drips_ends_at_the_deadline() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1_000):
            await response.write(b".")
            await asyncio.sleep(0.01)
        return response

    assert await problem(serving(file=drip), deadline_s=0.2) is FileProblem.UNAVAILABLE


async def test_a_body_that_ends_early_is_no_file() -> None:
    async def short(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"begun")
        assert request.transport is not None
        request.transport.close()
        return response

    assert await problem(serving(file=short)) is FileProblem.UNAVAILABLE


async def test_a_compressed_body_is_refused() -> None:
    packed = saying(headers={"Content-Encoding": "gzip"})
    assert await problem(serving(file=packed)) is FileProblem.UNAVAILABLE


def redirect(*to: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        step = int(request.query.get("step", "0"))
        return web.Response(status=302, headers={"Location": to[min(step, len(to) - 1)]})

    return answer


async def test_redirects_are_followed_among_the_platforms_hosts() -> None:
    steps = redirect("/file?step=1", "file?step=2", "/end")
    async with serving(file=steps, end=saying()) as base:
        assert await fetched(f"{base}/file", headers=HEADERS) == b"content"


@pytest.mark.parametrize("to", ["/file", ""])
async def test_redirects_come_to_an_end(to: str) -> None:
    assert await problem(serving(file=redirect(to))) is FileProblem.UNAVAILABLE


async def test_a_redirect_to_another_host_is_not_followed() -> None:
    asked = []

    async def private(request: web.Request) -> web.Response:
        asked.append(request.headers)
        return web.Response(body=b"content")

    async with serving(file=private) as other:
        to = f"{other}/file"
        assert await problem(serving(file=redirect(to)), headers=HEADERS) is FileProblem.UNAVAILABLE
    assert asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/file", "file:///etc/passwd", "http://[", "", "nonsense"])
async def test_what_cannot_be_fetched_is_unavailable(url: str) -> None:
    with pytest.raises(FileError) as failed:
        await fetched(url, also="http://127.0.0.1:1")
    assert failed.value.problem is FileProblem.UNAVAILABLE


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://files.slack.com/a", True),
        ("https://slack.com/a", True),
        ("https://FILES.slack.com/a", True),
        ("http://127.0.0.1:80/x", True),
        ("http://files.slack.com/a", False),
        ("https://files.slack.com:8443/a", False),
        ("https://u:p@files.slack.com/a", False),
        ("https://slack.com.evil.example/", False),
        ("https://evilslack.com/", False),
        ("https://slack.com@evil.example/", False),
        ("http://127.0.0.1:81/x", False),
        ("https://127.0.0.1/", False),
        ("ftp://files.slack.com/a", False),
        ("/relative", False),
        ("//files.slack.com/a", False),
    ],
)
def test_the_allow_list_takes_whole_hosts_over_https(url: str, allowed: bool) -> None:
    assert allow_list("slack.com", ".slack.com", also="http://127.0.0.1/api/")(URL(url)) is allowed
