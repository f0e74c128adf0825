"""Every error that real endpoints answer with is put in its class, whatever its status and shape."""

from datetime import UTC, datetime

import httpx
import pytest

from core.errors import Code, ModelError
from core.log import redact
from core.model.client import CompletionsClient, request_to_body
from core.model.faults import ADVICE, RETRYABLE, from_chunk, from_exception, from_response, retry_after_s
from core.ports import Request
from core.types import Message
from tests.fakes.clock import FakeClock
from tests.fakes.completions import QUIRKS, STATUSES, FakeCompletions, Raw, Status, Words, closed_port_url

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ASK = Request((Message("user", "Hi"),), "test-model", temperature=0.7, max_tokens=100)
MODEL_CODES = [code for code in Code if code in list(Code)[: list(Code).index(Code.SLOW_DOWN)]]
TRIED_AGAIN = {Code.RATE_LIMITED, Code.SERVER_ERROR}


async def fail(fake: FakeCompletions | None, url: str = "", key: str = "sk-test") -> ModelError:
    client = CompletionsClient(fake.base_url if fake else url, key, FakeClock())
    try:
        with pytest.raises(ModelError) as caught:
            async for _ in client.stream(Request(ASK.messages, ASK.model)):
                pass
        return caught.value
    finally:
        await client.close()


@pytest.mark.parametrize("name", STATUSES)
async def test_status_is_put_in_its_class(name: str) -> None:
    case = STATUSES[name]
    wire = case.reply.on_wire({})
    headers = {key.lower(): value for key, value in wire.headers}
    if wire.status == 200:
        async with FakeCompletions(default=case.reply) as fake:
            error = await fail(fake)
    else:
        error = from_response(wire.status, headers, wire.body, NOW)
    expected_wait_s = case.retry_after_s
    if case.retry_at_s is not None:
        expected_wait_s = case.retry_at_s - NOW.timestamp()
    assert str(error.code) == case.failure
    assert error.parameter == (case.repair or "")
    assert error.status == wire.status
    if case.failure == "rate_limited" or expected_wait_s is not None:
        assert error.retry_after_s == expected_wait_s
    assert error.retryable is (error.code in TRIED_AGAIN)
    assert "<" not in error.detail.replace("<= 4096", "")


async def test_every_model_code_has_advice_and_can_happen() -> None:
    reached = {Code(case.failure) for case in STATUSES.values()}
    reached |= {Code(quirk.expect.failure) for quirk in QUIRKS.values() if quirk.expect.failure}
    reached.add((await fail(None, closed_port_url())).code)
    assert set(ADVICE) == set(MODEL_CODES) == reached
    assert all(0 < len(line) <= 110 and "\n" not in line for line in ADVICE.values())
    assert set(MODEL_CODES) >= RETRYABLE


async def test_refused_connection_is_unreachable() -> None:
    error = await fail(None, closed_port_url())
    assert (error.code, error.retryable, error.status) == (Code.UNREACHABLE, True, 0)
    assert error.detail.startswith("ConnectError")


@pytest.mark.parametrize("url", ["http://", "ftp://x/v1", "http://[::1", "http://127.0.0.1:99999/v1"])
async def test_base_url_that_is_none_is_a_wrong_url(url: str) -> None:
    assert (await fail(None, url)).code is Code.WRONG_URL


async def test_key_that_no_header_can_carry_is_a_bad_key() -> None:
    async with FakeCompletions() as fake:
        error = await fail(fake, key="sk-te\nst-secret")
        assert error.code is Code.BAD_KEY
        assert "secret" not in error.detail
        assert (await fail(fake, key="schlüssel")).code is Code.BAD_KEY


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (httpx.ConnectTimeout(""), Code.UNREACHABLE, True),
        (httpx.ProxyError("403 Forbidden"), Code.UNREACHABLE, True),
        (httpx.PoolTimeout(""), Code.UNREACHABLE, True),
        (httpx.WriteTimeout(""), Code.UNREACHABLE, True),
        (httpx.ReadTimeout(""), Code.STALLED, True),
        (httpx.ReadError(""), Code.CUT, True),
        (httpx.WriteError(""), Code.CUT, True),
        (httpx.RemoteProtocolError("peer closed connection"), Code.CUT, True),
        (httpx.DecodingError("bad gzip"), Code.GARBLED, True),
    ],
)
def test_exception_of_httpx_is_put_in_its_class(error: Exception, code: Code, retryable: bool) -> None:
    found = from_exception(error, begun=True)
    assert (found.code, found.retryable) == (code, retryable)
    assert type(error).__name__ in found.detail


def test_timeout_before_the_head_is_not_asked_again() -> None:
    assert not from_exception(httpx.ReadTimeout(""), begun=False).retryable


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:20 GMT"}, 20.0),
        ({"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:20 -0000", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 20.0),
        ({"retry-after": "x", "llm_provider-retry-after": "4"}, 4.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], expected_s: float | None) -> None:
    assert retry_after_s(headers, NOW) == expected_s


def test_no_key_reaches_the_log() -> None:
    body = b'{"error": {"message": "Incorrect key sk-abc123DEF456, sent as Bearer abcdefgh, or hunter2"}}'
    errors = [from_response(401, {}, body, NOW, "hunter2"), from_chunk({"error": body.decode()}, "hunter2")]
    for error in errors:
        assert not any(secret in str(error) for secret in ("abc123", "abcdefgh", "hunter2"))
        assert "Incorrect key" in error.detail
    assert redact("hunter2", ["hunter2"]) != "hunter2"


def test_error_page_is_told_in_a_few_plain_words() -> None:
    page = b"<html><style>p{}</style><h1>Bad <b>gateway</b></h1>" + b"<p>nginx</p>" * 1000
    error = from_response(502, {}, page, NOW)
    assert error.detail.startswith("Bad gateway nginx")
    assert len(error.detail) <= 200


@pytest.mark.parametrize("name", ["x-request-id", "X-Oneapi-Request-Id", "x-litellm-call-id", "cf-ray"])
async def test_request_id_is_kept_for_the_operator(name: str) -> None:
    async with FakeCompletions(default=Status(500, "", ((name, "req-7"),))) as fake:
        assert (await fail(fake)).request_id == "req-7"
    broken = Raw((b'data: {"error": "x"}\n\n',), headers=((name, "req-8"),))
    async with FakeCompletions(default=broken) as fake:
        error = await fail(fake)
    assert (error.request_id, error.status) == ("req-8", 200)


async def test_status_counts_though_the_error_body_never_ends() -> None:
    async with FakeCompletions(default=Raw((b"no",), 401, end="cut")) as fake:
        assert (await fail(fake)).code is Code.BAD_KEY
    async with FakeCompletions(default=Raw((b"x" * 65536,) * 48, 400)) as fake:
        assert (await fail(fake)).code is Code.BAD_REQUEST


REPAIRED = {
    "max_tokens_openai": {"max_completion_tokens": 100},
    "max_tokens_azure_through_newapi": {"max_completion_tokens": 100},
    "temperature_openai": {"max_tokens": 100},
    "stream_options_azure": {"max_tokens": 100},
    "stream_options_databricks": {"max_tokens": 100},
    "stream_options_pydantic": {"max_tokens": 100},
}


@pytest.mark.parametrize("name", REPAIRED)
async def test_refused_field_is_repaired_once_and_remembered(name: str) -> None:
    async with FakeCompletions(default=Words("Fine.")) as fake:
        fake.script(STATUSES[name].reply)
        client = CompletionsClient(fake.base_url, "sk-test", FakeClock())
        for _ in range(2):
            assert [delta async for delta in client.stream(ASK)]
        other = Request(ASK.messages, "other-model", ASK.temperature, ASK.max_tokens)
        assert [delta async for delta in client.stream(other)]
        await client.close()
        first, again, later, elsewhere = (request.body for request in fake.requests)
        assert fake.problems == []
    refused = STATUSES[name].repair
    assert refused in first
    assert refused not in again
    assert again == later
    assert again.items() >= REPAIRED[name].items()
    assert elsewhere == first | {"model": "other-model"}


async def test_fields_refused_one_after_another_are_all_repaired() -> None:
    names = ["stream_options_azure", "max_tokens_openai", "temperature_openai"]
    async with FakeCompletions(default=Words("Fine.")) as fake:
        fake.script(*(STATUSES[name].reply for name in names))
        client = CompletionsClient(fake.base_url, "sk-test", FakeClock())
        assert [delta async for delta in client.stream(ASK)]
        await client.close()
        last = fake.requests[-1].body
    assert last.keys() == {"model", "messages", "stream", "max_completion_tokens"}


async def test_field_refused_though_repaired_is_given_up() -> None:
    async with FakeCompletions(default=STATUSES["max_tokens_openai"].reply) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", FakeClock())
        with pytest.raises(ModelError) as caught:
            [delta async for delta in client.stream(ASK)]
        await client.close()
        assert len(fake.requests) == 2
    assert caught.value.code is Code.BAD_REQUEST


def test_both_names_of_the_longest_answer_can_be_left_out() -> None:
    body = request_to_body(ASK, frozenset({"max_tokens", "max_completion_tokens"}))
    assert "max_tokens" not in body
    assert "max_completion_tokens" not in body
