"""Lines of bounded length, and which request a line that is too long answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tools.mcp.lines import Lines, LongLine


def split(pieces: list[bytes], longest: int) -> list[bytes | LongLine]:
    lines = Lines(longest)
    found = [line for piece in pieces for line in lines.feed(piece)]
    return [line if isinstance(line, LongLine) else bytes(line) for line in [*found, lines.end()]]


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_lines_are_those_of_the_whole_however_it_is_cut(pieces: list[bytes]) -> None:
    assert split(pieces, 1_000) == b"".join(pieces).split(b"\n")


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_of_a_long_line_the_ends_are_kept(pieces: list[bytes]) -> None:
    for found, line in zip(split(pieces, 500), b"".join(pieces).split(b"\n"), strict=True):
        assert found == (line if len(line) <= 500 else LongLine(line[:256], line[-256:]))


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        ({"jsonrpc": "2.0", "id": 7, "result": {"text": "x" * 600}}, 7),
        ({"id": "a-1", "result": {"text": "x" * 600}, "jsonrpc": "2.0"}, "a-1"),
        ({"result": {"text": "x" * 600, "id": 3}, "jsonrpc": "2.0", "id": 7}, 7),
        ({"result": {"id": 3, "text": "x" * 600}, "id": 7, "jsonrpc": "2.0"}, 7),
        ({"result": {"text": "x" * 600, "id": 3}}, None),
        ({"jsonrpc": "2.0", "method": "notifications/message", "params": {"id": 3, "text": "x" * 600}}, None),
    ],
)
def test_a_long_line_shows_which_request_it_answers(line: object, request_id: object) -> None:
    from core.tools.mcp.stdio import _refusal  # imports the SDK, which collecting the tests need not

    data = json.dumps(line).encode()
    refusal = _refusal(LongLine(data[:256], data[-256:]))
    assert (refusal and getattr(refusal.message, "id", None)) == request_id
