"""Requests that are refused, and the page's own files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from bots import web
from bots.guard import Hosts, names_of
from tests.bots.web.pages import Client, error
from tests.bots.web.rig import serving_page
from tests.waiting import HANG_S

# Refusals.


@pytest.mark.parametrize(
    ("headers", "body", "refusal"),
    [
        ({"Content-Type": "text/plain"}, b"{}", (415, "not_json")),
        ({"Sec-Fetch-Site": "cross-site"}, b"{}", (403, "cross_site")),
        ({"Sec-Fetch-Site": "same-site"}, b"{}", (403, "cross_site")),
        ({"Origin": "https://evil.example"}, b"{}", (403, "cross_site")),
        ({"Host": "evil.example"}, b"{}", (421, "wrong_host")),
        ({}, b"not json", (400, "malformed")),
        ({}, b" " * 600_000, (413, "too_long")),
    ],
)
async def test_a_request_that_may_not_be_is_refused(
    client: Client, headers: dict[str, str], body: bytes, refusal: tuple[int, str]
) -> None:
    async with serving_page() as home:
        sent = {"Content-Type": "application/json", **headers}
        async with client.post(f"{home.url}/api/asks", data=body, headers=sent) as response:
            assert await error(response) == refusal
        assert home.inbox.events == []


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/api/threads", "/api/threads/board/events"])
async def test_no_other_name_leads_to_loopback(client: Client, path: str) -> None:
    async with (
        serving_page() as home,
        client.get(home.url + path, headers={"Host": "evil.example"}) as response,
    ):
        assert await error(response) == (421, "wrong_host")


async def test_a_name_that_is_set_leads_to_the_page_and_nobody_who_comes_by_it_runs_parley(
    client: Client,
) -> None:
    async with serving_page(hosts=Hosts("127.0.0.1", names_of("chat.example"))) as home:
        named = {"Host": "chat.example", "Origin": "https://chat.example"}
        async with client.get(f"{home.url}/", headers=named) as response:
            assert response.status == 200
        body = {"text": "hello", "client_id": str(uuid4())}
        async with client.post(f"{home.url}/api/asks", json=body, headers=named) as response:
            assert response.status == 202
        assert not home.inbox.events[0].author.admin  # type: ignore[union-attr]


async def test_an_address_has_so_many_open_pages_and_one_more_once_another_is_closed(client: Client) -> None:
    async with serving_page(streams=2) as home:
        body = {"text": "hello", "client_id": str(uuid4())}
        async with client.post(f"{home.url}/api/asks", json=body) as response:
            thread = (await response.json())["thread"]
        events = f"{home.url}/api/threads/{thread}/events"
        async with client.get(events) as first, client.get(events) as second:
            assert (first.status, second.status) == (200, 200)
            async with client.get(events) as third:
                assert await error(third) == (429, "streams")
            first.close()
            await asyncio.sleep(0.1)  # the server hears of it
            async with client.get(events) as fourth:
                assert fourth.status == 200


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.web.http_messages.BODY_S", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(HANG_S)

    async with serving_page() as home:
        headers = {"Content-Type": "application/json"}
        async with client.post(f"{home.url}/api/asks", data=slow(), headers=headers) as response:
            assert await error(response) == (408, "too_slow")


async def test_an_unknown_thread_is_refused_in_words(client: Client) -> None:
    async with serving_page() as home:
        for path in ("", "/events"):
            async with client.get(f"{home.url}/api/threads/abcdefgh2345{path}") as response:
                assert await error(response) == (404, "no_thread")
        body = {"text": "x", "client_id": str(uuid4()), "thread": "abcdefgh2345"}
        async with client.post(f"{home.url}/api/asks", json=body) as response:
            assert await error(response) == (404, "no_thread")


async def test_a_question_that_cannot_be_stored_is_not_taken(client: Client) -> None:
    async with serving_page() as home:
        home.store.failing = True
        body = {"text": "x", "client_id": str(uuid4())}
        headers = {"Accept-Language": "zh"}
        async with client.post(f"{home.url}/api/asks", json=body, headers=headers) as response:
            assert response.headers["Retry-After"] == "5"
            assert "保存" in (await response.json())["error"]["message"]
            assert await error(response) == (503, "store")


async def test_a_program_that_is_stopping_says_so(client: Client) -> None:
    async with serving_page() as home:
        body = {"text": "x", "client_id": str(uuid4())}
        home.inbox.draining = True
        async with client.post(f"{home.url}/api/asks", json=body) as response:
            assert response.headers["Retry-After"]
            assert await error(response) == (503, "draining")
        home.running.cancel()
        await asyncio.wait([home.running])
        async with client.post(f"{home.url}/api/asks", json=body) as response:
            assert await error(response) == (503, "starting")


# The page itself.


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html"),
        ("/static/page.css", "text/css"),
        ("/static/page.js", "text/javascript"),
        ("/static/markdown.js", "text/javascript"),
        ("/static/form_dialog.js", "text/javascript"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
async def test_files_are_sent_once_and_then_only_when_changed(
    client: Client, path: str, content_type: str
) -> None:
    async with serving_page() as home:
        async with client.get(home.url + path) as response:
            assert (response.status, response.content_type) == (200, content_type)
            assert response.headers["Cache-Control"] == "no-cache"
            policy = response.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            tag = response.headers["ETag"]
        async with client.get(home.url + path, headers={"If-None-Match": tag}) as response:
            assert response.status == 304


async def test_every_file_that_the_page_names_is_served(client: Client) -> None:
    async with serving_page() as home:
        left, seen = ["/"], {"/"}
        while left:
            async with client.get(home.url + left.pop()) as response:
                assert response.status == 200, response.url
                named = set(re.findall(r"/static/[a-z_]+\.[a-z]+", await response.text()))
            left += named - seen
            seen |= named
    folder = Path(web.__file__).parent
    there = {f"/static/{path.name}" for path in folder.iterdir() if path.suffix in (".css", ".js", ".svg")}
    assert seen - {"/"} == there, "every file is named by another, and is there"


@pytest.mark.parametrize("name", ["platform.py", "..%2Fplatform.py", "page.html%00"])
async def test_nothing_else_is_served(client: Client, name: str) -> None:
    async with serving_page() as home, client.get(f"{home.url}/static/{name}") as response:
        assert response.status == 404


async def test_answers_of_the_api_are_never_cached(client: Client) -> None:
    async with serving_page() as home, client.get(f"{home.url}/api/threads") as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
