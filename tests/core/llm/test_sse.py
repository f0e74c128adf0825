"""The reader of the wire and what it makes of any bytes, however they are cut."""

import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ModelError
from core.llm.chunks import CompletionReader
from core.llm.sse import Event, Garbled, OversizedLine, SseReader
from core.values.deltas import Delta
from tests.fakes.completions import QUIRKS
from tests.waiting import AT_ONCE_S


def read(*pieces: bytes, limit_bytes: int = 1 << 20) -> list[Event]:
    reader = SseReader(limit_bytes)
    return [event for piece in pieces for event in reader.feed(piece)] + reader.end()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def answer(pieces: list[bytes]) -> tuple[list[Delta], str, str]:
    """Deltas, or what came before an error and its code. Texts are joined where nothing else is between."""
    reader, whole = SseReader(1 << 20), CompletionReader()
    deltas: list[Delta] = []
    try:
        for piece in pieces:
            for event in reader.feed(piece):
                deltas += [] if isinstance(event, Garbled | OversizedLine) else whole.take(event)
        for event in reader.end():
            deltas += [] if isinstance(event, Garbled | OversizedLine) else whole.take(event)
        deltas += whole.end()
    except ModelError as error:
        return deltas, error.code, error.detail
    return deltas, "", ""


CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is slow."""
STREAMS = [quirk.reply.body for quirk in QUIRKS.values() if 0 < len(quirk.reply.body) < 20_000]
LINES = st.one_of(
    st.sampled_from(
        [
            b'data: {"choices":[{"delta":{"content":"\xe4\xb8\x96"}}]}',
            b'data:{"choices":[{"delta":{"content":"<think>a</think>b"},"finish_reason":"stop"}]}',
            b'data: {"a":',
            b"data: 1}",
            b"data: [DONE]",
            b"data",
            b"event: error",
            b"event: message",
            b'error: {"code":500}',
            b'{"error":"bare"}',
            b'{"error"',
            b": ping",
            b"",
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            "\u2028".encode(),
        ]
    ),
    st.binary(max_size=12),
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n"])
STREAM = st.one_of(
    st.sampled_from(STREAMS),
    st.lists(st.tuples(LINES, ENDS), max_size=12).map(lambda rows: b"".join(line + end for line, end in rows)),
)


@CALM
@given(STREAM, st.lists(st.integers(0, 1 << 20), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_events(data: bytes, places: list[int]) -> None:
    assert read(*cut(data, places)) == read(data)


@CALM
@given(STREAM, st.lists(st.integers(0, 1 << 20), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_deltas(data: bytes, places: list[int]) -> None:
    assert answer(cut(data, places)) == answer([data])


@CALM
@given(STREAM)
def test_bytes_one_by_one_give_the_same_deltas(data: bytes) -> None:
    assert answer([data[n : n + 1] for n in range(len(data))]) == answer([data])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    *("error", "choices", "delta", "message", "content", "tool_calls", "function", "id", "index", "name"),
    *("arguments", "finish_reason", "usage", "reasoning_content", "reasoning_details", "refusal", "model"),
    *("prompt_tokens", "text", "object", "type", "code", "detail"),
)
LOOKALIKE = st.recursive(
    JSON,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, min_size=1, max_size=5)
    ),
    max_leaves=8,
)


@CALM
@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), LOOKALIKE, max_size=6), max_size=4))
def test_no_shape_of_chunk_is_a_crash(chunks: list[dict[str, Any]]) -> None:
    data = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    deltas, code, _ = answer([data])
    assert deltas or code
    for delta in deltas:
        if hasattr(delta, "text"):
            delta.text.encode()  # what cannot be written as UTF-8 cannot be stored or sent


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_of_data_are_joined_where_none_is_json_alone(end: bytes) -> None:
    data = end.join([b"event: error", b'data: {"a":', b'data: "b"}', b"", b'data: {"c": 1}', b"", b""])
    for at in range(len(data)):
        assert read(data[:at], data[at:]) == [{"error": {"a": "b"}}, {"c": 1}]


def test_error_comes_out_in_one_shape() -> None:
    assert read(b"event: error\ndata: overloaded\n\n") == [{"error": "overloaded"}]
    assert read(b'event: error\ndata: {"error": {"code": 1}}\n\n') == [{"error": {"code": 1}}]
    assert read(b'error: {"message": "full"}\n') == [{"error": {"message": "full"}}]
    assert read(b'event: error\ndata: {"a": 1}\n\ndata: {"b": 2}\n\n') == [{"error": {"a": 1}}, {"b": 2}]


def test_what_should_be_json_and_is_not_is_named() -> None:
    assert read(b'data: {"a": \n\ndata: {"b": 1}\n\n') == [Garbled('{"a": '), {"b": 1}]
    assert read(b'data: {"a": \n') == []


def test_comments_are_counted_and_oddities_kept() -> None:
    reader = SseReader()
    reader.feed(b": a\n:\n\nid: 1\nretry: 5\nSSH-2.0\nother\n")
    assert (reader.comments, reader.odd) == (2, "SSH-2.0")


def test_nothing_counts_after_done() -> None:
    reader = SseReader()
    assert reader.feed(b'data: [DONE]\n\ndata: {"a": 1}\n') == []
    assert reader.done


@pytest.mark.parametrize("size", [1, 50, 5000])
@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_line_over_the_limit_ends_the_stream_behind_what_came_before(size: int, end: bytes) -> None:
    line = b"data: " + b"x" * 1000
    data = b'data: {"a": 1}\n\n' + line + end + b'data: {"a": 2}\n\n'
    first, cut_off = read(*[data[n : n + size] for n in range(0, len(data), size)], limit_bytes=1000)
    assert first == {"a": 1}
    assert isinstance(cut_off, OversizedLine)
    assert cut_off.beginning.startswith(line[:1000])


def test_many_lines_that_never_make_an_event_are_bounded() -> None:
    [event] = read(b"data: [\n" * 2000, limit_bytes=1000)
    assert isinstance(event, OversizedLine)
    assert len(event.beginning) < 1000


def test_deep_nesting_is_no_crash() -> None:
    assert isinstance(read(b'data: {"a":' + b"[" * 100_000 + b"\n\n")[0], Garbled)


def test_long_line_in_small_pieces_takes_linear_time() -> None:
    line = b'data: {"a":"' + b"x" * 4_000_000 + b'"}\n'
    started = time.process_time()  # other processes do not add to it
    assert len(read(*[line[n : n + 1000] for n in range(0, len(line), 1000)], limit_bytes=1 << 23)) == 1
    assert time.process_time() - started < AT_ONCE_S
