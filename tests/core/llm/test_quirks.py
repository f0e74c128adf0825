"""Every quirk of the wire that we know, through the real client over loopback. An id such as `quirk-09-json_latin1`
begins with the row of table A in our notes on real endpoints."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from core.clock import SystemClock
from core.errors import Code, ModelError
from core.llm.chunks import AnswerCaps
from core.llm.client import CompletionsClient
from core.llm.deadline import Deadline
from core.llm.response_reader import ReadTimeouts, ResponseReader
from core.ports.model import Request
from core.values.conversation import text_message
from core.values.deltas import Charged, Delta, Ended, EndReason, Thinking, Usage
from core.values.parts import Text, ToolCall
from tests.fakes.clock import FakeClock
from tests.fakes.completions import QUIRKS, Expect, FakeCompletions, Raw, Words
from tests.fakes.completions.replies import DONE, chunk, event
from tests.waiting import AT_ONCE_S, HANG_S, timer_waits

CALM = ReadTimeouts(first_word_s=20, gap_s=20, finish_s=0.1, tail_s=0.1)
NO_FIRST_WORD = ReadTimeouts(first_word_s=0.2, gap_s=20, finish_s=0.1, tail_s=0.1)
NO_NEXT_WORD = ReadTimeouts(first_word_s=20, gap_s=0.2, finish_s=0.1, tail_s=0.1)
ROOMY = AnswerCaps(text=4_000_000)
STALL_ROW = 34
REASONS = {
    "stop": EndReason.STOP,
    "length": EndReason.LENGTH,
    "tool_calls": EndReason.TOOLS,
    "content_filter": EndReason.POLICY,
}
ASK = Request((text_message("system", "Be brief."), text_message("user", "Hi")), "test-model")


async def read(
    fake: FakeCompletions, request: Request = ASK, patience: ReadTimeouts = CALM
) -> tuple[list[Delta], ModelError | None]:
    client = CompletionsClient(fake.base_url, "sk-test", SystemClock(), patience, caps=ROOMY)
    deltas: list[Delta] = []
    try:
        async for delta in client.stream(request):
            deltas.append(delta)  # noqa: PERF401
    except ModelError as error:
        return deltas, error
    finally:
        await client.close()
    return deltas, None


def seen(deltas: list[Delta], error: ModelError | None) -> Expect:
    """The result, in the terms of the fixtures."""
    text = "".join(delta.text for delta in deltas if isinstance(delta, Text))
    reasoning = "".join(delta.text for delta in deltas if isinstance(delta, Thinking)).strip()
    calls = tuple((d.id, d.name, d.arguments) for d in deltas if isinstance(d, ToolCall))
    ended = [delta for delta in deltas if isinstance(delta, Ended)]
    if error is not None:
        assert not ended
        return Expect(text, reasoning, calls, failure=str(error.code))
    assert deltas[-1:] == ended
    [end] = ended
    usage = (end.usage.prompt_tokens, end.usage.completion_tokens) if end.usage else None
    finish = next(name for name, reason in REASONS.items() if reason is end.reason)
    failure = "policy" if end.reason is EndReason.POLICY else None
    return Expect(text, reasoning, calls, finish, usage, failure)


def in_our_words(expect: Expect) -> Expect:
    """An answer that failed has no finish and no usage for us, and one with calls to run ended for them."""
    if expect.failure and expect.failure != "policy":
        return Expect(expect.text, expect.reasoning, expect.tool_calls, failure=expect.failure)
    if expect.tool_calls:
        return Expect(expect.text, expect.reasoning, expect.tool_calls, "tool_calls", expect.usage)
    return expect


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=f"quirk-{quirk.row:02}-{name}") for name, quirk in QUIRKS.items()]
)
async def test_quirk_is_read_right_or_named_right(name: str) -> None:
    quirk = QUIRKS[name]
    hasty = NO_NEXT_WORD if quirk.expect.text else NO_FIRST_WORD
    async with FakeCompletions(default=quirk.reply) as fake:
        async with asyncio.timeout(20):  # less than the endpoint's keep-alives go on
            deltas, error = await read(fake, patience=hasty if quirk.row == STALL_ROW else CALM)
        assert seen(deltas, error) == in_our_words(quirk.expect)
        assert [request.path for request in fake.requests] == ["/v1/chat/completions"]
        assert fake.problems == []


async def test_only_what_is_set_is_sent() -> None:
    async with FakeCompletions() as fake:
        await read(fake)
        await read(fake, Request(ASK.messages, "test-model", temperature=0.5, max_tokens=100))
        plain, full = (request.body for request in fake.requests)
    assert plain == {
        "model": "test-model",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert full == plain | {"temperature": 0.5, "max_tokens": 100}


async def test_end_carries_usage_and_model() -> None:
    async with FakeCompletions(default=Words("One two")) as fake:
        deltas, _ = await read(fake)
        prompt_tokens = len(str(fake.requests[0].body["messages"])) // 5
    end = deltas[-1]
    assert isinstance(end, Ended)
    assert end.model == "test-model"
    assert end.usage is not None
    assert end.usage.completion_tokens == 2
    assert end.usage.prompt_tokens > prompt_tokens
    assert not end.usage.estimated


async def test_reasoning_tokens_are_counted() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}}
    reply = Raw((event(chunk({"content": "x"}, "stop") | {"usage": usage}),))
    async with FakeCompletions(default=reply) as fake:
        deltas, _ = await read(fake)
    assert deltas[-1] == Ended(EndReason.STOP, Usage(1, 9, 7), "test-model")


async def test_first_words_are_there_before_the_last() -> None:
    async with FakeCompletions(default=Raw((event(chunk({"content": "One"})),), end="hang")) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        async with asyncio.timeout(HANG_S), aclosing(client.stream(ASK)) as deltas:
            assert await anext(deltas) == Text("One")
            assert not fake.requests[0].over.is_set()
        await client.close()


@pytest.mark.parametrize("way", ["close", "cancel"])
async def test_stop_closes_the_connection_at_once(way: str) -> None:
    async with FakeCompletions(default=Raw((event(chunk({"content": "One"})),), end="hang")) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        got = asyncio.Event()

        async def consume() -> None:
            async with aclosing(client.stream(ASK)) as deltas:
                async for _ in deltas:
                    got.set()
                    if way == "close":
                        return

        task = asyncio.create_task(consume())
        await got.wait()
        waited_s = timer_waits()
        if way == "cancel":
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(fake.requests[0].over.wait(), HANG_S)
        assert waited_s() < AT_ONCE_S
        assert fake.requests[0].closed_by_client_at is not None
        await client.close()


async def test_slow_reader_is_no_silent_endpoint() -> None:
    clock = FakeClock()
    async with FakeCompletions(default=Words("One two three", per_s=100)) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", clock, ReadTimeouts(gap_s=5))
        words = []
        async for delta in client.stream(ASK):
            words.append(delta)
            await clock.advance(9)
        await client.close()
    assert isinstance(words[-1], Ended)


async def test_total_ends_an_answer_that_never_stops_talking() -> None:
    clock, words = FakeClock(), 0
    talk = Raw((0.005, event(chunk({"content": "and "}))) * 100, end="hang")
    async with FakeCompletions(default=talk) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", clock)
        with pytest.raises(ModelError) as caught:
            async for _ in client.stream(ASK):
                words += 1
                await clock.advance(10)
        await client.close()
    assert words >= 30
    assert (caught.value.code, caught.value.retryable) == (Code.STALLED, False)
    assert caught.value.detail == "not whole after 300 s"


async def test_piece_of_a_tool_call_is_a_sign_of_life() -> None:
    clock = FakeClock()

    async def arriving() -> AsyncGenerator[bytes, None]:
        for arguments in ("{", " ", " ", " ", "}"):
            await asyncio.gather(clock.sleep(20), clock.advance(20))
            call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}
            yield event(chunk({"tool_calls": [call]}, "tool_calls" if arguments == "}" else None))

    async with Deadline(clock) as alarm:
        reading = ResponseReader(alarm, clock, ReadTimeouts(first_word_s=30, gap_s=30), "sk-test")
        deltas = [delta async for delta in reading.deltas(arriving())]
    assert [one for one in deltas if isinstance(one, ToolCall)] == [ToolCall("a", "f", "{   }")]


async def test_connection_is_used_again() -> None:
    async with FakeCompletions() as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        connections = set()
        for _ in range(3):
            assert isinstance([delta async for delta in client.stream(ASK)][-1], Ended)
            connections |= fake._connections
        assert len(connections) == 1
        await client.close()


async def test_finished_answer_does_not_wait_for_a_connection_that_hangs() -> None:
    async with FakeCompletions(default=QUIRKS["stall_after_finish"].reply) as fake, asyncio.timeout(20):
        deltas, _ = await read(fake, patience=ReadTimeouts(finish_s=0.05))
    assert isinstance(deltas[-1], Ended)


async def test_key_never_follows_a_redirect() -> None:
    async with FakeCompletions() as other, FakeCompletions() as fake:
        location = (("Location", f"{other.base_url}/chat/completions?key=1"),)
        fake.reply_by(lambda _: Raw((), 307, location, "length"))
        _, error = await read(fake)
        assert error is not None
        assert error.detail == f"redirects to {other.base_url.removesuffix('/v1')}"
        assert other.requests == []


async def test_error_counts_though_the_done_behind_it_comes_in_the_same_piece() -> None:
    money = event({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})
    async with FakeCompletions(default=Raw((event(chunk({"content": "One"})) + money + DONE,))) as fake:
        deltas, error = await read(fake)
    assert deltas == [Text("One"), Charged(None)]
    assert error is not None
    assert error.code is Code.NO_MONEY


async def test_half_a_character_never_comes_out() -> None:
    half = b'data: {"choices":[{"delta":{"reasoning":"a\\ud83c","refusal":"b\\udf89","content":"c"}}]}\n\n'
    async with FakeCompletions(default=Raw((half, event(chunk({}, "stop"))))) as fake:
        deltas, _ = await read(fake)
    assert deltas[:2] == [Thinking("a\ufffd"), Text("b\ufffd")]
