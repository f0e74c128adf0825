"""The routes of the operator's page, on a server of their own with a clock that only the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs
from yarl import URL

from bots.operator import OperatorRoutes, PageReader
from bots.operator.access import SESSION_S, TRIES, TRIES_OF_ALL
from bots.operator.forms import BODY_LIMIT_BYTES, BODY_S
from bots.operator.markup import Html, element
from bots.operator.routes import HEADERS, HELD_BACK, WRONG_S
from bots.operator.sections import Done, Query
from bots.operator.view import View
from core.errors import StoreError
from core.values.places import Person
from tests.fakes.clock import FakeClock
from tests.waiting import until

TOKEN = "operator-test-token"
YOU = PageReader(Person("you", "You"), alone=True)


@dataclass
class Shown:
    """A section that shows its query, or fails as the database does."""

    name: str = "running"
    failing: bool = False
    done: list[tuple[str, Query]] = field(default_factory=list)

    async def body(self, view: View, query: Query) -> Html:
        if self.failing:
            raise StoreError("disk is full")
        if query.get("broken"):
            raise ZeroDivisionError
        return element("p", "&".join(f"{name}={value}" for name, value in query.items()), id="query")

    async def picture(self, view: View, query: Query) -> bytes:
        return b"a picture"

    async def act(self, view: View, given: Query, by: Person) -> Done:
        self.done.append((by.id, dict(given)))
        return Done("Well done.", "running")


@dataclass
class Rig:
    """A client of the page."""

    url: str
    session: ClientSession
    clock: FakeClock
    shown: Shown

    async def get(self, path: str = "/operator", **headers: str) -> tuple[int, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(f"{self.url}{path}", headers=named, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, data: dict[str, str], **headers: str) -> tuple[int, str, str]:
        """Status, text, and the header of the cookie or of the next address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address = f"{self.url}/operator/{path}"
        async with self.session.post(address, data=data, headers=named, allow_redirects=False) as answer:
            told = answer.headers.get("Set-Cookie", answer.headers.get("Location", ""))
            return answer.status, await answer.text(), told

    async def raw(self, path: bytes, head: bytes, body: bytes, version: bytes = b"HTTP/1.1") -> int:
        """The status of the response to a form of which only `body` is sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(self.url).port)
        kind = b"Content-Type: application/x-www-form-urlencoded\r\n"
        writer.write(
            b"POST /operator/%s %s\r\nHost: localhost\r\n%s%s\r\n%s" % (path, version, kind, head, body)
        )
        line = await reader.readline()
        writer.close()
        return int(line.split()[1])

    async def sign_in(self, token: str = TOKEN, **headers: str) -> tuple[int, str]:
        """The status, and the cookie as a browser sends it."""
        status, _, cookie = await self.post("sign-in", {"token": token}, **headers)
        return status, cookie.partition(";")[0]


@asynccontextmanager
async def serving(
    token: str = TOKEN, reader: PageReader | None = None, body_s: float = BODY_S, clock: FakeClock | None = None
) -> AsyncIterator[Rig]:
    clock, shown = clock or FakeClock(jumps=True), Shown()
    zone = ZoneInfo("UTC")
    operator = OperatorRoutes(
        [shown],
        {"act": shown.act},
        {"drawn": shown.picture},
        token,
        lambda: reader,
        clock,
        lambda: zone,
        lambda: "en",
        body_s=body_s,
    )
    app = web.Application()
    app.add_routes(operator.routes())
    server = TestServer(app)
    await server.start_server()
    try:
        async with ClientSession(cookie_jar=DummyCookieJar()) as session:
            yield Rig(str(server.make_url("")).rstrip("/"), session, clock, shown)
    finally:
        await server.close()


async def test_a_browser_is_signed_out_after_twelve_hours() -> None:
    async with serving() as rig:
        status, cookie = await rig.sign_in()
        assert status == 303
        assert (await rig.get(Cookie=cookie))[0] == 200
        await rig.clock.advance(SESSION_S - 1)
        assert (await rig.get(Cookie=cookie))[0] == 200
        await rig.clock.advance(1)
        assert (await rig.get(Cookie=cookie))[0] == 401


async def test_the_right_token_is_taken_however_many_wrong_ones_came() -> None:
    async with serving() as rig:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        rig.clock.slept_s.clear()
        for number in range(TRIES_OF_ALL):
            status, _ = await rig.sign_in("wrong")
            assert status == (401 if number < TRIES - 1 else 429)
        assert len(rig.clock.slept_s) == TRIES_OF_ALL
        assert (await rig.sign_in())[0] == 303
        assert (await rig.get(**bearer))[0] == 200
        assert (await rig.get())[0] == 401, "the form is there without a word of the tries of others"
        assert len(rig.clock.slept_s) == TRIES_OF_ALL, "nothing right is held back"


async def test_a_wrong_token_is_held_back_wherever_it_comes() -> None:
    async with serving() as rig:
        wrong = {"Authorization": "Bearer wrong"}
        for path, status in (("/operator", 401), ("/operator/pictures/drawn", 404)):
            rig.clock.slept_s.clear()
            assert (await rig.get(path, **wrong))[0] == status
            assert rig.clock.slept_s == [WRONG_S]
        rig.clock.slept_s.clear()
        await rig.post("act", {}, **wrong)
        assert rig.clock.slept_s == [WRONG_S]


async def test_only_so_many_wrong_tokens_are_held_back_at_a_time() -> None:
    async with serving(clock=FakeClock()) as rig:
        held = [asyncio.ensure_future(rig.sign_in("wrong")) for _ in range(HELD_BACK)]
        await until(lambda: rig.clock.sleepers == HELD_BACK)
        assert (await rig.sign_in("wrong"))[0] == 429
        assert (await rig.sign_in())[0] == 303
        assert not any(one.done() for one in held)
        await rig.clock.advance(WRONG_S)
        assert {status for status, _ in await asyncio.gather(*held)} == {401, 429}


async def test_wrong_tokens_fill_no_log() -> None:
    async with serving() as rig:
        with capture_logs() as lines:
            for _ in range(3 * TRIES):
                await rig.sign_in("wrong")
        assert len([one for one in lines if one["event"] == "operator_token_wrong"]) == TRIES


async def test_who_signs_out_is_signed_out_with_every_copy_of_the_cookie() -> None:
    async with serving() as rig:
        _, cookie = await rig.sign_in()
        _, other = await rig.sign_in()
        assert (await rig.post("sign-out", {}, Cookie=cookie))[0] == 303
        assert (await rig.get(Cookie=cookie))[0] == 401
        assert (await rig.get(Cookie=other))[0] == 200
    async with serving("another-operator-token") as rig:
        assert (await rig.get(Cookie=other))[0] == 401, "a restart with another token ends all sessions"


async def test_every_error_has_the_headers_of_the_page() -> None:
    async with serving() as rig:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        cases = {
            ("GET", "/operator/nowhere"): 404,
            ("GET", "/operator/too/deep"): 404,
            ("GET", "/operator/pictures/none"): 404,
            ("PUT", "/operator"): 404,
            ("GET", "/operator?broken=1"): 500,
        }
        for (method, path), status in cases.items():
            async with rig.session.request(method, f"{rig.url}{path}", headers=bearer) as answer:
                assert answer.status == status, path
                assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path


async def test_who_is_signed_in_stays_so_while_others_guess() -> None:
    async with serving() as rig:
        _, cookie = await rig.sign_in()
        for _ in range(TRIES + 1):
            await rig.sign_in("wrong")
        assert (await rig.get(Cookie=cookie))[0] == 200


async def test_the_cookie_is_for_https_alone_where_the_browser_uses_it() -> None:
    async with serving() as rig:
        for headers, secure in (({"X_Forwarded_Proto": "https"}, True), ({}, False)):
            _, _, cookie = await rig.post("sign-in", {"token": TOKEN}, **headers)
            assert ("Secure" in cookie) == secure
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie


async def test_signing_in_leads_to_a_section_and_nowhere_else() -> None:
    async with serving() as rig:
        wanted = {
            "/operator?a=%3Cb%3E&c=d": "/operator?a=%3Cb%3E&c=d",
            "/operator": "/operator",
            "https://evil.example/operator": "/operator",
            "//evil.example": "/operator",
            "/operator/nowhere": "/operator",
            "/operator?a=1\r\nSet-Cookie: x=y": "/operator?a=1%0D%0ASet-Cookie%3A+x%3Dy",
        }
        for given, led in wanted.items():
            data = {"token": TOKEN, "wanted": given}
            async with rig.session.post(
                f"{rig.url}/operator/sign-in", data=data, allow_redirects=False
            ) as answer:
                assert answer.headers["Location"] == led
                assert "x" not in answer.cookies


async def test_a_form_needs_the_token_of_its_own_cookie_and_a_script_none() -> None:
    async with serving() as rig:
        _, cookie = await rig.sign_in()
        await rig.clock.advance(1)
        _, other = await rig.sign_in()
        _, page = await rig.get(Cookie=cookie)
        token = page.partition('name="form_token" value="')[2].partition('"')[0]
        assert (await rig.post("act", {"form_token": token}, Cookie=other))[0] == 403
        assert (await rig.post("act", {}, Cookie=cookie))[0] == 403
        assert (await rig.post("act", {"form_token": token}))[0] == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert (await rig.post("act", {}, Cookie=cookie, **bearer))[0] == 403
        assert rig.shown.done == []
        assert (await rig.post("act", {"form_token": token, "a": "b"}, Cookie=cookie))[0] == 200
        assert (await rig.post("act", {"a": "c"}, **bearer))[0] == 200
        assert [(by, given["a"]) for by, given in rig.shown.done] == [("operator", "b"), ("operator", "c")]


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (FORM, b"token=\xff\xfe", 400),
        (FORM, b"token=%FF%FE", 400),
        (FORM, b"a=1&" * 101, 400),
        (f"{FORM}; charset=nonsense", b"token=x", 400),
        (FORM, b"token=" + b"x" * BODY_LIMIT_BYTES, 413),
        ("multipart/form-data", b"token=x", 415),
        ("multipart/form-data; boundary=x", b"\n" * 10_000, 415),
        ("application/json", b"[1", 415),
        ("text/plain", b"x", 415),
    ],
)
async def test_a_form_that_is_malformed_long_or_of_another_kind_is_refused_without_a_traceback(
    kind: str, body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as rig:
        headers = {"Content-Type": kind}
        async with rig.session.post(f"{rig.url}/operator/sign-in", data=body, headers=headers) as answer:
            assert answer.status == status
            assert "nothing was done" in await answer.text()
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        headers["Authorization"] = f"Bearer {TOKEN}"
        async with rig.session.post(f"{rig.url}/operator/act", data=body, headers=headers) as answer:
            assert answer.status == status
        assert rig.shown.done == []
    assert not [one for one in caplog.records if one.exc_info]


async def test_a_compressed_form_is_refused() -> None:
    async with serving() as rig:
        assert (await rig.post("sign-in", {"token": TOKEN}, Content_Encoding="deflate"))[0] in (400, 415)


async def test_a_form_without_a_length_is_read_no_further_than_its_limit() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000
            yield b"a" * 1_000

    async with serving() as rig:
        headers = {"Content-Type": FORM}
        address = f"{rig.url}/operator/sign-in"
        async with rig.session.post(address, data=endless(), headers=headers) as answer:
            assert answer.status == 413
    assert sent > BODY_LIMIT_BYTES


async def test_a_form_that_does_not_come_in_time_is_refused() -> None:
    async with serving(body_s=0.01) as rig:
        assert await rig.raw(b"sign-in", b"Content-Length: 100\r\n", b"token=") == 408


async def test_the_form_of_somebody_who_is_not_signed_in_is_not_read() -> None:
    async with serving(body_s=9_999.0) as rig:
        assert await rig.raw(b"act", b"Content-Length: 100\r\n", b"token=") == 401
        assert await rig.raw(b"nothing", b"Content-Length: 100\r\n", b"token=") == 404
    async with serving("", YOU, body_s=9_999.0) as rig:
        assert await rig.raw(b"sign-in", b"Content-Length: 100\r\n", b"token=") == 303


async def test_a_page_says_so_where_the_database_fails() -> None:
    async with serving() as rig:
        rig.shown.failing = True
        status, text = await rig.get(Authorization=f"Bearer {TOKEN}", Accept_Language="zh-CN")
        assert status == 503
        assert "disk is full" in text
        assert '<html lang="zh-Hans">' in text or '<html lang="zh' in text


async def test_the_reader_of_the_chat_page_acts_in_their_own_name() -> None:
    async with serving("", YOU) as rig:
        _, page = await rig.get()
        token = Html(page).partition('name="form_token" value="')[2]
        assert token == "", "nothing to sign out of"
        assert (await rig.post("act", {"form_token": "x"}))[0] == 403
        assert (await rig.get(X_Forwarded_For="192.0.2.1"))[0] == 404
    async with serving("", None) as rig:
        assert (await rig.get())[0] == 404
        assert (await rig.post("act", {}))[0] == 404


async def test_without_a_token_there_is_no_page_for_what_a_proxy_passes_on() -> None:
    async with serving("", YOU) as rig:
        assert (await rig.get())[0] == 200
        for name in ("X_Forwarded_Proto", "Via", "CF_Connecting_IP", "True_Client_IP", "Forwarded"):
            assert (await rig.get(**{name: "x"}))[0] == 404
        assert await rig.raw(b"act", b"", b"", b"HTTP/1.0") == 404, "as nginx sends it where it is told nothing"
        assert (await rig.get(Connection="close"))[0] == 404


async def test_the_address_of_a_section_keeps_its_fields_when_it_is_read_anew() -> None:
    async with serving() as rig:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        _, page = await rig.get("/operator?ref=A%26B&every=10", **bearer)
        assert 'http-equiv="refresh" content="10"' in page
        assert 'href="/operator?ref=A%26B"' in page
        _, page = await rig.get("/operator?ref=A%26B", **bearer)
        assert "http-equiv" not in page
        assert 'href="/operator?ref=A%26B&amp;every=10"' in page
