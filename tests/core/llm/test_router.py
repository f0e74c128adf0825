"""The retry loop with one account and one model, against the fake endpoint on a fake clock."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
import structlog
from pydantic import SecretStr

from core.clock import Clock, SystemClock
from core.errors import Code, ModelError
from core.i18n import advise
from core.llm import create_model
from core.llm.catalog import Account, ModelCatalog, Route, environment_to_catalog
from core.llm.client import CompletionsClient
from core.llm.deadline import Deadline
from core.llm.response_reader import ReadTimeouts
from core.llm.retry_policy import RetryBudget
from core.llm.router import ModelRouter
from core.operators.alerts import OperatorAlerts
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.values.conversation import text_message
from core.values.deltas import Delta, Ended, ModelInfo, ModelSelected, Thinking
from core.values.parts import Text
from core.values.prices import Prices
from tests.fakes.clock import FakeClock
from tests.fakes.completions import (
    QUIRKS,
    STATUSES,
    FakeCompletions,
    Raw,
    Refused,
    Reply,
    Status,
    Words,
    closed_port_url,
)
from tests.fakes.completions.replies import chunk, event
from tests.waiting import HANG_S

ASK = Request((text_message("user", "Hi"),), "test-model")
FINE = Words("Fine.")
EMPTY = Words("")


CARD = ModelInfo("test-model")
ROUTE = Route(Account("one/only", "one", "http://one/v1", SecretStr("sk-test")), CARD, CARD.name)


def pool(
    fake_url: str, clock: Clock, limit_s: float = 60, client: CompletionsClient | None = None
) -> ModelRouter:
    """One account with one model, as the environment gives it."""
    client = client or CompletionsClient(fake_url, "sk-test", SystemClock())
    catalog, clients = ModelCatalog(CARD, (ROUTE,)), {ROUTE.account.name: client}
    return ModelRouter(catalog, clients, clock, OperatorAlerts(clock), RetryBudget(4, limit_s), lambda: 0.0)


async def ask(
    fake: FakeCompletions, clock: FakeClock, limit_s: float = 60
) -> tuple[list[Delta], ModelError | None]:
    """The answer and the error; `clock` is that of the retry loop, the timers on the wire are real."""
    model = pool(fake.base_url, clock, limit_s)
    deltas: list[Delta] = []
    try:
        async for delta in model.stream(ASK):
            if not isinstance(delta, ModelSelected):
                deltas.append(delta)  # noqa: PERF401
    except ModelError as error:
        return deltas, error
    finally:
        await model.close()
    return deltas, None


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def hurried() -> FakeClock:
    """Waits take no time, only `slept_s` shows them."""
    return FakeClock(jumps=True)


FAILED_BEFORE_A_WORD: dict[str, Reply] = {
    "refused": Refused(),
    "empty": EMPTY,
    "error first": QUIRKS["firsterr_litellm"].reply,
    "cut first": QUIRKS["cut_before_first_event"].reply,
    "cut while thinking": QUIRKS["reasoning_then_cut"].reply,
    "garbled": QUIRKS["garbled200"].reply,
    "error 200": QUIRKS["err200"].reply,
}


async def test_only_models_with_a_known_price_are_asked_where_a_request_demands_it() -> None:
    known = ModelInfo("known", prices=(Prices(input=Decimal(1), output=Decimal(1)),))
    routes = tuple(Route(ROUTE.account, one, one.name) for one in (known, ModelInfo("unknown")))
    down = Status(503, {"error": {"message": "overloaded"}})
    async with FakeCompletions(default=lambda body: FINE if body["model"] == "unknown" else down) as fake:
        client, clock = CompletionsClient(fake.base_url, "sk-test", SystemClock()), hurried()
        catalog, clients = ModelCatalog(known, routes), {ROUTE.account.name: client}
        model = ModelRouter(catalog, clients, clock, OperatorAlerts(clock), RetryBudget(4, 60), lambda: 0.0)
        asked = replace(ASK, model="known")
        assert text_of([delta async for delta in model.stream(asked)]) == "Fine."
        before = len(fake.requests)
        with pytest.raises(ModelError) as failed:
            async for _ in model.stream(replace(asked, priced=True)):
                pass
        assert failed.value.code is Code.SERVER_ERROR
        assert {request.body["model"] for request in fake.requests[before:]} == {"known"}
        await model.close()


async def test_time_that_the_caller_waits_before_a_model_is_asked_is_no_time_of_its_tries() -> None:
    async with FakeCompletions(default=FINE) as fake:
        fake.script(Status(503, {"error": {"message": "overloaded"}}))
        clock = hurried()
        model = pool(fake.base_url, clock)
        deltas: list[Delta] = []
        async for delta in model.stream(ASK):
            deltas.append(delta)
            if isinstance(delta, ModelSelected):
                await clock.sleep(100)
        await model.close()
    assert text_of(deltas) == "Fine."


@pytest.mark.parametrize("name", FAILED_BEFORE_A_WORD)
async def test_what_failed_before_the_first_word_is_asked_again(name: str) -> None:
    async with FakeCompletions(default=FINE) as fake:
        fake.script(FAILED_BEFORE_A_WORD[name])
        deltas, error = await ask(fake, hurried())
        assert len(fake.requests) == 2
    assert error is None
    assert text_of(deltas) == "Fine."
    assert isinstance(deltas[-1], Ended)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("cut", Code.CUT),
        ("done_without_finish", Code.CUT),
        ("miderr_vllm_then_done", Code.ERROR_IN_STREAM),
        ("finish_network_error", Code.ERROR_IN_STREAM),
        ("garbled_event", Code.CUT),
    ],
)
async def test_words_stand_and_are_never_asked_for_twice(name: str, code: Code) -> None:
    async with FakeCompletions(default=QUIRKS[name].reply) as fake:
        deltas, error = await ask(fake, hurried())
        assert len(fake.requests) == 1
    assert text_of(deltas) == "Grüße, 世"
    assert error is not None
    assert error.code is code


async def test_cause_of_a_break_is_the_operators_alone() -> None:
    money = event({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})
    async with FakeCompletions(default=Raw((event(chunk({"content": "One"})), money))) as fake:
        with structlog.testing.capture_logs() as logs:
            _, error = await ask(fake, hurried())
    assert error is not None
    assert error.code is Code.ERROR_IN_STREAM
    alert, line = sorted(logs, key=lambda line: str(line["log_level"]))
    assert alert["event"] == "alert_raised"
    assert line["code"] == "no_money"
    assert line["advice"] == advise(Code.NO_MONEY, "en", ROUTE.places)
    assert line["ref"] == error.ref


async def test_each_try_is_logged_once() -> None:
    async with FakeCompletions(default=Status(503, {"error": {"message": "boom"}})) as fake:
        with structlog.testing.capture_logs() as logs:
            _, error = await ask(fake, hurried())
        assert len(fake.requests) == 3
    assert error is not None
    assert [(line["attempt"], line["wait_s"]) for line in logs] == [(1, 0.5), (2, 1.0), (3, None)]
    assert {line["log_level"] for line in logs} == {"warning"}
    assert logs[-1]["ref"] == error.ref
    assert logs[-1]["detail"] == "boom"
    assert logs[-1]["status"] == 503


async def test_empty_answer_is_asked_again_once() -> None:
    async with FakeCompletions(default=EMPTY) as fake:
        _, error = await ask(fake, hurried())
        assert len(fake.requests) == 2
    assert error is not None
    assert error.code is Code.EMPTY


async def test_calls_of_tools_that_nobody_offered_are_no_answer() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    calls = event(chunk({"tool_calls": [call]}, "tool_calls"))
    async with FakeCompletions(default=FINE) as fake:
        fake.script(Raw((calls,)))
        deltas, error = await ask(fake, hurried())
        assert (text_of(deltas), error, len(fake.requests)) == ("Fine.", None, 2)
        fake.script(Raw((event(chunk({"content": "One"})), calls)))
        deltas, error = await ask(fake, hurried())
        assert (text_of(deltas), error, len(fake.requests)) == ("One", None, 3)


async def test_wait_is_the_endpoints_own_where_it_names_one() -> None:
    async with FakeCompletions(default=FINE) as fake:
        fake.script(Status(429, "", (("Retry-After", "7"),)), Status(503))
        deltas, _ = await ask(fake, clock := hurried())
    assert text_of(deltas) == "Fine."
    assert clock.slept_s == [7.0, 1.0]


async def test_wait_beyond_the_limit_is_told_at_once() -> None:
    async with FakeCompletions(default=STATUSES["rate_far_off"].reply) as fake:
        _, error = await ask(fake, clock := hurried())
        assert len(fake.requests) == 1
    assert error is not None
    assert error.retry_after_s == 3600
    assert clock.slept_s == []


async def test_thinking_is_no_word() -> None:
    async with FakeCompletions(default=FINE) as fake:
        fake.script(QUIRKS["reasoning_then_cut"].reply)
        deltas, _ = await ask(fake, hurried())
    assert isinstance(deltas[0], Thinking)
    assert text_of(deltas) == "Fine."


async def test_endpoint_that_is_away_for_a_moment_is_asked_again() -> None:
    fake = FakeCompletions(default=FINE)
    await fake.start()
    await fake.stop()

    class Returning(FakeClock):
        async def sleep(self, seconds: float) -> None:
            if not self.slept_s:
                await fake.start()
            await super().sleep(seconds)

    deltas, error = await ask(fake, Returning(jumps=True))
    await fake.stop()
    assert error is None
    assert text_of(deltas) == "Fine."


async def test_stalls_are_measured_by_the_injected_clock() -> None:
    clock = FakeClock()
    asked = asyncio.Event()

    def fall_silent(_: object) -> Reply:
        asked.set()
        return Raw((event(chunk({"role": "assistant", "content": ""})),), end="hang")

    async with FakeCompletions(default=fall_silent) as fake:
        model = pool(fake.base_url, clock, client=CompletionsClient(fake.base_url, "sk-test", clock))

        async def asking() -> None:
            async for _ in model.stream(ASK):
                pass

        task = asyncio.create_task(asking())
        await asked.wait()
        await clock.advance(44.9)
        assert not task.done()
        await clock.advance(0.2)
        with pytest.raises(ModelError) as caught:
            await asyncio.wait_for(task, HANG_S)
        await model.close()
        assert len(fake.requests) == 1
    assert caught.value.code is Code.STALLED
    assert caught.value.detail == "no first word in 45 s"


async def test_stall_while_thinking_is_asked_again() -> None:
    thinking = Raw((event(chunk({"reasoning_content": "Hm"})), b": PING\n\n"), end="hang")
    async with FakeCompletions(default=FINE) as fake:
        fake.script(thinking)
        patience = ReadTimeouts(gap_s=0.1)
        client = CompletionsClient(fake.base_url, "sk-test", SystemClock(), patience)
        model = pool(fake.base_url, SystemClock(), client=client)
        with structlog.testing.capture_logs() as logs:
            deltas = [delta async for delta in model.stream(ASK)]
        await model.close()
    assert text_of(deltas) == "Fine."
    assert [(line["code"], line["detail"]) for line in logs] == [
        ("stalled", "no word for 0.1 s, 1 keep-alives")
    ]


async def test_model_is_made_from_the_settings() -> None:
    async with FakeCompletions(default=FINE) as fake:
        settings = CoreSettings(openai_base_url=fake.base_url + "/", openai_api_key="sk-test", parley_gap_s=1)
        model = create_model(
            settings, environment_to_catalog(settings), SystemClock(), OperatorAlerts(SystemClock())
        )
        assert text_of([delta async for delta in model.stream(ASK)]) == "Fine."
        await model.close()


TALK = Raw((0.02, event(chunk({"content": "and "}))) * 50, end="hang")
STALL = Raw((event(chunk({"content": "One"})),), end="hang")


@pytest.mark.parametrize(
    ("reply", "setting", "value", "requests", "detail"),
    [
        (Status(502, "boom"), "parley_retry_tries", 2, 2, "boom"),
        (Status(502, "boom"), "parley_retry_limit_s", 0, 1, "boom"),
        (QUIRKS["stall_before_head"].reply, "parley_first_word_s", 1, 1, "no first word in 1 s"),
        (STALL, "parley_gap_s", 0.05, 1, "no word for 0.05 s"),
        (TALK, "parley_total_s", 1, 1, "not whole after 1 s"),
    ],
)
async def test_tries_seconds_and_clocks_are_settings(
    reply: Reply, setting: str, value: float, requests: int, detail: str
) -> None:
    async with FakeCompletions(default=reply) as fake:
        settings = CoreSettings(
            openai_base_url=fake.base_url, openai_api_key="sk-test", openai_model="test-model"
        )
        settings = settings.model_copy(update={setting: value})
        model = create_model(
            settings, environment_to_catalog(settings), SystemClock(), OperatorAlerts(SystemClock())
        )
        with pytest.raises(ModelError) as caught:
            [delta async for delta in model.stream(ASK)]
        await model.close()
        assert len(fake.requests) == requests
    assert caught.value.detail == detail


async def test_unreachable_endpoint_is_told_within_the_limit() -> None:
    clock = hurried()
    model = pool(closed_port_url(), clock, 1.0)
    with pytest.raises(ModelError) as caught:
        [delta async for delta in model.stream(ASK)]
    await model.close()
    assert caught.value.code is Code.UNREACHABLE
    assert clock.slept_s == [0.5]


async def test_alarm_leaves_a_cancellation_from_outside_alone() -> None:
    clock = FakeClock()

    async def waiting() -> None:
        async with Deadline(clock) as alarm:
            alarm.due = 10
            await alarm.wait(asyncio.Event().wait())

    task = asyncio.create_task(waiting())
    await clock.advance(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_alarm_can_be_moved_on_and_rings_again() -> None:
    clock = FakeClock()
    rang_at = []

    async def waiting() -> None:
        async with Deadline(clock) as alarm:
            alarm.due = 5
            assert await alarm.wait(asyncio.sleep(0, "in time")) == "in time"
            for due in (10, 30, 20):
                alarm.due = due
                try:
                    await alarm.wait(asyncio.Event().wait())
                except TimeoutError:
                    rang_at.append(clock.monotonic())
        here = asyncio.current_task()
        assert here is not None
        assert not here.cancelling()

    task = asyncio.create_task(waiting())
    await clock.advance(60)
    await task
    assert rang_at == [10, 30, 30]


async def test_alarm_that_rings_in_a_cancellation_from_outside_gives_way() -> None:
    clock = FakeClock()

    async def cancelled_meanwhile() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            task.cancel()

    raised: list[type[BaseException]] = []

    async def waiting() -> None:
        async with Deadline(clock) as alarm:
            alarm.due = 10
            try:
                await alarm.wait(cancelled_meanwhile())
            except BaseException as error:
                raised.append(type(error))
                raise

    task = asyncio.create_task(waiting())
    await clock.advance(10)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert raised == [asyncio.CancelledError]
