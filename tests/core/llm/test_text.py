"""The text that comes out of a model's stream: letters, never controls, and never more than the caps allow."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Code, ModelError
from core.llm.chunks import AnswerCaps, CompletionReader
from core.llm.sse import OversizedLine, SseReader
from core.llm.tool_calls import MOST_CALLS
from core.values.deltas import CallPiece, Delta, Ended, EndReason, Thinking
from core.values.parts import Text
from tests.fakes.completions.replies import DONE, call_delta, chunk, event

SMALL = AnswerCaps(text=10, arguments=10, reasoning=10)


def deltas_of(
    *deltas: dict[str, Any], finish: str | None = "stop", caps: AnswerCaps | None = None
) -> list[Delta]:
    answer = CompletionReader(caps=caps)
    found = [out for delta in deltas for out in answer.take(chunk(delta))]
    return found + (answer.take(chunk({}, finish)) if finish else []) + answer.end()


def text_of(*deltas: dict[str, Any], caps: AnswerCaps | None = None) -> str:
    return "".join(delta.text for delta in deltas_of(*deltas, caps=caps) if isinstance(delta, Text))


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("a\x00b\x1b[31mc\x07d\u202ee", "ab[31mcde"),
        ("a\u2066b\u2069c\u200fd\u061ce", "abcde"),
        ("a\x9bb\x7fc\x85d", "abc\x85d"),
        ("one\ttwo\r\nthree", "one\ttwo\nthree"),
        ("👩‍💻 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👩‍💻 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("क्‍ष می‌خواهم", "क्‍ष می‌خواهم"),
        ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),
    ],
    ids=["controls", "bidi", "c1", "line_ends", "emoji", "joiners", "spaces"],
)
def test_letters_come_out_and_controls_do_not(content: str, shown: str) -> None:
    assert text_of({"content": content}) == shown
    assert text_of(*({"content": character} for character in content)) == shown
    assert text_of({"refusal": content}) == shown


@given(st.lists(st.text(max_size=6), max_size=6))
def test_no_text_holds_a_control_or_half_a_character(pieces: list[str]) -> None:
    text = text_of({"content": "a"}, *({"content": piece} for piece in pieces))
    assert not {
        unicodedata.category(c) for c in text.replace("\n", "").replace("\t", "").replace("\x85", "")
    } & {
        "Cc",
        "Cs",
    }


@pytest.mark.parametrize("blank", ["", " \n", "\u200b", "\u3000\t", "\x00\u202e", "\u2060\ufeff"])
def test_a_blank_answer_is_empty_and_shows_nothing(blank: str) -> None:
    answer = CompletionReader()
    assert answer.take(chunk({"content": blank})) + answer.take(chunk({"content": blank}, "stop")) == []
    with pytest.raises(ModelError) as caught:
        answer.end()
    assert caught.value.code is Code.EMPTY


def test_raw_controls_in_json_strings_are_read() -> None:
    raw = b'data: {"choices":[{"delta":{"content":"one\ttwo\x01"},"finish_reason":"stop"}]}\n\n'
    [found] = SseReader().feed(raw)
    assert isinstance(found, dict)
    assert CompletionReader().take(found) == [Text("one\ttwo")]


@pytest.mark.parametrize("size", [1, 3, 50])
def test_text_past_its_cap_ends_at_the_length_limit(size: int) -> None:
    deltas = deltas_of(*({"content": "x" * size} for _ in range(20)), finish=None, caps=SMALL)
    assert deltas[-1] == Ended(EndReason.LENGTH)
    assert "".join(delta.text for delta in deltas if isinstance(delta, Text)) == "x" * 10


def test_reasoning_past_its_cap_ends_at_the_length_limit() -> None:
    deltas = deltas_of({"reasoning_content": "y" * 11}, {"content": "never"}, finish=None, caps=SMALL)
    assert deltas == [Thinking("y" * 10), Ended(EndReason.LENGTH)]


def test_thoughts_in_tags_are_capped_too() -> None:
    deltas = deltas_of({"content": "<think>" + "y" * 50}, finish=None, caps=SMALL)
    assert deltas == [Thinking("y" * 10), Ended(EndReason.LENGTH)]


def test_arguments_past_their_cap_end_at_the_length_limit_and_call_nothing() -> None:
    calls = [call_delta(0, "a", "f", '{"a": "'), *(call_delta(0, None, None, "z" * 4) for _ in range(5))]
    deltas = deltas_of(*calls, finish=None, caps=SMALL)
    assert [one for one in deltas if not isinstance(one, CallPiece)] == [Ended(EndReason.LENGTH)]


def test_more_calls_than_anybody_makes_are_not_gathered() -> None:
    parts = [{"index": n, "id": str(n), "function": {"name": "f"}} for n in range(100_000)]
    answer = CompletionReader()
    answer.take(chunk({"tool_calls": parts}))
    assert answer.full
    assert len(answer._calls._calls) == MOST_CALLS + 1


def test_exactly_as_much_as_a_cap_allows_is_whole() -> None:
    assert deltas_of({"content": "x" * 4}, {"content": "x" * 6}, caps=SMALL)[-1] == Ended(
        EndReason.STOP, None, "test-model"
    )


def test_nothing_of_what_means_nothing_is_gathered() -> None:
    reader = SseReader(limit_bytes=1000)
    [last] = [found for _ in range(40) for found in reader.feed(b"data:\n")]
    assert isinstance(last, OversizedLine)


def test_the_rest_of_a_stream_is_read_after_a_line_in_small_pieces() -> None:
    reader, line = SseReader(), event(chunk({"content": "x" * 1000}))
    found = [out for at in range(len(line)) for out in reader.feed(line[at : at + 1])] + reader.feed(DONE)
    assert len(found) == 1


@pytest.mark.parametrize("content", [" \n\t", "\u200b", "\x00\u202e", "<think></think>"])
def test_content_of_which_nothing_is_shown_reaches_a_cap_too(content: str) -> None:
    answer = CompletionReader(caps=SMALL)
    for _ in range(30):
        assert answer.take(chunk({"content": content})) == []
    assert answer.full == "text"
