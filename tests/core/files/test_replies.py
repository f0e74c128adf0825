"""Replies of a child process, and malformed ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files.replies import bytes_to_reply, reply_to_bytes
from core.ports.files import Extracted, ExtractedText, FileError, Picture, ScannedPages
from core.values.parts import FileProblem

PICTURE = Picture(b"\xff\xd8\xff", "image/jpeg", 20, 10)
PAGE = Picture(b"\x89PNG", "image/png", 5, 6)


@pytest.mark.parametrize(
    "reply", [ExtractedText("käse\n😀"), PICTURE, ScannedPages((PICTURE, PAGE)), ScannedPages(())], ids=str
)
def test_a_reply_is_read_as_it_was_written(reply: Extracted) -> None:
    assert bytes_to_reply(reply_to_bytes(reply)) == reply


def test_a_refusal_is_raised() -> None:
    with pytest.raises(FileError) as raised:
        bytes_to_reply(reply_to_bytes(FileError(FileProblem.ENCRYPTED, "why")))
    assert (raised.value.problem, raised.value.detail) == (FileProblem.ENCRYPTED, "why")


def broken(whole: bytes) -> list[bytes]:
    return [whole[:cut] for cut in range(len(whole))]


def test_a_reply_that_is_none_is_a_crash() -> None:
    for data in (
        *broken(reply_to_bytes(ScannedPages((PICTURE, PAGE)))),
        reply_to_bytes(Picture(b"<svg>", "image/svg+xml", 1, 1)),
        b"\0\0\0\x02[]",
        b"\0\0\0\x02{}",
        b"\0\0\0\x15" + b'{"problem":"unheard of"}',
        b"\0\0\x27\x10" + b"[" * 10_000,
    ):
        with pytest.raises(FileError) as raised:
            bytes_to_reply(data)
        assert raised.value.problem is FileProblem.CRASHED, data


@given(st.binary(max_size=60))
def test_no_reply_raises_anything_else(data: bytes) -> None:
    with pytest.raises(FileError):
        bytes_to_reply(len(data).to_bytes(4, "big") + data)
