"""When an answer is over, and whether it is whole: finish reasons in every order, with pauses, over loopback."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SystemClock
from core.errors import Code, ModelError
from core.llm.chunks import Completeness, CompletionReader
from core.llm.client import CompletionsClient
from core.llm.finish_reasons import meaning_of
from core.llm.response_reader import ReadTimeouts
from core.ports.model import Request
from core.values.conversation import text_message
from core.values.deltas import Charged, Delta, Ended, EndReason, Usage
from core.values.parts import Text
from tests.fakes.completions import FakeCompletions, Raw
from tests.fakes.completions.replies import DONE, Step, chunk, event, usage_chunk

USAGE = {"prompt_tokens": 18, "completion_tokens": 24, "total_tokens": 42}
COUNTED = Usage(18, 24)
ASK = Request((text_message("user", "Hi"),), "test-model")
PATIENCE = ReadTimeouts(first_word_s=20, gap_s=20, finish_s=0.2, tail_s=0.1)
LONGER_THAN_ALL_S = 10
PAUSE_S = 0.4
"""Longer than a finish reason alone is waited for behind."""


async def read(*steps: Step, end: Any = "close", patience: ReadTimeouts = PATIENCE) -> list[Delta | ModelError]:
    deltas: list[Delta | ModelError] = []
    async with FakeCompletions(default=Raw(steps, end=end)) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock(), patience)
        try:
            async for delta in client.stream(ASK):
                deltas.append(delta)  # noqa: PERF401
        except ModelError as error:
            deltas.append(error)
        await client.close()
        assert len(fake.requests) == 1
    return deltas


def text_of(deltas: list[Delta | ModelError]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def said(text: str, finish: str | None = None, **more: Any) -> bytes:
    return event(chunk({"content": text}, finish, **more))


THOUGHT = event(chunk({"reasoning_content": "hmm"}, "stop"))


async def test_an_answer_that_is_finished_on_every_chunk_is_read_to_its_end() -> None:
    deltas = await read(
        said("One ", "stop"), PAUSE_S, said("two ", "stop"), PAUSE_S, said("three", "stop"), DONE
    )
    assert (text_of(deltas), deltas[-1]) == ("One two three", Ended(EndReason.STOP, None, "test-model"))


async def test_so_is_one_that_counts_its_tokens_on_every_chunk_too() -> None:
    steps = (said("One ", "stop", usage=USAGE), PAUSE_S, said("two", "length", usage=USAGE), DONE)
    deltas = await read(*steps)
    assert (text_of(deltas), deltas[-1]) == ("One two", Ended(EndReason.LENGTH, COUNTED, "test-model"))


@pytest.mark.parametrize("last", [None, "stop"])
async def test_an_answer_behind_finished_reasoning_is_read(last: str | None) -> None:
    deltas = await read(THOUGHT, PAUSE_S, said("One "), 0.05, said("two", last), DONE)
    assert text_of(deltas) == "One two"
    assert isinstance(deltas[-1], Ended)


@pytest.mark.parametrize(
    "steps",
    [
        (said("One "), event(chunk({}, "stop")), event(usage_chunk(USAGE))),
        (said("One "), event(chunk({}, "stop", usage=USAGE))),
        (said("One "), event(usage_chunk(USAGE)), event(chunk({}, "stop"))),
        (said("One "), said("two", "stop", usage=USAGE)),
        (said("One two", "stop"), event(usage_chunk(USAGE))),
        (event(chunk({}, "stop", usage=USAGE)),),
    ],
    ids=["usage_behind", "usage_on_finish", "usage_before", "with_words", "one_chunk", "empty"],
)
async def test_finish_and_usage_end_an_answer_though_nothing_closes_it(steps: tuple[Step, ...]) -> None:
    began = time.monotonic()
    deltas = await read(*steps, end="hang")
    assert time.monotonic() - began < LONGER_THAN_ALL_S
    assert isinstance(deltas[-1], Ended | ModelError)


async def test_a_finish_alone_waits_for_more_but_not_for_ever() -> None:
    began = time.monotonic()
    deltas = await read(said("One "), said("two", "stop"), end="hang")
    assert text_of(deltas) == "One two"
    assert isinstance(deltas[-1], Ended)
    assert PATIENCE.finish_s <= time.monotonic() - began < LONGER_THAN_ALL_S


@pytest.mark.parametrize("reason", ["abort", "aborted", "CANCELLED", "client_disconnect", "incomplete"])
async def test_an_aborted_answer_is_interrupted(reason: str) -> None:
    deltas = await read(said("Half a"), event(chunk({}, reason)), event(usage_chunk(USAGE)), DONE)
    assert text_of(deltas) == "Half a"
    assert deltas[-2] == Charged(COUNTED)
    assert isinstance(deltas[-1], ModelError)
    assert deltas[-1].code is Code.CUT


async def test_a_usage_behind_the_last_word_and_done_are_an_end_without_a_finish_reason() -> None:
    deltas = await read(said("One "), said("two"), event(usage_chunk(USAGE)), DONE)
    assert deltas[-1] == Ended(EndReason.STOP, COUNTED)


@pytest.mark.parametrize(
    "steps",
    [
        (said("One "), said("two"), DONE),
        (said("One "), said("two"), event(usage_chunk(USAGE))),
        (said("One "), event(usage_chunk(USAGE)), said("two"), DONE),
        (said("One ", usage=USAGE), said("two", usage=USAGE), DONE),
        (said("One "), event(usage_chunk({"prompt_tokens": 18, "completion_tokens": 0})), DONE),
        (said("One ", "stop"), said("two")),
    ],
    ids=[
        "done",
        "usage_without_done",
        "usage_before_words",
        "usage_with_words",
        "nothing_counted",
        "finish_before",
    ],
)
async def test_without_finish_and_usage_behind_the_words_an_answer_is_interrupted(
    steps: tuple[Step, ...],
) -> None:
    deltas = await read(*steps)
    assert isinstance(deltas[-1], ModelError)
    assert deltas[-1].code is Code.CUT


async def test_an_error_among_chunks_that_are_all_finished_interrupts() -> None:
    deltas = await read(said("One ", "stop"), said("two ", "stop"), event({"error": "gone"}), DONE)
    assert isinstance(deltas[-1], ModelError)


@pytest.mark.parametrize(
    ("reason", "meaning"),
    {
        "stop": EndReason.STOP,
        "END_TURN": EndReason.STOP,
        "stop_sequence": EndReason.STOP,
        "completed": EndReason.STOP,
        "length": EndReason.LENGTH,
        "model_context_window_exceeded": EndReason.LENGTH,
        "MAX_TOKENS": EndReason.LENGTH,
        "model_length": EndReason.LENGTH,
        "pause_turn": EndReason.LENGTH,
        "time_limit": EndReason.LENGTH,
        "content_filter": EndReason.POLICY,
        "SPII": EndReason.POLICY,
        "IMAGE_SAFETY": EndReason.POLICY,
        "guardrail_intervened": EndReason.POLICY,
        "tool_calls": EndReason.TOOLS,
        "function_call": EndReason.TOOLS,
        "MALFORMED_FUNCTION_CALL": Code.ERROR_IN_STREAM,
        "network_error": Code.ERROR_IN_STREAM,
        "insufficient_system_resource": Code.ERROR_IN_STREAM,
        "request_timed_out": Code.CUT,
        "interrupted": Code.CUT,
        "melted": None,
    }.items(),
)
def test_reasons_are_read_by_their_words(reason: str, meaning: EndReason | Code | None) -> None:
    assert meaning_of(reason) is meaning


def test_usage_inside_the_choice_is_counted() -> None:
    answer = CompletionReader()
    answer.take(chunk({"content": "One"}))
    last = chunk({}, "stop")
    last["choices"][0]["usage"] = USAGE
    answer.take(last)
    assert answer.end() == [Ended(EndReason.STOP, COUNTED, "test-model")]


@pytest.mark.parametrize(
    "more",
    [{"x_groq": {"id": "r", "usage": USAGE}}, {"usage": {"input_tokens": 18, "output_tokens": 24}}],
    ids=["groq", "anthropic_names"],
)
def test_usage_is_counted_under_every_name(more: dict[str, Any]) -> None:
    answer = CompletionReader()
    answer.take(chunk({"content": "One"}, "stop", **more))
    assert answer.usage == COUNTED


async def test_an_empty_answer_that_was_counted_is_charged_for() -> None:
    counted = {"prompt_tokens": 36_000, "completion_tokens": 0}
    deltas = await read(event(chunk({}, "stop")), event(usage_chunk(counted)), DONE)
    assert deltas[0] == Charged(Usage(36_000, 0))
    assert isinstance(deltas[1], ModelError)
    assert deltas[1].code is Code.EMPTY


async def test_a_refused_question_is_charged_nothing() -> None:
    async with FakeCompletions(keys=("another",)) as fake:
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock())
        with pytest.raises(ModelError):
            raise AssertionError([delta async for delta in client.stream(ASK)])
        await client.close()


CHUNKS = st.lists(
    st.builds(
        lambda delta, finish, usage: chunk(delta, finish) | ({"usage": USAGE} if usage else {}),
        st.sampled_from([{}, {"content": "a"}, {"reasoning_content": "b"}]),
        st.sampled_from([None, "stop", "length"]),
        st.booleans(),
    ),
    max_size=8,
)


@given(CHUNKS)
def test_no_order_of_chunks_loses_a_word_or_settles_before_a_finish(chunks: list[dict[str, Any]]) -> None:
    answer, text = CompletionReader(), ""
    for value in chunks:
        text += "".join(delta.text for delta in answer.take(value) if isinstance(delta, Text))
        assert answer.finish or answer.settled is Completeness.NO
    assert text == "a" * sum(value["choices"][0]["delta"] == {"content": "a"} for value in chunks)
    whole, code = answer.finished, None
    try:
        answer.end()
    except ModelError as error:
        code = error.code
    assert (code is Code.CUT) == (bool(chunks) and not whole)
