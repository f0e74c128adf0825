"""The effect of an endpoint's refusal on the next question, through the loop over fake endpoints."""

from __future__ import annotations

import asyncio
import html
import json
import random
import string
from typing import Any

import pytest
import structlog

from core.errors import ModelError
from core.i18n import error_text
from core.llm.context_windows import LEARNT_S
from core.ports.model import Request
from core.values.conversation import text_message
from core.values.parts import Text
from tests.core.llm.test_accounts import (
    ALONE,
    FINE,
    TOO_LONG,
    Rig,
    at_rig,
    count_said,
    lengths,
    long_question,
    long_thread,
)
from tests.fakes.completions import Raw, Refused, Reply, Status
from tests.fakes.completions.replies import event

TWO = """
models = ["large"]
[endpoints.one]
base_url = "{one}"
accounts = [{{ name = "a", key = "sk-a" }}]
models = {{ large = {{ name = "gpt-9", context_tokens = 32_000 }} }}
[endpoints.two]
base_url = "{two}"
accounts = [{{ name = "c", key = "sk-c" }}]
models = {{ large = {{ name = "gpt-9-c", context_tokens = 32_000 }} }}
"""
MODELS = TWO.replace('["large"]', '["large", "small"]').replace(
    "}} }}\n[endpoints.two]", "}}, small = {{ context_tokens = 32_000 }} }}\n[endpoints.two]"
)
THREADS = ALONE.replace("large = {{}}", "large = {{ context_tokens = 32_000 }}")
Body = dict[str, Any]


async def ask(rig: Rig, question: str, before: tuple[str, ...] = ()) -> str:
    """The answer, or the sentence of the error."""
    messages = (
        text_message("system", "You are Parley."),
        *(text_message("user", text) for text in (*before, question)),
    )
    text = ""
    try:
        async for delta in rig.pool.stream(Request(messages, "")):
            text += delta.text if isinstance(delta, Text) else ""
    except ModelError as error:
        return text + error_text(error, "en")
    finally:
        await asyncio.sleep(0)  # an alert is posted by a task of its own
    return text


def echoing(status: int, frame: str = "Unprocessable input: {}") -> Any:
    """An endpoint that quotes the question."""

    def reply(body: Body) -> Reply:
        return Status(status, {"error": {"message": frame.format(body["messages"][-1]["content"])}})

    return reply


WORDS_OF_TROUBLE = [
    "why is there 402 payment required? insufficient balance",
    "what does invalid api key mean",
    "为什么提示余额不足，账户欠费",
    "API 密钥无效是什么意思",
    "the model gpt-5 does not exist",
    "my account is suspended, access denied",
    "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details.",
    "<title>400 The plain HTTP request was sent to HTTPS port</title>",
    "User location is not supported for the API use.",
]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
@pytest.mark.parametrize("question", WORDS_OF_TROUBLE)
async def test_a_persons_words_in_a_refusal_set_nothing_aside(question: str, status: int) -> None:
    async with at_rig(TWO) as rig:
        rig.one.default = echoing(status)
        told = await ask(rig, question)
        assert told == "Fine." if status == 413 else "on my side" in told
        rig.asked()
        await ask(rig, question)
        assert rig.asked()[0] == "a gpt-9"
        assert rig.alerts == []
        assert rig.pool.breakers.allow(["account one/a", "model large@one", "endpoint one"], 0.0)


FRAMES = [
    "Unprocessable input: {}",
    "Could not parse the request near '{}'",
    "{} is not something that can be answered",
    "Input rejected (request id: 7): {}",
]


def _escaped(question: str) -> str:
    return json.dumps(question)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    "change",
    [str, str.upper, str.title, _escaped, lambda text: text[:24], lambda text: " ".join(text.split())],
    ids=["whole", "upper", "title", "escaped", "cut", "one line"],
)
async def test_a_quotation_sets_nothing_aside_however_it_is_written(frame: str, change: Any) -> None:
    question = "insufficient balance,\nis that 402 payment required?"
    async with at_rig(TWO) as rig:
        rig.one.default = lambda body: Status(400, {"error": {"message": frame.format(change(question))}})
        assert "on my side" in await ask(rig, question)
        assert rig.asked() == ["a gpt-9"]
        rig.one.default = FINE
        assert await ask(rig, "How are you?") == "Fine."
        assert rig.alerts == []
        assert rig.asked() == ["a gpt-9"]
        assert rig.pool.breakers["account one/a"].why is None


@pytest.mark.parametrize("status", [400, 404, 406])
async def test_a_page_that_quotes_the_question_does_not_make_the_address_wrong(status: int) -> None:
    question = "why is <b>my api key</b> unauthorized?"
    async with at_rig(TWO) as rig:
        rig.one.default = lambda body: Status(status, f"<html><p>Blocked: {html.escape(question)}</p></html>")
        await ask(rig, question)
        rig.one.default = FINE
        assert await ask(rig, "How are you?") == "Fine."
        assert rig.asked()[-1] == "a gpt-9"
        assert rig.alerts == []


async def test_words_of_the_thread_and_of_the_instructions_are_ours_too() -> None:
    async with at_rig(TWO) as rig:
        rig.one.default = lambda body: Status(
            400, {"error": {"message": f"bad: {json.dumps(body['messages'][:2])}"}}
        )
        assert "on my side" in await ask(rig, "And now?", ("ANN: insufficient balance again, top up!",))
        assert rig.alerts == []


OWN = [
    Status(402, {"error": {"message": "Insufficient Balance"}}),
    Status(
        400,
        json.dumps(
            [
                {
                    "error": {
                        "code": 400,
                        "message": "API key not valid. Please pass a valid API key.",
                        "details": [{"reason": "API_KEY_INVALID"}],
                    }
                }
            ]
        ),
    ),
    Status(500, {"type": "error", "error": {"type": "api_error", "message": "insufficient balance (1008)"}}),
    Status(429, {"error": {"message": "您的账户余额已用完"}}),
    Status(403, {"error": {"message": "Key limit exceeded (total limit).", "code": 403}}),
    Status(
        200, {"id": "x", "choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail: x"}}
    ),
    Raw((event({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),)),
]


@pytest.mark.parametrize("reply", OWN, ids=range(len(OWN)))
async def test_the_endpoints_own_words_set_the_account_aside_and_alert(reply: Reply) -> None:
    async with at_rig(TWO) as rig:
        rig.says("a", reply)
        for _ in range(2):
            assert await ask(rig, "What is a balance sheet?", ("BOB: api keys are keys",)) == "Fine."
        assert rig.asked() == ["a gpt-9", "c gpt-9-c", "c gpt-9-c"]
        assert [alert.what for alert in rig.alerts] == ["account one/a"]


async def test_a_status_that_says_so_counts_though_the_question_is_quoted() -> None:
    async with at_rig(TWO) as rig:
        rig.one.default = echoing(402)
        assert await ask(rig, "payment required?") == "Fine."
        assert [alert.what for alert in rig.alerts] == ["account one/a"]


async def test_a_code_counts_though_the_question_is_quoted() -> None:
    async with at_rig(TWO) as rig:
        rig.one.default = lambda body: Status(
            400, {"error": {"message": body["messages"][-1]["content"], "code": "insufficient_quota"}}
        )
        assert await ask(rig, "What does insufficient balance mean?") == "Fine."
        assert [alert.what for alert in rig.alerts] == ["account one/a"]


async def test_no_private_question_is_in_the_log() -> None:
    secret = "Shall we fire Bob from the Lisbon office next week?"
    async with at_rig(TWO) as rig:
        replies = [echoing(status) for status in (400, 401, 404, 422, 429, 500)]
        page = Status(200, f"<html>{secret}</html>")
        with structlog.testing.capture_logs() as logs:
            for reply in (*replies, page, Status(400, secret), Raw((f"data: {secret}\n\n".encode(),))):
                rig.one.default = rig.two.default = reply
                await ask(rig, secret)
        assert logs
        assert not any("lisbon" in str(line).lower() for line in logs if line["log_level"] != "debug")


async def test_a_missing_model_is_asked_for_once_and_its_endpoint_is_not_broken() -> None:
    async with at_rig(MODELS) as rig:
        rig.one.default = lambda body: (
            Status(404, {"error": {"code": "not_found_error", "message": f"model: {body['model']}"}})
            if body["model"] == "gpt-9"
            else FINE
        )
        assert await rig.ask() == "Fine."
        assert rig.asked() == ["a gpt-9", "c gpt-9-c"]
        assert await rig.ask("small") == "Fine."
        assert rig.asked() == ["a small"]


@pytest.mark.parametrize(
    "reply", [Status(424, {"error": "CUDA out of memory"}), Status(407), Refused()], ids=str
)
async def test_another_endpoint_is_asked_for_what_is_not_our_mistake(reply: Reply) -> None:
    async with at_rig(TWO) as rig:
        rig.says("a", reply)
        assert await rig.ask() == "Fine."
        assert rig.alerts == []


async def test_a_proxy_that_wants_to_know_who_we_are_is_told_as_the_way_there() -> None:
    async with at_rig(ALONE) as rig:
        rig.says("a", Status(407, "", (("Proxy-Authenticate", "Basic realm=x"),)))
        assert "can't reach" in await ask(rig, "Hi")
        assert rig.asked() == ["a large"]
        assert [alert.what for alert in rig.alerts] == ["endpoint one"]


async def test_the_alert_for_an_unreachable_endpoint_comes_with_the_question_that_failed() -> None:
    async with at_rig(TWO) as rig:
        await rig.one.stop()
        assert await rig.ask() == "Fine."
        assert rig.alerts == [], "that question was answered"
        rig.says("c", Status(402))
        assert await rig.ask() == "no_money"
        await asyncio.sleep(0)
        assert {alert.what for alert in rig.alerts} == {"account two/c", "endpoint one"}


WINDOW = 8_000


class Window:
    """Refuses what is longer than its window, which has room for as many messages as it has thousands of tokens."""

    def __init__(self, refusal: Any, window: int = WINDOW) -> None:
        self.refusal, self.window = refusal, window

    def __call__(self, body: Body) -> Reply:
        tokens = count_said(body) * 1000
        if tokens <= self.window:
            return FINE
        return self.refusal(tokens, self.window)  # type: ignore[no-any-return]


def anthropic(t: int, w: int) -> Reply:
    return Status(400, {"error": {"message": f"prompt is too long: {t} tokens > {w} maximum"}})


def llamacpp(t: int, w: int) -> Reply:
    message = f"request ({t} tokens) exceeds the available context size ({w} tokens), try increasing it"
    error = {"message": message, "type": "exceed_context_size_error", "n_prompt_tokens": t, "n_ctx": w}
    return Status(400, {"error": error})


def qwen(t: int, w: int) -> Reply:
    return Status(400, {"error": {"message": f"Range of input length should be [1, {w}]"}})


def thousands(t: int, w: int) -> Reply:
    return Status(400, {"error": {"message": f"Context window exceeded: {t // 1000}k / {w // 1000}k tokens"}})


def unnamed(t: int, w: int) -> Reply:
    return Status(
        413, {"error": {"message": f"prompt too long; exceeded max context length by {t - w} tokens"}}
    )


def plan(t: int, w: int, status: int = 429) -> Reply:
    message = f"Request too large for gpt-9 on tokens per min (TPM): Limit {w}, Requested {t}."
    return Status(status, {"error": {"message": message, "type": "tokens", "code": "rate_limit_exceeded"}})


def plan_413(t: int, w: int) -> Reply:
    return plan(t, w, 413)


@pytest.mark.parametrize("refusal", [anthropic, llamacpp, qwen, thousands, plan, plan_413])
async def test_a_limit_that_the_refusal_names_is_kept_to_from_then_on(refusal: Any) -> None:
    async with at_rig(THREADS) as rig:
        rig.one.default = Window(refusal)
        for _ in range(3):
            assert await long_question(rig) == "Fine."
        first, second, *later = lengths(rig)
        assert (first, later) == (32, [8, 8])
        assert 6 <= second <= 8
        await rig.clock.sleep(LEARNT_S)
        await long_question(rig)
        assert lengths(rig)[4] == 32, "it may have been raised"


async def test_a_limit_that_is_not_named_is_approached_by_half_once() -> None:
    async with at_rig(THREADS) as rig:
        rig.one.default = Window(unnamed, 16_000)
        assert await long_question(rig) == "Fine."
        assert lengths(rig) == [32, 16]


async def test_a_refusal_that_counts_otherwise_than_we_do_is_believed() -> None:
    def counting(body: Body) -> Reply:
        tokens = count_said(body) * 2_500  # where we think of a thousand
        return FINE if tokens <= 20_000 else anthropic(tokens, 20_000)

    async with at_rig(THREADS) as rig:
        rig.one.default = counting
        assert await long_question(rig) == "Fine."
        assert lengths(rig) == [32, 7]


@pytest.mark.parametrize("refusal", [plan, plan_413])
async def test_one_question_larger_than_the_plan_goes_to_another_endpoint_at_once(refusal: Any) -> None:
    async with at_rig(TWO) as rig:
        rig.one.default = Window(refusal, 600)
        assert await long_question(rig, count=1) == "Fine."
        assert rig.asked() == ["a gpt-9", "c gpt-9-c"]
        assert rig.alerts == []


async def test_a_person_cannot_make_the_window_small_by_words() -> None:
    async with at_rig(THREADS) as rig:
        rig.one.default = echoing(400)
        question = "prompt is too long: 9000 tokens > 1000 maximum, this model's maximum context length is 1000"
        messages = (*long_thread(), text_message("user", question))
        with pytest.raises(ModelError):
            [delta async for delta in rig.pool.stream(Request(messages, "large", max_tokens=1))]
        rig.one.default = FINE
        rig.asked()
        await long_question(rig)
        assert lengths(rig) == [32]


SIZE = {"message": "Request exceeds the maximum size", "code": "request_too_large"}


@pytest.mark.parametrize(
    "refusal",
    [plan(9000, 8000), plan(9000, 8000, 413), Status(413, {"error": SIZE}), qwen(9000, 8000), TOO_LONG],
    ids=["plan", "plan 413", "size", "limit alone", "nothing"],
)
async def test_an_endpoint_that_refuses_every_size_is_asked_once_from_the_second_question_on(
    refusal: Reply,
) -> None:
    async with at_rig(THREADS) as rig:
        rig.says("a", refusal)
        for _ in range(4):
            assert await long_question(rig) in ("too_large", "context_overflow")
        first, second, *later = lengths(rig)
        assert second < first
        assert len(later) == 3
        rig.says("a", FINE)
        assert await long_question(rig) == "Fine."


async def test_a_limit_that_is_counted_otherwise_without_numbers_is_met_by_the_next_question() -> None:
    def counting(body: Body) -> Reply:
        return FINE if count_said(body) * 1_500 <= 8_000 else qwen(0, 8_000)

    async with at_rig(THREADS) as rig:
        rig.one.default = counting
        assert await long_question(rig) == "context_overflow"
        assert await long_question(rig) == "Fine."
        assert lengths(rig) == [32, 8, 4]


async def test_one_long_question_does_not_make_the_window_smaller_for_others() -> None:
    async with at_rig(THREADS) as rig:
        rig.one.default = qwen(9_000, 8_000)
        for _ in range(5):
            await long_question(rig, count=1)
        rig.one.default = FINE
        rig.asked()
        await long_question(rig)
        assert lengths(rig) == [8]


async def test_limits_of_many_models_are_not_kept_for_ever() -> None:
    async with at_rig(THREADS) as rig:
        rig.one.default = Window(anthropic)
        names = ["".join(random.Random(n).choices(string.ascii_lowercase, k=8)) for n in range(5)]
        for name in names:
            await long_question(rig, model=name)
        assert len(rig.pool._windows._learned) == 5
