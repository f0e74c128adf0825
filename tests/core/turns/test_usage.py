"""The usage of a question: that of every try, and nothing for refused ones. Real client, fake endpoint."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
import structlog

from core.clock import SystemClock
from core.delivery.scheduler import DeliveryScheduler
from core.llm import create_model
from core.llm.catalog import environment_to_catalog
from core.operators.alerts import OperatorAlerts
from core.platform_calls import PlatformCalls
from core.settings.environment import CoreSettings
from core.spend.usage_report import WrittenReport
from core.turns.checkpoints import Checkpoints
from core.turns.runner import TurnRunner
from core.turns.running import RunningTurns
from core.turns.shown_answers import Channel
from core.values.conversation import Ask
from core.values.deltas import Usage
from core.values.places import Person, Place
from core.values.tasks import ReportUsage
from core.values.turn_ends import Finish
from tests.fakes.completions import FakeCompletions, Raw, Reply, Status, Words
from tests.fakes.completions.replies import DONE, chunk, event, usage_chunk
from tests.fakes.files import plain_files
from tests.fakes.memory import MemoryStore
from tests.fakes.platform import MemoryPlatform
from tests.waiting import HANG_S

PLACE = Place("slack", "T1", "C1", "1.0", direct=True)
COUNT = {"prompt_tokens": 36_000, "completion_tokens": 0}
EMPTY = Raw((event(chunk({}, "stop")), event(usage_chunk(COUNT)), DONE))
WHOLE = Raw(
    (
        event(chunk({"content": "Fine."}, "stop")),
        event(usage_chunk({"prompt_tokens": 36_000, "completion_tokens": 24})),
        DONE,
    )
)
CUT = Raw((event(chunk({"content": "Half an answer"})),), end="cut")
NOTHING = Usage(cost_micros=0)


class NoReports:
    async def report(self, task: ReportUsage, place: Place) -> WrittenReport:
        raise AssertionError("no report is asked for")


async def ask_once(*replies: Reply, key: str = "sk-test") -> Finish:
    """The finish of one question that is answered by `replies`, one a try; more of the last."""
    store, clock = MemoryStore(), SystemClock()
    async with FakeCompletions(default=replies[-1]) as fake:
        fake.script(*replies[:-1])
        settings = CoreSettings(
            _env_file=None,
            openai_base_url=fake.base_url,
            openai_api_key=key,
            openai_model="test-model",
            parley_price_input=1,
            parley_price_output=2,
            parley_retry_tries=2,
        )
        platform_calls = PlatformCalls(MemoryPlatform())
        scheduler, running_turns = DeliveryScheduler(platform_calls, clock), RunningTurns()
        model = create_model(settings, environment_to_catalog(settings), clock, OperatorAlerts(clock))
        runner = TurnRunner(
            store,
            model,
            lambda _: Channel(platform_calls, scheduler),
            settings,
            clock,
            NoReports(),
            Checkpoints(store, running_turns, clock),
            running_turns,
            plain_files(store, clock),
        )
        question = Ask(
            "m1", PLACE, Person("U1", "Ada"), "Why?", datetime(2026, 1, 1, tzinfo=UTC), addressed=True
        )
        turn = await store.accept(question)
        assert turn is not None
        delivering = asyncio.create_task(scheduler.run())
        try:
            await asyncio.wait_for(runner.answer(running_turns.add(turn)), HANG_S)
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await model.close()
    return store._finishes[turn.id]


@pytest.mark.parametrize(
    "refusal",
    [
        Status(401, {"error": {"message": "no"}}),
        Status(500, "down"),
        Raw((), status=0, framing="verbatim", end="reset"),
    ],
    ids=["401", "500", "reset"],
)
async def test_a_question_that_was_refused_costs_nothing(refusal: Reply) -> None:
    finish = await ask_once(refusal)
    assert finish.error
    assert finish.usage == NOTHING


async def test_an_empty_answer_costs_what_the_endpoint_counted_of_each_try() -> None:
    finish = await ask_once(EMPTY)
    assert finish.error
    assert finish.usage == Usage(72_000, 0, cost_micros=72_000)


async def test_both_tries_count_and_neither_is_taken_for_the_size_of_the_thread() -> None:
    finish = await ask_once(EMPTY, WHOLE)
    assert not finish.error
    assert finish.usage == Usage(72_000, 24, cost_micros=72_048)
    assert finish.estimate_tokens is None


async def test_a_refused_try_adds_nothing_to_the_answer_after_it() -> None:
    finish = await ask_once(Status(500, "down"), WHOLE)
    assert finish.usage == Usage(36_000, 24, cost_micros=36_048)
    assert finish.estimate_tokens


async def test_the_cost_that_a_gateway_reports_counts() -> None:
    count = {"prompt_tokens": 36_000, "completion_tokens": 24, "cost": 0.00014}
    finish = await ask_once(Raw((event(chunk({"content": "Fine."}, "stop")), event(usage_chunk(count)), DONE)))
    assert finish.usage == Usage(36_000, 24, cost_micros=140)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (WHOLE, {"tokens_out": 24, "cost": 0.036048, "outcome": "done", "code": "", "rounds": 1}),
        (
            EMPTY,
            {
                "tokens_in": 72_000,
                "tokens_out": 0,
                "cost": 0.072,
                "outcome": "failed",
                "code": "empty",
                "rounds": 0,
            },
        ),
    ],
    ids=["whole", "empty"],
)
async def test_one_log_line_says_who_asked_where_and_what_the_answer_took(
    reply: Reply, outcome: dict[str, object]
) -> None:
    with structlog.testing.capture_logs() as logs:
        finish = await ask_once(reply)
    (line,) = [line for line in logs if line["event"] == "answer_finished"]
    first_word_s, total_s = line.pop("first_word_s"), line.pop("total_s")
    assert line == {
        "event": "answer_finished",
        "log_level": "info",
        "asker": "U1",
        "place": PLACE.key,
        "turn": finish.turn.id,
        "model": "test-model",
        "tokens_in": 36_000,
        "tools": "",
        "ref": finish.ref,
        **outcome,
    }
    assert total_s == finish.latency_ms / 1000
    assert first_word_s is None if reply is EMPTY else 0 < first_word_s <= total_s + 0.001


async def test_an_answer_that_broke_off_is_estimated() -> None:
    finish = await ask_once(CUT)
    assert finish.error
    assert finish.usage is not None
    assert finish.usage.estimated
    assert finish.usage.prompt_tokens > 0
    assert finish.usage.completion_tokens > 0


async def test_a_whole_answer_that_nobody_counted_is_estimated() -> None:
    finish = await ask_once(Words("Fine.", usage=False))
    assert finish.usage is not None
    assert finish.usage.estimated
