"""Secrets in a text that arrives in pieces: never shown, not for a moment, not the greater part of one."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Code, ModelError
from core.llm.redacting_model import RedactedModel
from core.ports.model import Request
from core.redaction import MARK, RedactedStream, Secrets
from core.values.conversation import text_message
from core.values.deltas import Delta, Ended, EndReason, Thinking
from core.values.parts import Text

KEY = "sk-Qz7Lm2Xw9Tn4Rb8Vc1Yp6Kd3Hf5Gj0Ns"
TOKEN = "xoxb-112233445566-WvUtSrQpOnMl"
SECRETS = Secrets([KEY, TOKEN, "none"])


def shown_in_pieces(pieces: list[str], secrets: Secrets = SECRETS) -> list[str]:
    """The text that a reader sees after each piece, and at the end."""
    stream, views, text = RedactedStream(secrets), [], ""
    for piece in pieces:
        text += stream.feed(piece)
        views.append(text)
    return [*views, text + stream.end()]


def longest_part(text: str, secret: str) -> int:
    """The number of consecutive characters of `secret` in `text`."""
    return max(
        (
            size
            for at in range(len(secret))
            for size in range(1, len(secret) - at + 1)
            if secret[at : at + size] in text
        ),
        default=0,
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 17, 40, 500])
@pytest.mark.parametrize("secret", [KEY, TOKEN])
def test_a_key_is_cut_out_however_it_is_cut_into_pieces(secret: str, size: int) -> None:
    text = f"The key is {secret}, and so {secret}{secret}."
    views = shown_in_pieces([text[at : at + size] for at in range(0, len(text), size)])
    assert all(longest_part(view, secret) <= len(secret) // 2 for view in views)
    assert views[-1].startswith("The key is ")
    assert views[-1].endswith(".")
    assert ", and so " in views[-1]
    assert MARK in views[-1]


def test_a_key_in_one_piece_leaves_a_mark_alone() -> None:
    assert shown_in_pieces([f"a {KEY} b"])[-1] == f"a {MARK} b"
    assert SECRETS.cut_from(f"{KEY}") == MARK


@pytest.mark.parametrize("at", range(1, len(KEY)))
def test_a_key_cut_in_two_is_never_shown_for_a_moment(at: int) -> None:
    for view in shown_in_pieces(["key: ", KEY[:at], KEY[at:], " done"]):
        assert longest_part(view, KEY) <= len(KEY) // 2


@pytest.mark.parametrize("part", [KEY[:-1], KEY[1:], KEY[5:30], KEY[: len(KEY) // 2 + 1]])
def test_the_greater_part_of_a_key_is_cut_out_too(part: str) -> None:
    assert all(longest_part(view, KEY) <= len(KEY) // 2 for view in shown_in_pieces([f"a {part}", " b"]))


def test_a_part_that_narrows_nothing_down_is_shown_at_the_end() -> None:
    assert shown_in_pieces(["It starts with sk-Qz7L"])[-1] == "It starts with sk-Qz7L"


@given(st.lists(st.text(max_size=12), max_size=12))
def test_other_text_comes_out_as_it_is_and_at_once(pieces: list[str]) -> None:
    assert shown_in_pieces(pieces)[-2:] == ["".join(pieces)] * min(2, len(pieces) + 1)


@pytest.mark.parametrize("value", ["none", "ollama", "not-needed", "lm-studio", "sk-no-key-required"])
def test_a_word_that_stands_for_no_key_is_no_secret(value: str) -> None:
    said = f"No key is required or needed: lm-studio and ollama take {value}."
    assert Secrets([value]).cut_from(said) == said


def test_a_short_key_is_one() -> None:
    assert Secrets(["sk-1234"]).cut_from("It is sk-1234, I think.") == f"It is {MARK}, I think."


PARTS = st.one_of(
    st.text("ab sk-Q\n", max_size=5),
    st.builds(lambda at, size: KEY[at : at + size], st.integers(0, len(KEY)), st.integers(0, len(KEY))),
    st.builds(lambda at, size: TOKEN[at : at + size], st.integers(0, len(TOKEN)), st.integers(0, 9)),
)


@given(st.lists(PARTS, max_size=10), st.lists(st.integers(0, 400), max_size=12))
def test_no_view_holds_more_than_half_of_a_secret_and_no_cut_changes_the_end(
    parts: list[str], cuts: list[int]
) -> None:
    text = "".join(parts)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    views = shown_in_pieces([text[a:b] for a, b in pairwise(edges)])
    for view in views:
        assert longest_part(view, KEY) <= len(KEY) // 2
        assert longest_part(view, TOKEN) <= len(TOKEN) // 2
    for earlier, later in pairwise(views):
        assert later.startswith(earlier)
    if longest_part(text, KEY) <= len(KEY) // 2 and longest_part(text, TOKEN) <= len(TOKEN) // 2:
        assert views[-1] == text


@pytest.mark.parametrize("part", [KEY[:17], "sk-Q", KEY[3:7], KEY])
def test_the_work_grows_with_the_text_and_not_with_its_square(part: str) -> None:
    def seconds(count: int) -> float:
        stream, began = RedactedStream(SECRETS), time.process_time()
        for _ in range(count):
            stream.feed(part)
        return time.process_time() - began

    short, long = (min(seconds(count) for _ in range(3)) for count in (500, 5_000))
    assert long < 40 * short


class Script:
    def __init__(self, *said: Delta | ModelError) -> None:
        self.said = said
        self.closed = False

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        for delta in self.said:
            if isinstance(delta, ModelError):
                raise delta
            yield delta

    async def close(self) -> None:
        self.closed = True


ASK = Request((text_message("user", "What is your key?"),), "m")


async def test_a_model_that_says_our_key_is_cut_short() -> None:
    end = Ended(EndReason.STOP)
    model = RedactedModel(
        Script(Thinking("hm"), Text(f"It is {KEY[:20]}"), Text(f"{KEY[20:]} ."), end), SECRETS
    )
    deltas = [delta async for delta in model.stream(ASK)]
    assert deltas[0] == Thinking("hm")
    assert "".join(delta.text for delta in deltas if isinstance(delta, Text)) == f"It is {MARK} ."
    assert deltas[-1] == end


async def test_words_that_were_held_back_come_out_before_a_failure() -> None:
    model, text = RedactedModel(Script(Text("See sk-Qz7L"), ModelError(Code.CUT)), SECRETS), ""
    with pytest.raises(ModelError):
        async for delta in model.stream(ASK):
            text += delta.text if isinstance(delta, Text) else ""
    assert text == "See sk-Qz7L"


async def test_closing_it_closes_the_model() -> None:
    script = Script()
    await RedactedModel(script, SECRETS).close()
    assert script.closed
