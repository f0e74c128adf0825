"""Slack over HTTP: which requests are taken, which are refused, and how each is answered."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp.web import Request, Response
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier
from structlog.testing import capture_logs

from bots.http import HttpServer
from bots.slack.http import PATHS, SignedRequests
from bots.slack.signed_requests import FORM, JSON, body_to_payload, is_signed, seconds_off, signature_of
from bots.web import Hosts, refuse_host
from core.errors import StoreError
from tests.bots.slack.rig import MENTION, Inbox, connecting, serving
from tests.fakes.clock import FakeClock
from tests.fakes.inbox import RecordingInbox
from tests.fakes.slack import FakeSlack
from tests.waiting import HANG_S, until

SECRET = "8f742231b10e8888abcd99edcba85a54"
EVENT = {"type": "event_callback", "team_id": "T1", "event": {"type": "app_mention"}}
BODY = json.dumps(EVENT).encode()

Json = dict[str, Any]


class Receiver:
    """Records payloads. `broken`: how many are not stored; `held`: none is done with before it is set."""

    def __init__(self) -> None:
        self.payloads: list[Json] = []
        self.broken = 0
        self.held: asyncio.Event | None = None

    async def __call__(self, payload: Json) -> Json | None:
        self.payloads.append(payload)
        if self.held is not None:
            await self.held.wait()
        if self.broken:
            self.broken -= 1
            raise StoreError("the disk is full")
        return {"response_action": "clear"} if payload.get("type") == "view_submission" else None


class App:
    """The routes on loopback. `send` returns the status, the headers and the text of the answer. `arrived`: the number
    of requests that have come."""

    def __init__(self, receiver: Receiver, clock: FakeClock) -> None:
        self.url = ""
        self.arrived = 0
        self.taken = RecordingInbox()
        self.receiver = receiver
        self.clock = clock

    def signed(self, body: bytes, *, off_s: int = 0, secret: str = SECRET) -> dict[str, str]:
        timestamp = str(int(self.clock.now().timestamp()) + off_s)
        signature = signature_of(secret, timestamp, body)
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}

    async def send(
        self, body: Any = BODY, headers: Mapping[str, str] | None = None, *, path: str = PATHS[0]
    ) -> tuple[int, Mapping[str, str], str]:
        sent = {"Content-Type": JSON, "Host": "parley.example"} | dict(headers or {})
        async with (
            asyncio.timeout(HANG_S),
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}{path}", data=body, headers=sent) as answer,
        ):
            return answer.status, answer.headers, await answer.text()

    async def status(self, body: Any = BODY, headers: Mapping[str, str] | None = None) -> int:
        return (await self.send(body, headers))[0]


@asynccontextmanager
async def answering(requests: SignedRequests, app: App) -> AsyncIterator[str]:
    def refuse(request: Request) -> Response | None:
        app.arrived += request.path in PATHS
        return None if request.path in PATHS else refuse_host(Hosts(), request)

    server = HttpServer("127.0.0.1", 0, {}, requests.routes(), bytes, refuse)
    try:
        yield await server.start()
    finally:
        await server.stop()


@pytest.fixture
async def app() -> AsyncIterator[App]:
    receiver, clock = Receiver(), FakeClock()
    app = App(receiver, clock)
    async with answering(SignedRequests(SECRET, receiver, clock, app.taken, body_s=0.2), app) as app.url:
        yield app


# -- signatures


@given(st.binary(max_size=300))
def test_the_signature_is_the_one_that_slacks_own_sdk_makes(body: bytes) -> None:
    text = body.decode(errors="replace")
    made = SignatureVerifier(SECRET).generate_signature(timestamp="1531420618", body=text)
    assert signature_of(SECRET, "1531420618", text.encode()) == made
    assert is_signed(SECRET, "1531420618", text.encode(), str(made))


def test_the_example_of_slacks_documentation_is_signed() -> None:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack/"""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert is_signed("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body, signature)
    assert body_to_payload(FORM, body)["command"] == "/webhook-collect"


@given(st.text(max_size=20), st.integers(0, 10**10))
def test_a_timestamp_is_a_number_of_seconds_or_none(text: str, now_s: int) -> None:
    off_s = seconds_off(text, now_s)
    assert (off_s is None) == (not (text.isascii() and text.isdigit() and len(text) <= 15))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Signature": "v0=1"},
        {"X-Slack-Request-Timestamp": "{now}"},
        {"X-Slack-Request-Timestamp": "{now}", "X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": "{now}", "X-Slack-Signature": "v0=" + 64 * "0"},
        {"X-Slack-Request-Timestamp": "{now}", "X-Slack-Signature": "{right}0"},
        {"X-Slack-Request-Timestamp": "{now}", "X-Slack-Signature": "v1={hex}"},
        {"X-Slack-Request-Timestamp": "{now}", "X-Slack-Signature": "{hex}"},
        {"X-Slack-Request-Timestamp": "{now}", "X-Slack-Signature": "v0=\udcff\udc80"},
        {"X-Slack-Request-Timestamp": "{now}", "X-Slack-Signature": "v0=é"},
        {"X-Slack-Request-Timestamp": "now", "X-Slack-Signature": "{right}"},
        {"X-Slack-Request-Timestamp": "1e9", "X-Slack-Signature": "{right}"},
        {"X-Slack-Request-Timestamp": "-1", "X-Slack-Signature": "{right}"},
        {"X-Slack-Request-Timestamp": "９" * 10, "X-Slack-Signature": "{right}"},
        {"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "{right}"},
    ],
)
async def test_what_is_not_signed_is_refused(app: App, headers: dict[str, str]) -> None:
    now, right = app.signed(BODY).values()
    given = {
        name: value.replace("{now}", now).replace("{right}", right).replace("{hex}", right[3:])
        for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    request = (
        f"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n{head}Content-Length: {len(BODY)}"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", int(app.url.rpartition(":")[2]))
    writer.write(request.encode(errors="surrogateescape") + b"\r\n\r\n" + BODY)
    async with asyncio.timeout(HANG_S):
        assert b" 401 " in await reader.readline()
    writer.close()
    assert app.receiver.payloads == []


async def test_another_apps_secret_and_other_bytes_are_refused(app: App) -> None:
    status, headers, _ = await app.send(BODY, app.signed(BODY, secret="0" * 32))
    assert (status, headers.get("X-Slack-No-Retry")) == (401, None), "the secret may be about to be changed"
    assert await app.status(BODY + b" ", app.signed(BODY)) == 401
    assert await app.status(BODY, app.signed(BODY, off_s=1) | {"X-Slack-Request-Timestamp": "1"}) == 401
    assert app.receiver.payloads == []


@pytest.mark.parametrize(("off_s", "status"), [(-301, 401), (-300, 200), (0, 200), (300, 200), (301, 401)])
async def test_the_timestamp_may_be_five_minutes_off(app: App, off_s: int, status: int) -> None:
    assert await app.status(BODY, app.signed(BODY, off_s=off_s)) == status
    assert len(app.receiver.payloads) == (status == 200)


async def test_a_recorded_request_does_nothing_a_second_time_and_is_refused_later(app: App) -> None:
    recorded = app.signed(BODY)
    assert await app.status(BODY, recorded) == 200
    await app.clock.advance(299)
    assert await app.status(BODY, recorded) == 200
    assert len(app.receiver.payloads) == 1
    await app.clock.advance(2)
    assert await app.status(BODY, recorded) == 401
    assert len(app.receiver.payloads) == 1


COMMAND = json.dumps({"type": "view_submission", "team": {"id": "T1"}}).encode()


async def test_a_recorded_command_is_not_done_by_the_process_after_a_restart(app: App) -> None:
    recorded = app.signed(COMMAND)
    assert await app.status(COMMAND, recorded) == 200
    restarted = App(Receiver(), app.clock)
    requests = SignedRequests(SECRET, restarted.receiver, app.clock, app.taken)
    async with answering(requests, restarted) as restarted.url:
        assert (await restarted.send(COMMAND, recorded))[::2] == (200, "")
        assert restarted.receiver.payloads == []
        assert await restarted.status(COMMAND, app.signed(COMMAND, off_s=1)) == 200
    assert len(restarted.receiver.payloads) == 1


async def test_a_command_that_was_not_done_may_come_again_after_a_restart(app: App) -> None:
    app.receiver.broken = 1
    recorded = app.signed(COMMAND)
    assert await app.status(COMMAND, recorded) == 503
    assert app.taken.requests == set()
    assert await app.status(COMMAND, recorded) == 200
    (key,) = app.taken.requests
    assert recorded["X-Slack-Signature"].removeprefix("v0=") not in key


async def test_an_event_with_an_id_is_known_by_its_row_alone(app: App) -> None:
    body = json.dumps(EVENT | {"event_id": "Ev1"}).encode()
    assert await app.status(body, app.signed(body)) == 200
    assert app.taken.requests == set()


async def test_the_same_request_twice_at_once_is_done_once_and_answered_twice(app: App) -> None:
    app.receiver.held = asyncio.Event()
    first = asyncio.create_task(app.status(BODY, app.signed(BODY)))
    await until(lambda: app.receiver.payloads)
    second = asyncio.create_task(app.status(BODY, app.signed(BODY)))
    await until(lambda: app.arrived == 2)
    assert not first.done()
    app.receiver.held.set()
    assert (await first, await second) == (200, 200)
    assert len(app.receiver.payloads) == 1


async def test_an_event_that_comes_again_while_it_is_being_stored_waits_for_that(app: App) -> None:
    body = json.dumps(EVENT | {"event_id": "Ev1"}).encode()
    app.receiver.held = asyncio.Event()
    first = asyncio.create_task(app.status(body, app.signed(body)))
    await until(lambda: app.receiver.payloads)
    again = asyncio.create_task(app.status(body, app.signed(body, off_s=3) | {"X-Slack-Retry-Num": "1"}))
    await until(lambda: app.arrived == 2)
    assert not again.done()
    app.receiver.held.set()
    assert (await first, await again, len(app.receiver.payloads)) == (200, 200, 1)


async def test_what_was_not_stored_is_to_be_sent_again_and_is_then_done(app: App) -> None:
    app.receiver.broken = 1
    same = app.signed(BODY)
    status, headers, text = await app.send(BODY, same)
    assert (status, headers.get("X-Slack-No-Retry"), "disk" in text) == (503, None, False)
    assert (
        await app.status(BODY, same | {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_error"}) == 200
    )
    assert len(app.receiver.payloads) == 2


# -- bodies


@pytest.mark.parametrize("path", PATHS)
async def test_each_url_takes_events_interactions_and_commands(app: App, path: str) -> None:
    command = {"command": "/ask", "text": "é & <b>", "response_url": "https://x.example/?a=1", "trigger_id": ""}
    interaction = {"type": "view_submission", "view": {"title": "你好"}}
    for body, kind in (
        (BODY, JSON),
        (BODY, f"{JSON}; charset=utf-8"),
        (urlencode(command).encode(), FORM),
        (urlencode({"payload": json.dumps(interaction)}).encode(), FORM),
    ):
        status, headers, text = await app.send(body, app.signed(body) | {"Content-Type": kind}, path=path)
        assert status == 200
    assert app.receiver.payloads == [EVENT, command, interaction]  # the second has the signature of the first
    assert (headers["Content-Type"].split(";")[0], json.loads(text)) == (JSON, {"response_action": "clear"})


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "", "a/b/c"]
)
async def test_other_content_types_are_refused_and_need_not_come_again(app: App, kind: str) -> None:
    status, headers, _ = await app.send(BODY, app.signed(BODY) | {"Content-Type": kind})
    assert (status, headers["X-Slack-No-Retry"]) == (415, "1")


async def test_a_compressed_body_is_refused(app: App) -> None:
    packed = gzip.compress(BODY)
    assert await app.status(packed, app.signed(BODY) | {"Content-Encoding": "gzip"}) == 415
    assert await app.status(packed, app.signed(packed) | {"Content-Encoding": "gzip"}) == 415
    assert app.receiver.payloads == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b"7", JSON),
        (b"\xff\xfe", JSON),
        (b"[" * 100_000, JSON),
        (b"\xff=\xff", FORM),
        (b"payload={", FORM),
        (b"payload=[]", FORM),
        (b"command", FORM),
        (b"&".join(b"a=1" for _ in range(300)), FORM),
    ],
)
async def test_a_signed_body_that_can_not_be_read_need_not_come_again(app: App, body: bytes, kind: str) -> None:
    status, headers, _ = await app.send(body, app.signed(body) | {"Content-Type": kind})
    assert (status, headers["X-Slack-No-Retry"]) == (400, "1")
    assert app.receiver.payloads == []


async def test_ten_megabytes_in_chunks_are_refused_after_the_first(app: App) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    assert await app.status(chunks(), app.signed(b"")) == 413
    told = app.signed(b"") | {"Content-Length": "10000000"}
    assert await app.status(chunks(), told) == 413
    assert app.receiver.payloads == []


async def test_a_body_that_does_not_end_is_given_up(app: App) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(HANG_S)

    status, headers, _ = await app.send(slowly(), app.signed(b"{"))
    assert (status, headers.get("X-Slack-No-Retry")) == (408, None)


async def test_other_methods_and_paths_are_none_of_these(app: App) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{app.url}{PATHS[0]}") as answer:
            assert answer.status == 405
        async with session.post(f"{app.url}/slack/other", data=BODY, headers=app.signed(BODY)) as answer:
            assert answer.status == 404
        async with session.get(f"{app.url}/metrics", headers={"Host": "parley.example"}) as answer:
            assert answer.status == 421, "only what is signed is answered under any name"


# -- requests that carry no event


async def test_slack_is_shown_that_the_url_is_the_apps_own_only_where_it_signs(app: App) -> None:
    body = json.dumps({"type": "url_verification", "token": "t", "challenge": "3eZbrw<b>"}).encode()
    status, headers, text = await app.send(body, app.signed(body))
    assert (status, headers["Content-Type"].split(";")[0], json.loads(text)) == (
        200,
        JSON,
        {"challenge": "3eZbrw<b>"},
    )
    assert await app.status(body) == 401
    assert app.receiver.payloads == []


async def test_a_check_of_the_certificate_needs_no_signature_and_does_nothing(app: App) -> None:
    form = {"Content-Type": FORM}
    assert await app.status(b"ssl_check=1&token=t", form) == 200
    assert await app.status(b"ssl_check=1&token=t", form | app.signed(b"ssl_check=1&token=t")) == 200
    assert await app.status(b"ssl_check=1&command=%2Fask&text=x", form) == 401
    assert await app.status(b"ssl_check=1&payload=%7B%7D", form) == 401
    assert await app.status(b"ssl_check=1&pad=" + b"x" * 5_000, form) == 413
    assert app.receiver.payloads == []


async def test_refusals_are_logged_once_a_minute_for_each_reason(app: App) -> None:
    with capture_logs() as logs:
        for _ in range(5):
            await app.status()
            await app.status(BODY, app.signed(BODY, off_s=-900))
        await app.clock.advance(61)
        await app.status()
    refused = [line for line in logs if line["event"] == "request_refused"]
    assert [line["detail"].split()[1] for line in refused] == ["request", "timestamp", "request"]


async def test_slacks_retries_and_limits_are_in_the_log(app: App) -> None:
    limited = b'{"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1518467820}'
    again = {"X-Slack-Retry-Num": "2", "X-Slack-Retry-Reason": "http_timeout"}
    with capture_logs() as logs:
        await app.status(limited, app.signed(limited))
        await app.status(BODY, app.signed(BODY) | again)
    assert [line["event"] for line in logs] == ["events_rate_limited", "event_sent_again"]
    assert (logs[1]["attempt"], logs[1]["reason"]) == ("2", "http_timeout")


# -- the connector


@asynccontextmanager
async def over_http(slack: FakeSlack, **changes: Any) -> AsyncIterator[tuple[Inbox, Any]]:
    """A connector that takes the requests of the fake Slack, and is ready."""
    platform = connecting(slack, signing_secret=slack.signing_secret, **{"app_token": ""} | changes)
    inbox = Inbox(slack)
    async with serving(slack, platform):
        running = asyncio.create_task(platform.run(inbox))
        try:
            await until(lambda: platform.ready() or running.done())
            yield inbox, platform
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert not platform.ready()


async def test_a_mention_is_stored_before_its_request_is_answered(slack: FakeSlack) -> None:
    async with over_http(slack) as (inbox, platform):
        ts = await slack.say("U1", "C1", MENTION)
        await slack.wait_for(lambda: len(inbox.events) == 2 and all(e.acked for e in slack.envelopes))
        assert inbox.acked_before[0] is False
        assert {event.id for event in inbox.asks()} == {ts}
        assert platform.heard_since() is None, "a request that does not arrive is not noticed"
    assert slack.called("apps.connections.open") == []


async def test_an_event_that_was_not_stored_comes_again_and_says_that_it_does(slack: FakeSlack) -> None:
    with capture_logs() as logs:
        async with over_http(slack) as (inbox, _):
            inbox.broken = 1
            ts = await slack.say("U1", "C1", "nobody in particular")
            await slack.wait_for(lambda: slack.envelopes and slack.envelopes[0].acked)
    (line,) = [line for line in logs if line["event"] == "event_not_accepted"]
    assert (line["place"], line["code"]) == (f"slack/T1/C1/{ts}", "store")
    first, second = slack.envelopes[0].attempts
    assert (first.status, first.problem, second.number, second.status) == (503, "http_error", 1, 200)
    assert len(inbox.events) == 1


async def test_the_url_is_verified_before_and_while_events_are_taken(slack: FakeSlack) -> None:
    async with over_http(slack):
        assert slack.sockets.requests is not None
        assert await slack.sockets.requests.verify()


async def test_before_it_has_started_and_after_its_end_slack_is_to_send_again(slack: FakeSlack) -> None:
    platform = connecting(slack, signing_secret=slack.signing_secret, app_token="")
    slack.sockets.retry_delays_s = ()
    async with serving(slack, platform):
        await slack.say("U1", "C1", MENTION)
        await slack.wait_for(lambda: len(slack.envelopes) == 2 and all(e.lost for e in slack.envelopes))
        assert {attempt.status for envelope in slack.envelopes for attempt in envelope.attempts} == {503}
        assert slack.sockets.requests is not None
        assert await slack.sockets.requests.verify(), "the URL can be entered at Slack all the same"
    await platform.installation.close()


async def test_an_unknown_event_is_acknowledged_and_a_menu_of_no_form_has_no_options(slack: FakeSlack) -> None:
    async with over_http(slack) as (inbox, _):
        deliver = slack.space.sockets.deliver
        sent = [
            deliver(
                "events_api", {"type": "event_callback", "team_id": "T1", "event": {"type": "emoji_changed"}}
            ),
            deliver("interactive", {"type": "shortcut", "callback_id": "x", "team": {"id": "T1"}}),
            deliver("interactive", {"type": "block_suggestion", "value": "mod", "team": {"id": "T1"}}),
        ]
        await slack.wait_for(lambda: all(envelope.acked for envelope in sent))
    assert [envelope.ack_payload for envelope in sent] == [{}, {}, {"options": []}]
    assert inbox.events == []


async def test_a_token_that_slack_revokes_ends_the_run_at_once(slack: FakeSlack) -> None:
    async with over_http(slack) as (_, platform):
        await slack.uninstall()
        await until(lambda: not platform.ready())


async def test_with_both_credentials_events_come_over_either(slack: FakeSlack) -> None:
    async with over_http(slack, app_token=slack.app_token) as (inbox, platform):
        await until(lambda: len(slack.sockets.open) == 2)
        await slack.say("U1", "C1", "by request")
        requests, slack.sockets.requests = slack.sockets.requests, None
        await slack.say("U1", "C1", "by socket")
        await slack.wait_for(lambda: len(inbox.events) == 2)
        await until(lambda: platform.heard_since() is not None)
        slack.sockets.requests = requests
    assert {ask.text for ask in inbox.asks()} == {"by request", "by socket"}


async def test_where_socket_mode_is_refused_signed_requests_alone_are_taken(slack: FakeSlack) -> None:
    slack.fail("apps.connections.open", None, error="missing_scope")
    with capture_logs() as logs:
        async with over_http(slack, app_token=slack.app_token) as (inbox, _):
            await slack.say("U1", "C1", "by request")
            await slack.wait_for(lambda: inbox.events)
    assert any(line["event"] == "socket_mode_refused" for line in logs)
