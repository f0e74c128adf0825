"""Several accounts and models: who is asked when somebody fails, against fake endpoints on a fake clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
import structlog

from core.clock import SystemClock
from core.errors import ModelError
from core.llm import create_model
from core.llm.catalog import toml_to_catalog
from core.llm.errors import from_exception
from core.llm.retry_policy import BREAK_S, PROBE_S
from core.llm.router import ModelRouter, routes_for
from core.operators.alerts import AGAIN_S, OperatorAlerts
from core.operators.metrics import Metrics
from core.ports.model import Request
from core.settings.environment import CoreSettings
from core.values.conversation import Message, text_message
from core.values.deltas import Delta, ModelSelected
from core.values.parts import Image, Text
from core.values.tasks import Alert
from tests.fakes.clock import FakeClock
from tests.fakes.completions import STATUSES, FakeCompletions, Raw, Refused, Reply, Status, Words
from tests.fakes.completions.replies import chunk, event

FINE = Words("Fine.")
NO_MONEY = Status(402, {"error": {"message": "Insufficient Balance"}})
NO_MODEL = Status(404, {"error": {"message": "no such model", "code": "model_not_found"}})
BROKEN = Status(502, "bad gateway")
LATER = Status(429, {"error": {"message": "slow down"}}, (("Retry-After", "3600"),))
SOON = Status(429, {"error": {"message": "slow down"}}, (("Retry-After", "5"),))
NO_PLACE = Status(429, {"error": {"message": "too many at once"}})
TOO_LONG = Status(400, {"error": {"message": "Too long.", "code": "context_length_exceeded"}})
LIMIT_4096 = Status(400, {"error": {"message": "This model's maximum context length is 4096 tokens."}})
EMPTY = Words("")
ROSTER = """
models = ["large", "small", "huge"]
[endpoints.one]
base_url = "{one}"
accounts = [{{ name = "a", key = "sk-a" }}, {{ name = "b", key = "sk-b", concurrency = 2 }}]
models = {{ large = {{ context_tokens = 32_000 }}, small = {{ context_tokens = 8_000 }} }}
[endpoints.two]
base_url = "{two}"
accounts = [{{ name = "c", key = "sk-c" }}]
models = {{ huge = {{ name = "huge-2", context_tokens = 1_000_000 }} }}
"""
ALONE = """
[endpoints.one]
base_url = "{one}"
accounts = [{{ name = "a", key = "sk-a" }}]
models = {{ large = {{}} }}
"""


class Rig:
    """Endpoint `one` has the accounts a and b, `two` has c. Each says its replies in turn; the last one stays."""

    def __init__(self, one: FakeCompletions, two: FakeCompletions, catalog: str) -> None:
        self.one, self.two = one, two
        self.clock = FakeClock(jumps=True)
        self.metrics = Metrics()
        self.alerts: list[Alert] = []
        self._says: dict[str, list[Reply]] = {}
        one.default = lambda body: self._reply("ab"[one.requests[-1].account or 0])
        two.default = lambda body: self._reply("c")
        settings = CoreSettings(_env_file=None)
        accounts = toml_to_catalog(catalog.format(one=one.base_url, two=two.base_url), settings, {}, "x")
        pool = create_model(
            settings, accounts, SystemClock(), OperatorAlerts(self.clock, self.metrics.count, self.post)
        )
        assert isinstance(pool, ModelRouter)
        self.pool = pool
        pool.clock, pool.jitter = self.clock, lambda: 0.0

    async def post(self, alert: Alert) -> bool:
        self.alerts.append(alert)
        return True

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def says(self, account: str, *replies: Reply) -> None:
        self._says[account] = list(replies)

    def _reply(self, account: str) -> Reply:
        replies = self._says.get(account, [FINE])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    async def ask(self, model: str = "large", place: str = "") -> str:
        """The answer, or the code of the error."""
        text = ""
        try:
            async for delta in self.pool.stream(Request((text_message("user", "Hi"),), model, fair_key=place)):
                text += delta.text if isinstance(delta, Text) else ""
        except ModelError as error:
            return f"{text}{error.code}"
        finally:
            await asyncio.sleep(0)  # an alert is posted by a task of its own
        return text

    def asked(self) -> list[str]:
        """The accounts and models that were asked since the last call."""
        found = [("ab"[received.account or 0], received) for received in self.one.requests]
        found += [("c", received) for received in self.two.requests]
        found.sort(key=lambda pair: pair[1].at)
        self.one.requests.clear()
        self.two.requests.clear()
        return [f"{account} {received.body['model']}" for account, received in found]


@asynccontextmanager
async def at_rig(catalog: str = ROSTER) -> AsyncIterator[Rig]:
    async with FakeCompletions(keys=("sk-a", "sk-b")) as one, FakeCompletions(keys=("sk-c",)) as two:
        rig = Rig(one, two, catalog)
        yield rig
        await rig.pool.close()
        assert one.problems + two.problems == []


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with at_rig() as rig:
        yield rig


async def test_the_first_account_answers_while_it_can(rig: Rig) -> None:
    assert [await rig.ask() for _ in range(3)] == ["Fine."] * 3
    assert rig.asked() == ["a large"] * 3


@pytest.mark.parametrize(
    ("reply", "asked"),
    [
        (NO_MONEY, ["a large", "b large"]),
        (Status(401, "no"), ["a large", "b large"]),
        (Status(403, "not from there"), ["a large", "b large"]),
        (NO_MODEL, ["a large", "a small"]),
        (Status(404, "<html>nginx</html>"), ["a large", "c huge-2"]),
        (LATER, ["a large", "b large"]),
        (SOON, ["a large", "b large"]),
        (Status(500, "boom"), ["a large", "a large", "b large"]),
        (BROKEN, ["a large", "a large", "a large", "b large"]),
        (Status(504, "too late"), ["a large", "b large"]),
        (Refused(), ["a large", "a large", "b large"]),
        (EMPTY, ["a large", "a large", "a small"]),
    ],
    ids=str,
)
async def test_somebody_else_steps_in_before_the_first_word_and_nobody_notices(
    rig: Rig, reply: Reply, asked: list[str]
) -> None:
    rig.says("a", *[reply] * (len(asked) - 1), FINE)
    assert await rig.ask() == "Fine."
    assert rig.asked() == asked


async def test_words_that_came_stand_and_nobody_else_is_asked(rig: Rig) -> None:
    rig.says("a", Raw((event(chunk({"content": "One "})),), end="cut"))
    assert await rig.ask() == "One cut"
    assert rig.asked() == ["a large"]


async def test_no_key_travels_to_another_endpoint(rig: Rig) -> None:
    for account in "ab":
        rig.says(account, NO_MONEY)
    assert await rig.ask() == "Fine."
    seen = [(received.account, received.headers["authorization"]) for received in rig.one.requests]
    assert seen == [(0, "accepted"), (1, "accepted")], "each account its own"
    assert [received.headers["authorization"] for received in rig.two.requests] == ["accepted"]


async def test_a_refusal_that_nobody_understands_is_nobodys_fault(rig: Rig) -> None:
    rig.says("a", Status(400, "what?"))
    assert [await rig.ask() for _ in range(12)] == ["Fine."] * 12
    assert rig.asked() == ["a large", "b large"] * 12
    for account in "bc":
        rig.says(account, Status(418, "what?"))
    assert await rig.ask() == "bad_request"
    assert rig.asked() == ["a large", "b large", "a small", "b small"], "each once, within the tries of a turn"
    assert rig.alerts == []


async def test_a_used_up_account_is_left_alone_until_a_probe_finds_it_topped_up(rig: Rig) -> None:
    rig.says("a", NO_MONEY)
    for _ in range(3):
        assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large", "b large", "b large", "b large"]
    await rig.clock.sleep(PROBE_S)
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large", "b large"]
    rig.says("a", FINE)
    await rig.ask()
    assert rig.asked() == ["b large"]
    await rig.clock.sleep(PROBE_S)
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large"]


async def test_where_all_are_out_each_is_tried_once_and_what_was_topped_up_answers_at_once(rig: Rig) -> None:
    for account in "abc":
        rig.says(account, NO_MONEY)
    for _ in range(2):
        assert await rig.ask() == "no_money"
        assert rig.asked() == ["a large", "b large", "c huge-2"]
    rig.says("b", FINE)
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large", "b large"]
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["b large"]


async def test_a_single_account_is_asked_once_by_each_question_while_it_is_out() -> None:
    async with at_rig(ALONE) as rig:
        for reply, code in ((NO_MONEY, "no_money"), (LATER, "rate_limited"), (NO_MODEL, "no_model")):
            rig.says("a", reply)
            assert [await rig.ask() for _ in range(2)] == [code] * 2
            assert rig.asked() == ["a large"] * 2
            rig.says("a", FINE)
            assert await rig.ask() == "Fine."
            rig.asked()


async def test_a_single_endpoint_that_keeps_failing_is_asked_once_by_each_question_until_it_fails_otherwise() -> (
    None
):
    async with at_rig(ALONE) as rig:
        rig.says("a", BROKEN)
        assert [await rig.ask() for _ in range(3)] == ["server_error"] * 3
        assert len(rig.asked()) == 3 + 3 + 1
        rig.says("a", EMPTY, FINE)
        assert await rig.ask() == "Fine."


async def test_a_short_break_is_waited_for_where_there_is_nobody_else() -> None:
    async with at_rig(ALONE) as rig:
        rig.says("a", SOON, SOON, FINE)
        assert await rig.ask() == "Fine."
        assert rig.clock.slept_s == [5, 5]


async def test_a_far_off_retry_after_is_kept_to(rig: Rig) -> None:
    rig.says("a", LATER)
    await rig.ask()
    await rig.ask()
    assert rig.asked() == ["a large", "b large", "b large"]
    assert rig.alerts == [], "it said itself when it comes back"
    rig.says("a", FINE)
    await rig.clock.sleep(3600)
    await rig.ask()
    assert rig.asked() == ["a large"]


async def test_an_endpoint_that_keeps_failing_is_left_alone_and_probed(rig: Rig) -> None:
    for account in "ab":
        rig.says(account, BROKEN)
    assert await rig.ask() == "server_error", "four tries are the most"
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large"] * 3 + ["b large"] + ["a large"] * 2 + ["c huge-2"]
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["c huge-2"]
    await rig.clock.sleep(31)
    for account in "ab":
        rig.says(account, FINE)
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large"]


async def test_a_probe_that_fails_is_followed_by_a_longer_break(rig: Rig) -> None:
    for account in "ab":
        rig.says(account, BROKEN)
    for _ in range(2):
        await rig.ask()
    await rig.clock.sleep(BREAK_S)
    rig.asked()
    for _ in range(2):
        assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large"] * 2 + ["c huge-2"] * 2
    await rig.clock.sleep(BREAK_S)
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["c huge-2"]


async def test_there_is_one_probe_though_an_older_answer_ends_beside_it(rig: Rig) -> None:
    request = Request((text_message("user", "Hi"),), "large")
    growing = Raw((event(chunk({"content": "One"})),), end="hang")
    rig.says("a", growing, NO_MONEY, growing, FINE)
    async with aclosing(rig.pool.stream(request)) as probe:
        async with aclosing(rig.pool.stream(request)) as older:
            while not isinstance(await anext(older), Text):
                pass
            await rig.ask()
            await rig.clock.sleep(PROBE_S)
            while not isinstance(await anext(probe), Text):
                pass
        assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large", "a large", "b large", "a large", "b large"]


async def test_a_missing_model_falls_back_on_the_next_one_and_the_turn_knows_which(rig: Rig) -> None:
    rig.says("a", NO_MODEL, FINE)
    request = Request((text_message("user", "Hi"),), "large")
    chosen = [
        delta.model_info.name async for delta in rig.pool.stream(request) if isinstance(delta, ModelSelected)
    ]
    assert chosen == ["large", "small"]


async def test_pictures_go_only_to_a_model_that_takes_them() -> None:
    async with at_rig(ROSTER.replace("context_tokens = 32_000", "images = false")) as rig:
        rig.says("a", NO_MODEL, FINE)
        shown = Message("user", (Text("What is it?"), Image("data:image/png;base64,aGVsbG8=")))
        assert [delta async for delta in rig.pool.stream(Request((shown,), "large"))]
        large, small = (request.body["messages"][0]["content"] for request in rig.one.requests)
    assert large == "What is it?\n\n(A picture was attached, but you cannot see it.)"
    assert [part["type"] for part in small] == ["text", "image_url"]


async def test_what_one_account_of_an_endpoint_has_learnt_the_others_know(rig: Rig) -> None:
    refused = STATUSES["stream_options_azure"].reply
    rig.says("a", refused, FINE, NO_MONEY)
    for _ in range(2):
        assert await rig.ask() == "Fine."
    sent = ["stream_options" in received.body for received in rig.one.requests]
    assert rig.asked() == ["a large", "a large", "a large", "b large"]
    assert sent == [True, False, False, False]


def test_a_model_that_nobody_wrote_down_is_asked_for_by_its_name() -> None:
    settings = CoreSettings(_env_file=None)
    catalog = toml_to_catalog(ROSTER.format(one="http://one", two="http://two"), settings, {}, "x")

    def routes(model: str) -> list[str]:
        return [f"{route.account.name} {route.model_there}" for route in routes_for(catalog, model)]

    large, small = ["one/a large", "one/b large"], ["one/a small", "one/b small"]
    assert routes("") == routes("large") == [*large, *small, "two/c huge-2"]
    assert routes("huge") == ["two/c huge-2", *large, *small]
    assert routes("new") == ["one/a new", "one/b new", *large, *small, "two/c huge-2"]


async def test_a_missing_model_is_left_alone_at_its_endpoint_and_probed(rig: Rig) -> None:
    rig.says("a", NO_MODEL, FINE)
    for _ in range(2):
        assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large", "a small", "a small"]
    await rig.clock.sleep(BREAK_S)
    assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large"]


def long_thread(count: int = 40) -> tuple[Message, ...]:
    """Messages of which a window has room for as many as it has thousands of tokens."""
    return tuple(text_message("user", str(number).ljust(3_740, "x")) for number in range(count))


async def long_question(rig: Rig, count: int = 40, model: str = "large") -> str:
    request = Request(long_thread(count), model, max_tokens=1)
    try:
        deltas = [delta async for delta in rig.pool.stream(request)]
    except ModelError as error:
        return str(error.code)
    finally:
        await asyncio.sleep(0)  # an alert is posted by a task of its own
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def lengths(rig: Rig) -> list[int]:
    return [count_said(received.body) for received in rig.one.requests + rig.two.requests]


def count_said(body: Mapping[str, Any]) -> int:
    """The messages of a request without the system's."""
    return sum(message["role"] != "system" for message in body["messages"])


async def test_a_prompt_that_is_too_long_is_trimmed_once_and_nobody_notices(rig: Rig) -> None:
    rig.says("a", TOO_LONG, FINE)
    assert await long_question(rig) == "Fine."
    assert lengths(rig) == [32, 16]


async def test_what_is_still_too_long_goes_to_the_model_with_the_larger_window(rig: Rig) -> None:
    rig.says("a", TOO_LONG)
    assert await long_question(rig) == "Fine."
    assert lengths(rig) == [32, 16, 40]
    assert rig.asked() == ["a large", "a large", "c huge-2"]


async def test_what_is_too_long_for_all_is_told(rig: Rig) -> None:
    for account in "abc":
        rig.says(account, TOO_LONG)
    assert await long_question(rig) == "context_overflow"
    assert rig.asked() == ["a large", "a large", "c huge-2", "c huge-2"]


async def test_a_window_that_the_endpoint_tells_is_remembered(rig: Rig) -> None:
    rig.says("a", LIMIT_4096, FINE)
    for _ in range(2):
        assert await long_question(rig) == "Fine."
    assert lengths(rig) == [32, 4, 4]


async def test_a_single_message_that_is_too_long_is_not_sent_twice_to_the_same(rig: Rig) -> None:
    rig.says("a", TOO_LONG)
    assert await long_question(rig, count=1) == "Fine."
    assert rig.asked() == ["a large", "c huge-2"]


async def test_a_refusal_for_want_of_places_halves_them_and_the_others_queue_fairly() -> None:
    async with at_rig(ALONE) as rig:
        rig.says("a", *[NO_PLACE] * 4, Words("slow", per_s=50))
        concurrency = rig.pool.limiters["one/a"]
        asking = [asyncio.create_task(rig.ask()) for _ in range(8)]
        await asyncio.gather(*asking)
        assert concurrency.limit.at(rig.clock.monotonic()) <= 4
        assert concurrency.inside == 0


async def test_places_take_turns_at_a_full_account() -> None:
    async with at_rig(ALONE.replace('key = "sk-a"', 'key = "sk-a", concurrency = 1')) as rig:
        rig.pool.clock = SystemClock()
        order: list[str] = []

        async def ask(place: str) -> None:
            assert await rig.ask(place=place) == "Fine."
            order.append(place)

        await asyncio.gather(*(ask(place) for place in ("busy", "busy", "busy", "busy", "calm")))
    assert order == ["busy", "busy", "calm", "busy", "busy"]


async def test_a_full_account_sends_the_next_question_to_another_before_it_queues() -> None:
    text = ROSTER.replace('key = "sk-a"', 'key = "sk-a", concurrency = 1')
    async with at_rig(text) as rig:
        rig.says("a", Raw((event(chunk({"content": "One"})),), end="hang"))
        async with aclosing(rig.pool.stream(Request((text_message("user", "Hi"),), "large"))) as first:
            while not isinstance(await anext(first), Text):
                pass
            assert await rig.ask() == "Fine."
        assert rig.asked() == ["a large", "b large"]


async def test_who_waits_for_a_place_is_answered_however_long_that_takes() -> None:
    text = ALONE.replace('key = "sk-a"', 'key = "sk-a", concurrency = 1')
    async with at_rig(text) as rig:
        rig.says("a", Raw((event(chunk({"content": "One"})),), end="hang"))
        request = Request((text_message("user", "Hi"),), "large")
        async with aclosing(rig.pool.stream(request)) as first:
            while not isinstance(await anext(first), Text):
                pass
            waiting = asyncio.create_task(rig.ask())
            await asyncio.sleep(0)
            await rig.clock.sleep(100 * rig.pool.allowance.seconds)
            assert not waiting.done()
            rig.says("a", BROKEN, FINE)
        assert await waiting == "Fine.", "the time in the queue is not spent on trying"


@pytest.mark.parametrize("ticks", range(6))
async def test_who_is_stopped_while_being_let_in_gives_the_place_back(ticks: int) -> None:
    async with at_rig(ALONE.replace('key = "sk-a"', 'key = "sk-a", concurrency = 1')) as rig:
        rig.pool.clock = SystemClock()
        concurrency = rig.pool.limiters["one/a"]
        await concurrency.enter("another", "", 0)
        asking = asyncio.create_task(rig.ask())
        for _ in range(5):
            await asyncio.sleep(0)
        concurrency.leave("another", rig.pool.clock.monotonic())
        for _ in range(ticks):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert concurrency.inside == 0


async def test_a_stopped_answer_counts_neither_way(rig: Rig) -> None:
    rig.says("a", NO_MONEY, Words("One two three", per_s=20))
    await rig.ask()
    await rig.clock.sleep(PROBE_S)
    request = Request((text_message("user", "Hi"),), "large")
    async with aclosing(rig.pool.stream(request)) as deltas:
        async for delta in deltas:
            if isinstance(delta, Text):
                break
    assert await rig.ask() == "One two three"
    assert rig.asked() == ["a large", "b large", "a large", "a large"], "the probe was made anew"


async def test_a_probe_that_failed_for_another_reason_is_made_anew(rig: Rig) -> None:
    rig.says("a", NO_MONEY, Status(504, "late"), FINE)
    await rig.ask()
    await rig.clock.sleep(PROBE_S)
    for _ in range(2):
        assert await rig.ask() == "Fine."
    assert rig.asked() == ["a large", "b large", "a large", "b large", "a large"]


class Crowded:
    """A client whose own connection pool is full."""

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        raise from_exception(httpx.PoolTimeout(""), begun=False)
        yield Text("")

    async def close(self) -> None: ...


async def test_our_own_want_of_connections_is_no_fault_of_an_endpoint(rig: Rig) -> None:
    for client in rig.pool.clients.values():
        await client.close()
    rig.pool.clients = {name: Crowded() for name in rig.pool.clients}  # type: ignore[misc]
    for _ in range(10):
        assert await rig.ask() == "unreachable"
    assert rig.alerts == []
    assert rig.pool.breakers["endpoint one"].why is None


async def test_operators_are_told_once_per_cause_and_hour_and_when_it_is_over(rig: Rig) -> None:
    rig.says("a", NO_MONEY)
    with structlog.testing.capture_logs() as logs:
        for _ in range(4):
            await rig.ask()
            await rig.clock.sleep(PROBE_S)
        assert [alert.what for alert in rig.alerts] == ["account one/a"]
        await rig.ask()
        await asyncio.sleep(0)
        assert len(rig.alerts) == 2, "an hour has passed"
        rig.says("a", FINE)
        await rig.clock.sleep(PROBE_S)
        for _ in range(2):
            await rig.ask()
    assert [(str(alert.code), alert.over) for alert in rig.alerts] == [
        ("no_money", False),
        ("no_money", False),
        ("no_money", True),
    ]
    assert [line["event"] for line in logs if line.get("what")] == [
        *("alert_raised", "alert_posted"),
        *("alert_raised", "alert_posted"),
        *("alert_cleared", "alert_posted"),
    ]
    assert rig.counted("parley_alerts_total", what="account one/a", code="no_money") == 2
    assert rig.counted("parley_recoveries_total", what="account one/a", code="no_money") == 1
    assert rig.counted("parley_tries_total", account="one/a", model="large", outcome="answered") == 2


async def test_a_passing_failure_is_no_alert_but_an_opened_breaker_is(rig: Rig) -> None:
    rig.says("a", Refused(), FINE)
    await rig.ask()
    assert rig.alerts == []
    for account in "ab":
        rig.says(account, BROKEN)
    await rig.ask()
    await rig.ask()
    await asyncio.sleep(0)
    assert [(alert.what, str(alert.code)) for alert in rig.alerts] == [("endpoint one", "server_error")]


@pytest.mark.parametrize("headers", [(), (("Retry-After", "5"),)], ids=["silent", "asks for time"])
async def test_what_fails_for_hours_is_told_again_though_it_had_recovered(
    headers: tuple[tuple[str, str], ...],
) -> None:
    async with at_rig(ALONE) as rig:
        for reply, times in ((Status(503, "boom", headers), 3), (FINE, 1), (Status(503, "boom", headers), 30)):
            rig.says("a", reply)
            for _ in range(times):
                await rig.ask()
                await rig.clock.sleep(300)
        await asyncio.sleep(0)
        assert [alert.over for alert in rig.alerts] == [False, True, False, False]


async def test_an_endpoint_that_nobody_can_reach_is_told_by_host_and_error_with_its_first_question() -> None:
    async with at_rig(ALONE) as rig:
        await rig.one.stop()
        assert await rig.ask() == "unreachable"
        await asyncio.sleep(0)
        assert len(rig.alerts) == 1
        assert [await rig.ask() for _ in range(4)] == ["unreachable"] * 4
        await asyncio.sleep(0)
        await rig.one.start()
        assert await rig.ask() == "Fine."
        await asyncio.sleep(0)
    assert [(alert.what, alert.why, alert.over) for alert in rig.alerts] == [
        ("endpoint one", "unreachable, ConnectError", False),
        ("endpoint one", "unreachable, ConnectError", True),
    ]
    assert rig.alerts[0].places["host"] == rig.one.base_url.removeprefix("http://").removesuffix("/v1")


@pytest.mark.parametrize("arrives", [True, False])
async def test_it_is_said_that_operators_know_only_when_they_do(arrives: bool) -> None:
    async with at_rig(ALONE) as rig:
        posts: list[Alert] = []

        async def post(alert: Alert) -> bool:
            posts.append(alert)
            return arrives

        rig.pool.observer = OperatorAlerts(rig.clock, None, post)
        rig.says("a", NO_MONEY)
        told = []
        for _ in range(3):
            with pytest.raises(ModelError) as caught:
                [delta async for delta in rig.pool.stream(Request((text_message("user", "Hi"),), ""))]
            told.append(caught.value.reported)
        assert told == [False, arrives, arrives], "the first question does not wait for the post"
        assert len(posts) == 1
        rig.says("a", FINE)
        await rig.ask()
        await asyncio.sleep(0)
        assert len(posts) == 1 + arrives, "that it is over is told to those who know that it began"
        rig.says("a", NO_MONEY)
        with pytest.raises(ModelError) as caught:
            [delta async for delta in rig.pool.stream(Request((text_message("user", "Hi"),), ""))]
        assert not caught.value.reported, "what came back within the hour was not told again"
        assert rig.clock.monotonic() < AGAIN_S


async def test_a_failing_channel_of_the_operators_fails_nothing_else() -> None:
    async with at_rig(ALONE) as rig:

        async def post(alert: Alert) -> bool:
            raise RuntimeError("no such channel")

        rig.pool.observer = OperatorAlerts(rig.clock, None, post)
        rig.says("a", NO_MONEY)
        with structlog.testing.capture_logs() as logs:
            assert await rig.ask() == "no_money"
            await asyncio.sleep(0)
        assert "alert_not_posted" in [line["event"] for line in logs]
