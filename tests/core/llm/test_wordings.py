"""Every wording of a refusal that we know of is put in its class, and tells what it tells of limits."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from core.errors import Code, LengthLimit, ModelError
from core.llm.echo import NOTHING, SentRequest
from core.llm.errors import from_chunk, from_response
from core.llm.refusals import toml_to_rules
from tests.core.llm import wordings
from tests.core.llm.wordings import Wording

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
BY_CODE: dict[Code, list[Wording]] = {
    Code.CONTEXT_OVERFLOW: wordings.OVERFLOW + wordings.OVERFLOW_WITHOUT_A_NUMBER,
    Code.TOO_LARGE: wordings.TOO_LARGE,
    Code.NO_MODEL: wordings.NO_MODEL,
    Code.NO_MONEY: wordings.NO_MONEY,
    Code.BAD_KEY: wordings.BAD_KEY,
    Code.FORBIDDEN: wordings.FORBIDDEN,
    Code.RATE_LIMITED: wordings.RATE_LIMITED,
    Code.SERVER_ERROR: wordings.SERVER_ERROR,
    Code.WRONG_URL: wordings.WRONG_URL,
    Code.UNREACHABLE: wordings.UNREACHABLE,
    Code.POLICY: wordings.POLICY,
    Code.BAD_REQUEST: wordings.BAD_REQUEST,
}
CASES = [(code, wording) for code, wordings in BY_CODE.items() for wording in wordings]
CASES += [
    (Code(code.partition(",")[0]), wording)
    for code, wordings in wordings.PARAPHRASES.items()
    for wording in wordings
]


def read(wording: Wording, sent: SentRequest = NOTHING) -> ModelError:
    status, said = wording
    if status in (0, 200):
        return from_chunk({"error": {"message": said}} if isinstance(said, str) else said, "", sent)
    page = isinstance(said, str) and (said.startswith("<") or "\n" in said or not said)
    body = said if page else json.dumps({"error": {"message": said}} if isinstance(said, str) else said)
    return from_response(status, {}, str(body).encode(), NOW, "", sent)


def test_each_wording_is_put_in_its_class() -> None:
    assert len(CASES) > 400
    assert [(code, found, said) for code, said in CASES if (found := read(said).code) is not code] == []


@pytest.mark.parametrize("wording", wordings.OVERFLOW, ids=str)
def test_a_window_is_read_from_its_refusal(wording: Wording) -> None:
    limit = read(wording).limit
    assert limit.tokens == 8192
    assert limit.asked_tokens in (0, 9000)


@pytest.mark.parametrize(("tokens", "wording"), wordings.SPELT, ids=str)
def test_a_window_is_read_however_its_number_is_spelt(tokens: int, wording: Wording) -> None:
    error = read(wording)
    assert (error.code, error.limit.tokens) == (Code.CONTEXT_OVERFLOW, tokens)
    assert not error.limit.asked_tokens or error.limit.asked_tokens > tokens


@pytest.mark.parametrize(("code", "wording"), wordings.NO_WINDOW, ids=str)
def test_a_number_of_tokens_alone_is_no_window(code: Code, wording: Wording) -> None:
    error = read(wording)
    assert (error.code, error.limit) == (code, LengthLimit())


@pytest.mark.parametrize("wording", wordings.OVERFLOW_WITHOUT_A_NUMBER, ids=str)
def test_other_numbers_are_no_window(wording: Wording) -> None:
    assert read(wording).limit == LengthLimit()


@pytest.mark.parametrize("wording", wordings.TOO_LARGE[:4], ids=str)
def test_the_size_of_a_plan_is_read_from_its_refusal(wording: Wording) -> None:
    assert read(wording).limit.tokens == 8192


def test_a_long_request_is_shortened_though_its_thread_speaks_of_the_same() -> None:
    said = "This model's maximum context length is 8192 tokens."
    wording = (400, said)
    assert read(wording, SentRequest("m", (f"ANN: it says '{said}'",))).code is Code.BAD_REQUEST
    long = read(wording, SentRequest("m", (f"ANN: it says '{said}'", "word " * 1000)))
    assert long.code is Code.CONTEXT_OVERFLOW
    assert long.limit == LengthLimit(), "a limit is believed in the endpoint's own words alone"


def test_a_refusal_is_read_in_bounded_time_whatever_it_says() -> None:
    words = [
        "model ",
        "not ",
        "context length exceeded ",
        "9",
        "retry in 1h",
        "tokens ",
        "模型",
        "api key ",
        "{",
        "<",
    ]
    for word in words:
        began = time.process_time()
        from_response(400, {}, json.dumps({"error": word * 30_000}).encode(), NOW)
        assert time.process_time() - began < 2


def test_a_file_of_rules_with_a_mistake_in_it_is_refused() -> None:
    with pytest.raises(ValueError, match="statusses"):
        toml_to_rules("[words]\n[[rule]]\ncode = 'policy'\nstatusses = [400]")
    with pytest.raises(ValueError):
        toml_to_rules("[words]\n[[rule]]\ncode = 'no_such_code'")
