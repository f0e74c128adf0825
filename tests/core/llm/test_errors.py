"""Every error that real endpoints answer with is put in its class, whatever its status and shape."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
import structlog

from core.errors import Code, ModelError
from core.llm.client import CompletionsClient, create_repairs
from core.llm.errors import RETRYABLE, from_chunk, from_exception, from_response
from core.llm.image_refusals import ImageRefusal
from core.llm.model_list import served_models
from core.llm.request_body import request_to_body
from core.llm.wait_hints import wait_in_headers
from core.log import redact
from core.ports.model import Request
from core.values.conversation import Message, text_message
from core.values.parts import Image, Text
from tests.core.llm.test_listed_models import catalog_at
from tests.fakes.clock import FakeClock
from tests.fakes.completions import (
    QUIRKS,
    STATUSES,
    FakeCompletions,
    Raw,
    Reply,
    Status,
    Words,
    closed_port_url,
)

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ASK = Request((text_message("user", "Hi"),), "test-model", temperature=0.7, max_tokens=100)
MODEL_CODES = [code for code in Code if code in list(Code)[: list(Code).index(Code.OTHER_VECTORS)]]
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


async def test_every_model_code_can_happen() -> None:
    reached = {Code(case.failure) for case in STATUSES.values()}
    reached |= {Code(quirk.expect.failure) for quirk in QUIRKS.values() if quirk.expect.failure}
    reached.add((await fail(None, closed_port_url())).code)
    assert set(MODEL_CODES) == reached
    assert set(MODEL_CODES) >= RETRYABLE


async def test_refused_connection_is_unreachable() -> None:
    error = await fail(None, closed_port_url())
    assert (error.code, error.retryable, error.status) == (Code.UNREACHABLE, True, 0)
    assert error.detail.startswith("ConnectError")


async def test_an_encoded_host_that_is_no_name_is_unreachable() -> None:
    (route,) = catalog_at("https://xn--i-7iq.invalid/v1").routes
    error = await fail(None, url="https://xn--i-7iq.invalid/v1")
    with pytest.raises(ModelError) as listed:
        await served_models(route, FakeClock())
    assert error.code is listed.value.code is Code.UNREACHABLE


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
        ({"retry-after": "Sun, 22 Nov 2026 11:00:20 +0100"}, 20.0),
        ({"retry-after": "Sun, 22 Nov 99999999999999999999 10:00:00 GMT"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:00 +99999999999999999999"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], expected_s: float | None) -> None:
    assert wait_in_headers(headers, NOW) == expected_s


@pytest.mark.parametrize(
    ("said", "expected_s"),
    [
        ("Rate limit reached for gpt in organization x. Limit: 3 / min. Please try again in 20s.", 20.0),
        ("Please try again in 6m0s. Visit https://example.com/limits", 360.0),
        ("Please try again in 17ms.", 0.017),
        ("Please try again in 20 milliseconds.", 0.02),
        ("Rate limit is exceeded. Try again in 1 minute 30 seconds.", 90.0),
        ("Please retry after 26 seconds.", 26.0),
        ("Please retry in 38.9s.", 38.9),
        ("Rate limit: retry your request after 2 hours", 7200.0),
        ("请求过于频繁，请在 30 秒后重试", 30.0),
        ("请求频率过高，请 2 分钟之后再试", 120.0),
        ("Please retry shortly. 5 s ago it was fine.", None),
        ("Retry in a moment", None),
        ("当前分组上游负载已饱和，请稍后再试", None),
    ],
)
def test_a_wait_that_only_the_words_tell_is_kept_to(said: str, expected_s: float | None) -> None:
    body = {"error": {"message": said, "code": "rate_limit_exceeded"}}
    response = from_response(429, {}, json.dumps(body).encode(), NOW)
    chunk = from_chunk(body)
    assert response.code is chunk.code is Code.RATE_LIMITED
    assert response.retry_after_s == chunk.retry_after_s == (pytest.approx(expected_s) if expected_s else None)
    with_header = from_response(429, {"retry-after": "3"}, json.dumps(body).encode(), NOW)
    assert with_header.retry_after_s == 3


CHINESE = [
    (401, "无效的令牌", Code.BAD_KEY),
    (401, "该令牌已过期", Code.BAD_KEY),
    (401, "该令牌额度已用尽", Code.NO_MONEY),
    (402, "余额不足", Code.NO_MONEY),
    (403, "用户额度不足, 剩余额度: ＄0.000000", Code.NO_MONEY),
    (403, "预扣费额度失败, 用户剩余额度: ＄0.056700", Code.NO_MONEY),
    (429, "您的账户已欠费，请充值后重试。", Code.NO_MONEY),
    (200, "账户余额已用尽", Code.NO_MONEY),
    (400, "模型不存在，请检查模型代码", Code.NO_MODEL),
    (403, "该令牌无权使用模型：x", Code.NO_MODEL),
    (404, "模型 x 不存在", Code.NO_MODEL),
    (503, "当前分组 default 下对于模型 x 无可用渠道", Code.NO_MODEL),
    (400, "系统检测到输入或生成内容可能包含不安全或敏感内容", Code.POLICY),
    (400, "输入内容包含敏感词", Code.POLICY),
    (400, "输入超过模型的上下文长度：上下文超长", Code.CONTEXT_OVERFLOW),
    (403, "您的 IP 不在令牌允许访问的列表中", Code.FORBIDDEN),
    (429, "当前分组上游负载已饱和，请稍后再试", Code.RATE_LIMITED),
    (200, "请求频率过高", Code.RATE_LIMITED),
    (500, "无法连接上游", Code.SERVER_ERROR),
    (400, "请求体格式错误", Code.BAD_REQUEST),
]


@pytest.mark.parametrize(("status", "said", "code"), CHINESE)
def test_chinese_texts_are_understood(status: int, said: str, code: Code) -> None:
    body = {"error": {"message": f"{said} (request id: 2026112210)", "type": "new_api_error"}}
    found = from_chunk(body) if status == 200 else from_response(status, {}, json.dumps(body).encode(), NOW)
    assert found.code is code
    assert said in found.detail


OVERFLOWS = [
    "This model's maximum context length is 8192 tokens.",
    "the request exceeds the available context size",
    "The input is longer than the model's context length",
    "Input tokens exceed the configured limit of 32768",
    "input length and max_tokens exceed context limit: 190000 + 20000 > 200000",
    "This model's maximum context limit is 32768",
    "`inputs` tokens + `max_new_tokens` must be <= 4096",
    "Your input exceeds the maximum number of tokens allowed (32768).",
    "the maximum input length is 8000 tokens",
    "The current length is 9000 while limit is 8000",
]


@pytest.mark.parametrize("said", OVERFLOWS)
@pytest.mark.parametrize("status", [200, 400, 413, 422, 500])
def test_every_text_of_a_full_context_is_understood(said: str, status: int) -> None:
    body = {"error": {"message": said}}
    found = from_chunk(body) if status == 200 else from_response(status, {}, json.dumps(body).encode(), NOW)
    assert found.code is Code.CONTEXT_OVERFLOW


def test_no_key_reaches_the_log() -> None:
    body = b'{"error": {"message": "Incorrect key sk-abc123DEF456, sent as Bearer abcdefgh, or hunter2"}}'
    errors = [from_response(401, {}, body, NOW, "hunter2"), from_chunk({"error": body.decode()}, "hunter2")]
    for error in errors:
        assert not any(secret in str(error) for secret in ("abc123", "abcdefgh", "hunter2"))
        assert "Incorrect key" in error.detail
    assert redact("hunter2", ["hunter2"]) != "hunter2"


PLAIN_KEY = "AIzaSyFakeFakeFakeFakeFake123"


@pytest.mark.parametrize("before", [0, 180, 195, 480, 495, 980, 995])
@pytest.mark.parametrize(
    "frame",
    [
        '{{"error": {{"message": "{0}"}}}}',
        '{{"error": {{"message": "no", "code": "{0}"}}}}',
        "<html>{0}",
        "data: {0}\n\n",
        "{0}",
        '{{"error": "{0}',
        'data: {{"error": "{0}\n\n',
    ],
)
async def test_no_part_of_a_key_is_left_where_words_are_cut_off(frame: str, before: int) -> None:
    said = frame.format("x" * before + " " + PLAIN_KEY)
    for status in (200, 401):
        async with FakeCompletions(keys=(PLAIN_KEY,), default=Raw((said.encode(),), status)) as fake:
            error = await fail(fake, key=PLAIN_KEY)
        assert PLAIN_KEY[:4].lower() not in str(error).lower()


@pytest.mark.parametrize("status", [300, 307])
@pytest.mark.parametrize("location", ["http://[::1", "//[", "https://xn--/", "/\x01", "http://u:hunter22@h/"])
async def test_redirect_to_nowhere_is_a_wrong_url(status: int, location: str) -> None:
    async with FakeCompletions(default=Raw((), status, (("Location", location),), "length")) as fake:
        error = await fail(fake)
        assert (error.code, error.status) == (Code.WRONG_URL, status)
        assert "hunter22" not in error.detail


def test_a_picture_that_cannot_be_read_is_not_a_model_that_takes_none() -> None:
    body = {"error": {"message": "Failed to download image", "param": "messages[0].content[1].image_url"}}
    error = from_response(400, {}, json.dumps(body).encode(), NOW)
    assert (error.code, error.parameter) == (Code.BAD_REQUEST, ImageRefusal.SOME)


def test_error_page_is_told_in_a_few_plain_words() -> None:
    page = b"<html><style>p{}</style><h1>Bad <b>gateway</b></h1>" + b"<p>nginx</p>" * 1000
    error = from_response(502, {}, page, NOW)
    assert error.detail.startswith("Bad gateway nginx")
    assert len(error.detail) <= 200


@pytest.mark.parametrize(
    "name", ["x-request-id", "X-Oneapi-Request-Id", "x-litellm-call-id", "x-generation-id", "cf-ray"]
)
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


PICTURE = "data:image/png;base64,aGVsbG8="
SHOWN = Request((Message("user", (Text("What is it?"), Image(PICTURE))),), "test-model", 0.7, 100)
PARTS = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
WITHOUT: dict[str, dict[str, object]] = {
    "max_tokens": {"max_tokens": None, "max_completion_tokens": 100},
    "temperature": {"temperature": None},
    "stream_options": {"stream_options": None},
}


def test_a_message_with_pictures_is_sent_in_parts() -> None:
    urls = ["data:image/png;base64,b3RoZXI=", PICTURE]
    more = Message("user", (Text(" "), *map(Image, urls)))
    body = request_to_body(Request((*SHOWN.messages, more, text_message("user", "Well?")), "m"))
    assert [message["content"] for message in body["messages"]] == [
        PARTS,
        [{"type": "image_url", "image_url": {"url": url}} for url in urls],
        "Well?",
    ]


@pytest.mark.parametrize(
    "name", [name for name, case in STATUSES.items() if case.repair in WITHOUT], ids="row-01-{}".format
)
async def test_refused_field_is_repaired_once_and_remembered_for_endpoint_and_model(name: str) -> None:
    repairs = create_repairs(FakeClock())
    async with FakeCompletions(default=Words("Fine."), keys=("sk-test", "sk-other")) as fake:
        fake.script(STATUSES[name].reply)
        clients = [CompletionsClient(fake.base_url, key, FakeClock(), None, repairs) for key in fake.keys]
        with structlog.testing.capture_logs() as logs:
            for client in clients:
                assert [delta async for delta in client.stream(SHOWN)]
            assert [delta async for delta in clients[0].stream(replace(SHOWN, model="other-model"))]
        for client in clients:
            await client.close()
        first, again, by_another_account, of_another_model = (request.body for request in fake.requests)
        assert fake.problems == []
    changes = WITHOUT[STATUSES[name].repair or ""]
    assert first["messages"][0]["content"] == PARTS
    assert again == {name: value for name, value in (first | changes).items() if value is not None}
    assert by_another_account == again
    assert of_another_model == first | {"model": "other-model"}
    assert [(line["event"], line["repair"], line["log_level"]) for line in logs] == [
        ("request_repaired", STATUSES[name].repair, "info")
    ]


async def test_what_two_questions_learn_at_once_is_all_remembered() -> None:
    def picky(body: dict[str, object]) -> Reply:
        refused = next((name for name in ("temperature", "max_tokens") if name in body), "")
        return STATUSES[f"{refused}_openai"].reply if refused else Words("Fine.", first_after_s=0.05)

    async with FakeCompletions(default=picky) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", FakeClock())

        async def ask(request: Request) -> None:
            assert [delta async for delta in client.stream(request)]

        await asyncio.gather(ask(replace(ASK, temperature=None)), ask(replace(ASK, max_tokens=None)))
        assert len(fake.requests) == 4
        await ask(ASK)
        assert len(fake.requests) == 5
        await client.close()


async def test_fields_refused_one_after_another_are_all_repaired() -> None:
    names = ["stream_options_azure", "max_tokens_openai", "temperature_openai"]
    async with FakeCompletions(default=Words("Fine.")) as fake:
        fake.script(*(STATUSES[name].reply for name in names))
        client = CompletionsClient(fake.base_url, "sk-test", FakeClock())
        assert [delta async for delta in client.stream(SHOWN)]
        await client.close()
        last = fake.requests[-1].body
    assert last == {
        "model": "test-model",
        "messages": [{"role": "user", "content": PARTS}],
        "stream": True,
        "max_completion_tokens": 100,
    }


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


def test_an_error_with_raw_controls_in_its_strings_is_read() -> None:
    body = b'{"error": {"message": "no\tidea", "code": "insufficient_quota"}}'
    error = from_response(400, {}, body, FakeClock().now())
    assert error.code is Code.NO_MONEY
    assert error.detail == "no idea [insufficient_quota]"
