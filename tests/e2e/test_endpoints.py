"""Endpoints that differ from the rest, with the real program on both platforms."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.redaction import MARK
from tests.e2e.conftest import model_settings
from tests.e2e.program import Program
from tests.e2e.sides import Side
from tests.fakes.completions import FakeCompletions, Raw, Reply, Status, Words
from tests.fakes.completions.replies import DONE, Json, chunk, event

KEY = "sk-Qz7Lm2Xw9Tn4Rb8Vc1Yp6Kd3Hf5Gj0Ns"
ALTERNATE = Status(400, {"object": "error", "message": "Conversation roles must alternate user/assistant/..."})
UNVERIFIED = Status(
    400, {"error": {"message": "You must be verified to stream this model.", "param": "stream"}}
)
FLOOD = Raw((event(chunk({"content": "word " * 10_000})), 0.02) * 1_000, end="hang")
LINE = Raw(
    (event(chunk({"content": "One. "})), b'data: {"choices":[{"delta":{"content":"', *(b"word " * 20_000,) * 60)
)
SPELT = Raw(
    (event(chunk({"content": f"It is {KEY[:19]}"})), 0.5, event(chunk({"content": KEY[19:]}, "stop")), DONE)
)


def gemma(body: Json) -> Reply:
    """Takes no system role, and no two messages of one role in a row."""
    roles = [message["role"] for message in body["messages"]]
    if "system" in roles:
        return Status(500, {"error": {"code": 500, "message": "Jinja Exception: System role not supported"}})
    alternates = roles == [("user", "assistant")[n % 2] for n in range(len(roles))]
    if not alternates:
        return ALTERNATE
    if not body["stream"]:
        return Words("Here I am.")
    return UNVERIFIED


async def test_a_thread_is_answered_whatever_form_its_endpoint_wants(
    tmp_path: Path, side: Side, endpoint: FakeCompletions
) -> None:
    endpoint.default = gemma
    async with Program(tmp_path, **side.settings | model_settings(endpoint)):
        await side.ask("one")
        await side.answered("Here I am.")
        first = len(endpoint.requests)
        await side.ask("two")
        await side.answered("Here I am.", 2)
        assert len(endpoint.requests) == first + 1, "what was learnt is remembered"


@pytest.mark.parametrize("reply", [FLOOD, LINE], ids=["events", "one line"])
async def test_an_answer_without_an_end_stops_at_its_cap_and_can_be_continued(
    tmp_path: Path, side: Side, endpoint: FakeCompletions, reply: Reply
) -> None:
    endpoint.default = reply
    settings = model_settings(endpoint) | {"PARLEY_ANSWER_CHARS_CAP": "3000"}
    async with Program(tmp_path, **side.settings | settings):
        await side.ask("one")
        read = await side.answered("length limit")
        assert "Continue" in read.buttons
        assert "word word" in side.answers()[0].text
        assert len(endpoint.requests) == 1
        assert endpoint.requests[0].over.is_set()


async def test_our_key_is_never_shown(tmp_path: Path, side: Side, endpoint: FakeCompletions) -> None:
    endpoint.keys = (KEY,)
    endpoint.default = SPELT
    settings = model_settings(endpoint) | {"OPENAI_API_KEY": KEY}
    async with Program(tmp_path, **side.settings | settings) as program:
        await side.ask("one")
        text = (await side.answered(MARK)).text
        assert KEY[:19] not in text
        assert KEY[19:] not in text
    assert KEY not in program.output
