"""Pages are read from public hosts alone, in bounds, and as text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from hypothesis import given
from hypothesis import strategies as st

from core.addresses import is_public
from core.errors import SettingsError
from core.ports.tools import ToolError
from core.settings.environment import CoreSettings
from core.tools.links import MOST_BYTES, LinkReader, check_url
from core.tools.page_text import html_to_text

LOOPBACK = "127.0.0.1"


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_public_addresses_are_asked(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
        ),
        *(
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "168.63.129.16",
            "192.0.0.192",
        ),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *(
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "::7f00:1",
        ),
        *("", "localhost", "2130706433"),
    ],
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://localhost/", "http://2130706433/", "http://0x7f.1/", "http://127.1/"),
        *(
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[fe80::1]/",
            "http://0/",
        ),
        *("http://localhost:8080/", "http://169.254.169.254/latest/meta-data/", "http://①②⑦.⓪.⓪.①/"),
    ],
)
async def test_no_form_of_a_private_address_is_asked(url: str) -> None:
    with pytest.raises(ToolError, match=r"public Internet|can't be reached"):
        await LinkReader().read(url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://example.com/",
            "file:///etc/passwd",
            "//example.com",
            "example.com",
            "",
            "javascript:alert(1)",
            "http://",
        ),
        *(
            "https://ada:secret@example.com/",
            "https://ada@example.com",
            "http://example.com:22/",
            "http://[::1",
            "http:///x",
        ),
        *("https://example.com/" + "a" * 2_000, "http://example.com:99999/", "http://example.com:0/"),
    ],
)
def test_only_plain_addresses_of_pages_are_taken(url: str) -> None:
    with pytest.raises(ToolError):
        check_url(url)


@given(st.text(max_size=60) | st.text("htps:/@[]%#?.0aé\\", max_size=40))
def test_no_address_is_too_odd(text: str) -> None:
    with suppress(ToolError):
        assert check_url(text).scheme in ("http", "https")


async def test_one_private_address_of_a_host_is_enough_to_refuse_it() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    with pytest.raises(ToolError, match="public Internet"):
        await LinkReader(resolve=resolve).read("https://example.com/")


class Site:
    """Web servers on loopback, by the names of `hosts`. `asked`: the hosts and paths asked for."""

    def __init__(self, server: BaseTestServer, hosts: tuple[str, ...]) -> None:
        self.port = server.port
        self.asked: list[str] = []
        self.resolved: list[str] = []
        self._hosts = hosts

    async def resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append(host)
        return [LOOPBACK] if host in self._hosts else ["10.0.0.1"]

    def reader(self, *listed: str, deadline_s: float = 5) -> LinkReader:
        allows: Callable[[str], bool] = LOOPBACK.__eq__
        return LinkReader(listed, resolve=self.resolve, allows=allows, deadline_s=deadline_s)

    def url(self, path: str = "/", host: str = "example.com") -> str:
        return f"http://{host}:{self.port}{path}"

    async def read(self, path: str = "/") -> str:
        return await self.reader().read(self.url(path))


Answer = Callable[[web.Request], web.StreamResponse]


@asynccontextmanager
async def site(answer: Answer, *hosts: str) -> AsyncIterator[Site]:
    async def handle(request: web.Request) -> web.StreamResponse:
        assert "Cookie" not in request.headers
        assert "Authorization" not in request.headers
        here.asked.append(f"{request.host.partition(':')[0]}{request.path}")
        response = answer(request)
        response.headers.setdefault("Set-Cookie", "a=b")
        return response

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    async with TestServer(app, host=LOOPBACK) as server:
        here = Site(server, hosts or ("example.com",))
        yield here


def page(text: str = "Hello.", kind: str = "text/plain", **more: str) -> Answer:
    return lambda request: web.Response(body=text.encode(), content_type=kind, headers=more)


async def test_a_page_is_read_as_its_words_behind_its_address() -> None:
    async with site(page("<h1>Loom</h1><script>x</script><p>A &amp; B", "text/html")) as here:
        assert await here.read("/a#b") == f"{here.url('/a')}\n\nLoom\nA & B"
        assert here.asked == ["example.com/a"]


async def test_the_name_is_looked_up_once_and_the_checked_address_is_asked() -> None:
    async with site(page()) as here:
        await here.read()
        assert here.resolved == ["example.com"]


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "application/octet-stream", "video/mp4"])
async def test_what_is_no_text_is_not_read(kind: str) -> None:
    async with site(page(kind=kind)) as here:
        with pytest.raises(ToolError, match=kind):
            await here.read()


async def test_bytes_that_are_no_text_are_not_given() -> None:
    async with site(
        lambda request: web.Response(body=bytes(range(256)) * 9, content_type="text/plain")
    ) as here:
        with pytest.raises(ToolError, match="no text"):
            await here.read()


async def test_a_compressed_page_is_refused() -> None:
    async with site(page(**{"Content-Encoding": "gzip"})) as here:
        with pytest.raises(ToolError, match="compressed"):
            await here.read()


async def test_of_a_large_page_the_beginning_is_read() -> None:
    async with site(page("x" * (MOST_BYTES + 9))) as here:
        text = await here.read()
    assert text.count("x") == MOST_BYTES + 1, "one is in the address"
    assert "only the first 2,000,000 bytes" in text


async def test_an_error_of_the_server_is_said() -> None:
    async with site(lambda request: web.Response(status=404)) as here:
        with pytest.raises(ToolError, match="HTTP 404"):
            await here.read()


async def test_a_server_that_is_slow_is_left() -> None:
    async with site(page()) as here:

        async def resolve(host: str, port: int) -> list[str]:
            await asyncio.Event().wait()
            return []

        with pytest.raises(ToolError, match=r"longer than 0\.05 seconds"):
            await LinkReader(resolve=resolve, deadline_s=0.05).read(here.url())


def to(target: str, where: str = "/") -> Answer:
    """Redirects what asks for `where`; any other path is a page."""

    def answer(request: web.Request) -> web.StreamResponse:
        if request.path == where:
            return web.Response(status=302, headers={"Location": target})
        return web.Response(text="There.")

    return answer


async def test_a_redirect_is_followed() -> None:
    async with site(to("/there")) as here:
        assert (await here.read()).endswith("There.")


@pytest.mark.parametrize(
    "target",
    [
        "http://intranet:8000/",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "http://a:b@example.com/",
        "http://[::1]/",
    ],
)
async def test_a_redirect_to_where_it_may_not_ask_is_not_followed(target: str) -> None:
    async with site(to(target)) as here:
        with pytest.raises(ToolError):
            await here.read()
        assert here.asked == ["example.com/"]


async def test_redirects_in_a_circle_end() -> None:
    async with site(to("/")) as here:
        with pytest.raises(ToolError, match="too often"):
            await here.read()
        assert len(here.asked) == 4


async def test_a_listed_host_does_not_lead_to_another_one_unasked() -> None:
    async with site(to("/x"), "docs.example.com", "example.com") as here:
        reader = here.reader("docs.example.com", "*.example.org")
        assert not reader.needs_approval("https://DOCS.example.com/a")
        assert not reader.needs_approval("https://a.b.example.org")
        for other in ("https://example.org", "https://example.com", "https://docs.example.com.evil.example"):
            assert reader.needs_approval(other)
        assert (await reader.read(here.url(host="docs.example.com"))).endswith("There.")
    async with site(to("http://example.com:9999/x"), "docs.example.com", "example.com") as here:
        with pytest.raises(ToolError, match="asked for by itself: http://example"):
            await here.reader("docs.example.com").read(here.url(host="docs.example.com"))


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("a<br>b <b>c</b>d", "a\nb cd"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        ("<tr><td>1</td><td>2</td></tr>", "| 1 | 2"),
        ("x<!-- <p>hidden</p> -->y", "xy"),
        ("a < b <3 &lt;c&gt;", "a < b <3 <c>"),
        ("<style>p {}</STYLE >seen<script>", "seen"),
        ("<p>unfinished <a href", "unfinished"),
        ("&#99999999999999999999999;x", "\ufffdx"),
        ("&#" + "9" * 5_000 + ";", "&#" + "9" * 5_000 + ";"),
    ],
)
def test_a_page_is_read_block_by_block(html: str, words: str) -> None:
    assert html_to_text(html) == words


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<a", "<script>", "<script></script", "<svg></svg>", "&#9", "</"]
)
def test_a_hostile_page_takes_time_in_proportion_to_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        began = time.process_time()
        html_to_text(piece * (length // len(piece)))
        return time.process_time() - began

    assert seconds(800_000) < 20 * max(seconds(100_000), 0.005)


@given(st.text("<>/!-abscript&#;9 \n'\"", max_size=200))
def test_no_page_is_too_odd(html: str) -> None:
    assert "\n\n" not in html_to_text(html)


@pytest.mark.parametrize("hosts", ["https://docs.example.com", "docs.example.com/a", "*", "a b", "*.*.a"])
def test_a_host_that_is_none_ends_the_start(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_LINK_HOSTS", hosts)
    with pytest.raises(SettingsError, match="PARLEY_LINK_HOSTS"):
        CoreSettings.load()
