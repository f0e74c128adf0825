"""The tokens of JSON messages, whole and in pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tools.mcp import tokens
from core.tools.mcp.tokens import EventTokenCounter, TokenCounter, has_too_many_tokens

JSON = st.recursive(
    st.none() | st.integers() | st.text('a",[{\\\\\n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a",', max_size=3), inner, max_size=3),
    max_leaves=12,
)


def count(value: Any) -> int:
    """The tokens of a value: strings, opening brackets and the commas between members."""
    if isinstance(value, str):
        return 1
    if isinstance(value, dict):
        return 1 + sum(1 + count(one) for one in value.values()) + max(0, len(value) - 1)
    return 1 + sum(map(count, value)) + max(0, len(value) - 1) if isinstance(value, list) else 0


@given(JSON, st.integers(1, 7))
def test_tokens_are_counted_alike_in_pieces_of_any_size(value: Any, size: int) -> None:
    text, expected = json.dumps(value).encode(), count(value)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    with pytest.MonkeyPatch.context() as patch:
        for most in (max(0, expected - 1), expected):
            patch.setattr(tokens, "MOST_TOKENS", most)
            counter, events = TokenCounter(), EventTokenCounter()
            refused = expected > most
            assert max(map(counter.feed, pieces)) is refused
            assert has_too_many_tokens(text) is refused
            stream = [b"data: 1\r", b"\n\r\ndata: ", *pieces, b"\n", b'\ndata: "\n', b"\ndata: 1\n\n"]
            assert max(map(events.feed, stream)) is (refused or most < 1)


def test_each_event_is_counted_by_itself_also_behind_one_that_is_broken() -> None:
    counter = EventTokenCounter()
    rows = b"data: " + b"[1]," * (tokens.MOST_TOKENS // 2 - 1) + b"\n\n"
    assert not any(counter.feed(rows) for _ in range(3))
    assert not counter.feed(b'data: "broken\n')
    assert counter.feed(b"\n" + rows.replace(b"[1],", b"[1,2],"))


@pytest.mark.parametrize("before", [b': "\n', b'id: "\r\n', b'event: "\r'])
def test_a_quote_in_another_line_of_an_event_hides_no_tokens(before: bytes) -> None:
    rows = b"data: " + b"[]," * tokens.MOST_TOKENS + b"\n\n"
    for size in (1_000, len(rows)):
        counter = EventTokenCounter()
        stream = before + rows
        assert any(counter.feed(stream[at : at + size]) for at in range(0, len(stream), size))
    assert not EventTokenCounter().feed(b"\n" * 1_000_000)


def test_commas_of_a_text_do_not_count() -> None:
    assert not has_too_many_tokens(json.dumps({"text": '"1",[2],{3}' * 400_000}).encode())
    assert not has_too_many_tokens(b'"' + b'\\"' * 2_000_000)
