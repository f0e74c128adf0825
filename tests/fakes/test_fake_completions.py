"""The fake endpoint sends what its tables say, to the byte: checked with bare sockets and no HTTP library."""

import asyncio
import json
import zlib
from time import monotonic
from types import TracebackType
from typing import Any

import pytest

from tests.waiting import AT_ONCE_S, HANG_S, least, until

from .completions import (
    QUIRKS,
    STATUSES,
    FakeCompletions,
    Raw,
    Refused,
    Status,
    Whole,
    Words,
    closed_port_url,
    request_body_problems,
)
from .completions.replies import split_words

ASK = {"model": "test-model", "messages": [{"role": "user", "content": "Hello there"}]}
STREAM = ASK | {"stream": True, "stream_options": {"include_usage": True}}
FAILURES = (
    *("bad_request", "context_overflow", "policy", "bad_key", "no_money", "forbidden", "no_model", "wrong_url"),
    *("too_large", "rate_limited", "server_error", "gateway_timeout", "unreachable", "stalled", "cut"),
    *("error_in_stream", "empty", "garbled"),
)


class Client:
    """One bare connection, for 5 s at most. `end` says how the server closed it: "fin" or "reset"."""

    def __init__(self, fake: FakeCompletions) -> None:
        self.port = int(fake.base_url.split(":")[2].split("/")[0])
        self.end = ""
        self.limit = asyncio.timeout(HANG_S)

    async def __aenter__(self) -> "Client":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**26)
        await self.limit.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()
        await self.limit.__aexit__(kind, error, trace)
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    def send(
        self, body: Any = STREAM, path: str = "/v1/chat/completions", method: str = "POST", key: str = "sk-test"
    ) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Authorization: Bearer {key}"]
        self.writer.write("\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode() + data)

    async def head(self) -> tuple[int, dict[str, str]]:
        status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return int(status.split(" ")[1]), {name.lower(): value for name, value in pairs}

    async def chunk(self) -> bytes:
        size = int(await self.reader.readline(), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def whole(self) -> tuple[int, dict[str, str], bytes]:
        status, headers = await self.head()
        if "content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))
        chunks = []
        while piece := await self.chunk():
            chunks.append(piece)
        return status, headers, b"".join(chunks)

    async def everything(self) -> bytes:
        """All bytes until the server closes."""
        data = bytearray()
        try:
            while piece := await self.reader.read(2**20):
                data += piece
            self.end = "fin"
        except ConnectionResetError:
            self.end = "reset"
        return bytes(data)


def bytes_on_the_wire(raw: Raw) -> bytes:
    """The expected bytes of `raw`, computed in another way than the server's."""
    pieces = [step for step in raw.steps if isinstance(step, bytes)]
    if raw.framing == "chunked":
        body = b"".join(f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in pieces)
        return body + (b"0\r\n\r\n" if raw.end == "close" else b"")
    return b"".join(pieces)


def deltas(body: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]


def text_of(body: bytes) -> str:
    choices = (choice for delta in deltas(body) for choice in delta["choices"])
    return "".join(choice["delta"].get("content", "") for choice in choices)


@pytest.fixture
async def fake() -> Any:
    async with FakeCompletions(models=("test-model",)) as endpoint:
        yield endpoint


@pytest.mark.parametrize("name", QUIRKS)
async def test_each_quirk_is_on_the_wire_as_written(fake: FakeCompletions, name: str) -> None:
    quirk = QUIRKS[name]
    fake.script(quirk.reply)
    expected = bytes_on_the_wire(quirk.reply)
    async with Client(fake) as client:
        client.send(ASK | {"stream": quirk.stream})
        if quirk.reply.status:
            status, headers = await client.head()
            assert status == quirk.reply.status
            if quirk.reply.framing == "length" and quirk.reply.end == "cut":
                assert int(headers["content-length"]) > len(expected)
            assert quirk.reply.headers == tuple((key, headers[key.lower()]) for key, _ in quirk.reply.headers)
        if quirk.reply.end == "hang":
            start = b"".join(step for step in quirk.reply.steps[:3] if isinstance(step, bytes))
            got = await client.reader.readexactly(min(len(start), len(expected)))
            assert expected.startswith(got)
        elif quirk.reply.end == "close" and quirk.reply.framing != "eof":
            assert await client.reader.readexactly(len(expected)) == expected
            client.send(path="/v1/models", method="GET", body=None)
            assert (await client.whole())[0] == 200, "the connection stays in use"
        else:
            assert await client.everything() == expected
            assert client.end == ("reset" if quirk.reply.end == "reset" else "fin")
    assert quirk.expect.failure in (None, *FAILURES)
    assert fake.problems == []


def test_every_row_of_the_table_has_a_quirk() -> None:
    assert {quirk.row for quirk in QUIRKS.values()} == set(range(1, 38))


async def test_each_status_is_on_the_wire_as_written(fake: FakeCompletions) -> None:
    for name, case in STATUSES.items():
        fake.script(case.reply)
        async with Client(fake) as client:
            client.send()
            status, headers, body = await client.whole()
        raw = case.reply.on_wire({})
        assert (status, body) == (raw.status, raw.body), name
        assert raw.headers == tuple((key, headers[key.lower()]) for key, _ in raw.headers), name
        assert case.failure in FAILURES, name


def test_statuses_cover_what_has_many_statuses() -> None:
    def codes(failure: str) -> set[int]:
        return {case.reply.on_wire({}).status for case in STATUSES.values() if case.failure == failure}

    assert codes("no_money") == {200, 400, 401, 402, 403, 429}
    assert codes("no_model") == {400, 403, 404, 503}
    repairs = {case.repair for case in STATUSES.values()}
    fields = {"max_tokens", "max_completion_tokens", "temperature", "stream_options"}
    assert repairs == {None, *fields, "images", "image_count", "image"}


async def test_the_default_answer_repeats_the_last_user_message(fake: FakeCompletions) -> None:
    async with Client(fake) as client:
        client.send()
        _, headers, streamed = await client.whole()
        assert headers["content-type"] == "text/event-stream"
        assert text_of(streamed) == "You said: Hello there"
        assert streamed.endswith(b"data: [DONE]\n\n")
        assert deltas(streamed)[-2]["choices"][0]["finish_reason"] == "stop"
        assert deltas(streamed)[-1]["usage"]["completion_tokens"] == 4
        client.send(ASK)
        _, headers, whole = await client.whole()
    assert headers["content-type"] == "application/json"
    assert json.loads(whole)["choices"][0]["message"]["content"] == "You said: Hello there"


async def test_usage_is_streamed_only_when_asked_for(fake: FakeCompletions) -> None:
    async with Client(fake) as client:
        client.send(ASK | {"stream": True})
        assert b"usage" not in (await client.whole())[2]


async def test_scripted_replies_come_once_each_and_in_order(fake: FakeCompletions) -> None:
    fake.script(Whole("one"), Status(429, {"message": "slow"}, (("Retry-After", "7"),)))
    fake.default = Words("rest")
    async with Client(fake) as client:
        client.send()
        assert json.loads((await client.whole())[2])["choices"][0]["message"]["content"] == "one"
        client.send()
        status, headers, body = await client.whole()
        assert (status, headers["retry-after"], body) == (429, "7", b'{"message":"slow"}')
        client.send()
        assert text_of((await client.whole())[2]) == "rest"
    assert fake.scripted == 0


async def test_a_reply_can_be_chosen_by_the_request(fake: FakeCompletions) -> None:
    fake.reply_by(lambda body: Words(f"I am {body['model']}"))
    async with Client(fake) as client:
        client.send(STREAM | {"model": "b"})
        assert text_of((await client.whole())[2]) == "I am b"


async def test_reasoning_and_tool_calls_are_streamed(fake: FakeCompletions) -> None:
    fake.script(Words("", reasoning="Let me see.", calls=(("call_1", "weather", '{"city":"Bern"}'),)))
    async with Client(fake) as client:
        client.send()
        choices = [chunk["choices"][0] for chunk in deltas((await client.whole())[2]) if chunk["choices"]]
    assert "".join(c["delta"].get("reasoning_content", "") for c in choices) == "Let me see."
    functions = [c["delta"]["tool_calls"][0]["function"] for c in choices if "tool_calls" in c["delta"]]
    assert functions[0] == {"name": "weather", "arguments": ""}
    assert "".join(function["arguments"] for function in functions) == '{"city":"Bern"}'
    assert choices[-1]["finish_reason"] == "tool_calls"


async def test_words_keep_their_pace(fake: FakeCompletions) -> None:
    fake.script(Words("late", first_after_s=1000))
    fake.default = Words("a b c d e", per_s=50, first_after_s=0.5)
    async with Client(fake) as client:
        client.send()
        await client.head()  # does not wait for the first word

    async def last_word_s() -> float:
        async with Client(fake) as client:
            began = monotonic()
            client.send()
            await client.head()
            arrived = []
            while await client.chunk():
                arrived.append(monotonic() - began)
        assert arrived[1] >= 0.5
        assert fake.requests[-1].ended_at is not None
        return arrived[5]

    assert 0.5 + 4 / 50 <= await least(last_word_s, AT_ONCE_S) < AT_ONCE_S


async def test_two_hundred_streams_run_side_by_side(fake: FakeCompletions) -> None:
    words = 10

    async def read() -> bytes:
        async with Client(fake) as client:
            client.send()
            return (await client.whole())[2]

    fake.default = Words("word " * words, per_s=20)
    began = monotonic()
    bodies = await asyncio.gather(*(read() for _ in range(200)))
    assert {text_of(body) for body in bodies} == {"word " * words}
    assert monotonic() - began < HANG_S, "one by one they would take 100 s"
    for request in fake.requests:
        sent_at = enumerate(request.sent_at[2 : 2 + words])
        assert all(at >= request.at + number / 20 for number, at in sent_at), "none is early"


async def test_answers_under_way_can_be_hurried_to_their_end(fake: FakeCompletions) -> None:
    fake.script(*[Words("one two three", per_s=1 / HANG_S)] * 2)
    async with Client(fake) as client, Client(fake) as other:
        for each in (client, other):
            each.send()
        await until(lambda: [len(request.sent_at) for request in fake.requests] == [3, 3])
        fake.hurry()
        assert [text_of((await each.whole())[2]) for each in (client, other)] == ["one two three"] * 2
    assert all(request.ended_at for request in fake.requests)


async def test_a_client_that_leaves_is_seen_at_once(fake: FakeCompletions) -> None:
    async def seen_after_s() -> float:
        async with Client(fake) as client:
            client.send()
            await client.head()
            assert await client.chunk()
            left = monotonic()
        await asyncio.wait_for(fake.requests[-1].over.wait(), HANG_S)
        closed_at = fake.requests[-1].closed_by_client_at
        assert fake.requests[-1].ended_at is None
        assert closed_at is not None
        return closed_at - left

    for reply in (Words("word " * 1000, per_s=20), Raw((b": PING\n\n",), end="hang")):
        fake.default = reply
        assert 0 <= await least(seen_after_s, 0.5) < 0.5


async def test_a_wrong_key_is_refused_and_no_key_is_kept(fake: FakeCompletions) -> None:
    fake.keys = ("sk-test", "sk-test-2")
    fake.script(Words("later"))
    async with Client(fake) as client:
        client.send(key="sk-wrong")
        status, _, body = await client.whole()
        assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")
        assert fake.scripted == 1
        client.send(key="sk-test-2")
        assert text_of((await client.whole())[2]) == "later"
    assert [(r.headers["authorization"], r.account) for r in fake.requests] == [
        ("refused", None),
        ("accepted", 1),
    ]
    assert "sk-" not in repr(fake.requests)


async def test_models_are_listed_and_other_paths_are_not_there(fake: FakeCompletions) -> None:
    async with Client(fake) as client:
        client.send(None, "/v1/models", "GET")
        assert [model["id"] for model in json.loads((await client.whole())[2])["data"]] == ["test-model"]
        client.send(path="/v1/v1/chat/completions")
        status, _, body = await client.whole()
        assert (status, json.loads(body)["error"]["message"]) == (
            404,
            "Invalid URL (POST /v1/v1/chat/completions)",
        )
        fake.html_404 = True
        client.send(path="/chat/completions")
        status, headers, body = await client.whole()
        assert (status, headers["content-type"], body[:6]) == (404, "text/html; charset=utf-8", b"<html>")


async def test_an_endpoint_dies_and_comes_back_on_the_same_port(
    fake: FakeCompletions, caplog: pytest.LogCaptureFixture
) -> None:
    url = fake.base_url
    fake.script(Refused(), Raw((b": PING\n\n",), end="hang"))
    async with Client(fake) as client:
        client.send()
        assert (await client.everything(), client.end) == (b"", "reset")
    async with Client(fake) as client:
        client.send()
        await client.head()
        await fake.stop()
        assert (await client.everything()) == b"8\r\n: PING\n\n\r\n"
    with pytest.raises(ConnectionRefusedError):
        await Client(fake).__aenter__()
    await fake.start()
    assert fake.base_url == url
    async with Client(fake) as client:
        client.send()
        assert (await client.whole())[0] == 200
    assert caplog.records == []


async def test_nothing_listens_on_a_closed_port() -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(closed_port_url().split(":")[2].split("/")[0]))


def test_the_gzip_quirk_can_be_read_after_each_event() -> None:
    unpack = zlib.decompressobj(wbits=31)
    opened = b"".join(
        unpack.decompress(step) for step in QUIRKS["gzip_dribbled"].reply.steps if isinstance(step, bytes)
    )
    assert text_of(opened) == QUIRKS["gzip_dribbled"].expect.text
    assert unpack.eof


def test_words_joined_are_the_text() -> None:
    for text in ("", "one", " a  b\n\nc ", "Grüße, 世界 👋!", "你好，世界。再见"):
        assert "".join(split_words(text)) == text
    assert split_words("Hi there 你好") == ["Hi ", "there ", "你", "好"]


USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOLD = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
NOT_USER = "the first message after the system's is not the user's"
EMPTY_CALLS = {"role": "assistant", "content": "", "tool_calls": []}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0.7, "max_tokens": 5},
        {"messages": [{"role": "system", "content": "Be kind."}, USER, CALLING, TOLD]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, PICTURE]}]},
        {"tools": [{"type": "function", "function": {"name": "clock__now"}}], "tool_choice": "none"},
    ],
)
def test_sound_requests_have_no_problems(more: dict[str, Any]) -> None:
    assert request_body_problems(ASK | more) == []


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"model": None}, "model is not a string"),
        ({"user": "u1"}, "unknown field user"),
        ({"messages": []}, "messages is not a list with something in it"),
        (
            {"messages": [{"role": "assistant", "content": "hi"}]},
            NOT_USER,
        ),
        (
            {"messages": [{"role": "system", "content": "x"}]},
            NOT_USER,
        ),
        ({"messages": [USER, {"role": "developer", "content": "x"}]}, "messages[1] has no known role"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0] has no content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0] has no content"),
        ({"messages": [USER | {"ts": 1}]}, "messages[0] has an unknown field ts"),
        ({"messages": [USER, TOLD]}, "messages[1] answers no tool call"),
        ({"messages": [USER, CALLING]}, "tool calls ['c1'] have no answer"),
        ({"messages": [USER, CALLING, USER]}, "messages[2] comes before the answers of tool calls ['c1']"),
        ({"messages": [USER, EMPTY_CALLS]}, "messages[1] has malformed tool_calls"),
        ({"temperature": 3}, "temperature is not a number from 0 to 2"),
        ({"max_tokens": 0}, "max_tokens is not a positive whole number"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens and max_completion_tokens together"),
        ({"stream_options": {"include_usage": True}}, "stream_options without stream"),
        ({"tool_choice": "auto"}, "tool_choice without tools"),
        ({"tools": [{"type": "function", "function": {"name": "a.b"}}]}, "tools is not a list of functions"),
    ],
)
def test_each_problem_of_a_request_is_named(more: dict[str, Any], problem: str) -> None:
    assert request_body_problems(ASK | more) == [problem]


async def test_a_reply_function_that_fails_is_a_problem_too(fake: FakeCompletions) -> None:
    fake.reply_by(lambda body: body["no such field"])
    async with Client(fake) as client:
        client.send()
        assert await client.everything() == b""
    assert fake.problems == ["request 1: KeyError('no such field')"]


async def test_problems_of_requests_are_kept(fake: FakeCompletions) -> None:
    async with Client(fake) as client:
        client.send(ASK | {"user": "u1"})
        await client.whole()
    assert fake.problems == ["request 1: unknown field user"]
