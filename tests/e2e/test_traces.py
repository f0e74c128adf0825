"""Traces: one of each question, from its event to the last edit of its answer, as a collector receives them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from tests.e2e.conftest import BOTH_WAYS, model_settings, slack_settings
from tests.e2e.program import Program
from tests.e2e.test_slack import AT, answered
from tests.fakes.collector import FakeCollector, ReceivedSpan
from tests.fakes.completions import FakeCompletions, Status, Words, call_tools, hashed
from tests.fakes.slack import FakeSlack
from tests.waiting import until

CONSUMER, CLIENT = 5, 3


def tracing_to(collector: FakeCollector) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20of-the-collector",
        "OTEL_SERVICE_NAME": "parley-of-the-tests",
    }


def named(spans: list[ReceivedSpan], name: str) -> list[ReceivedSpan]:
    return [span for span in spans if span.name == name]


@BOTH_WAYS
async def test_a_question_is_one_trace_from_its_event_to_the_last_edit(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Status(500), Words("The secret answer.", per_s=20))
    settings = slack_settings(slack) | model_settings(endpoint)
    async with FakeCollector() as collector:
        async with Program(tmp_path, **settings, **tracing_to(collector)) as program:
            assert f"traces   to {collector.url}" in program.output
            ts = await slack.say("U1", "C1", f"{AT} the secret question?")
            await answered(slack, "C1", ts, "The secret answer.")
            await slack.say("U1", "C1", "nothing for the bot")
            await until(lambda: "answer_finished" in program.output)
        spans = collector.spans
    (root,) = named(spans, "question")
    assert {span.trace for span in spans} == {root.trace}, "what is no question has no trace"
    assert (root.kind, root.parent, root.error) == (CONSUMER, "", False)
    assert root.attributes["gen_ai.conversation.id"] == f"slack/T1/C1/{ts}"
    assert (root.attributes["parley.turn"], root.attributes["parley.outcome"]) == (1, "done")
    ids = {span.id for span in spans}
    assert all(span.parent in ids for span in spans if span is not root)

    (inbound,), (queue,), (prompt,), (finish,) = (
        named(spans, name) for name in ("inbound", "queue", "prompt", "finish")
    )
    assert inbound.began_ns == root.began_ns
    assert inbound.ended_ns <= queue.ended_ns <= prompt.began_ns <= finish.began_ns <= root.ended_ns
    failed, chat = named(spans, "chat GPT-5.5")
    assert (failed.error, failed.attributes["error.type"]) == (True, "server_error")
    assert (chat.error, chat.kind) == (False, CLIENT)
    assert chat.attributes["gen_ai.operation.name"] == "chat"
    assert chat.attributes["gen_ai.request.model"] == "GPT-5.5"
    assert chat.attributes["gen_ai.usage.output_tokens"] > 0
    assert chat.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert 0 < chat.attributes["gen_ai.response.time_to_first_chunk"] < 30

    calls = [span for span in spans if span.attributes.get("parley.method") == "perform"]
    edits = len([call for call in slack.calls if call.method.startswith("chat.") and call.outcome == "ok"])
    assert len(calls) == edits, "each call of the platform, the last edit too"
    assert {span.parent for span in calls} == {root.id}
    assert max(span.ended_ns for span in calls) <= root.ended_ns

    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    assert {name for span in spans for name in span.attributes if name.startswith("gen_ai.")} <= known
    assert collector.resource["service.name"] == "parley-of-the-tests"
    assert all(sent["authorization"] == "Bearer of-the-collector" for sent in collector.headers)
    assert not any(b"secret" in body for body in collector.bodies), "no word of a message"


async def test_calls_of_tools_and_further_rounds_are_in_the_trace(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.reply_by(call_tools([("current_time", {})]))
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_BUILTIN_TOOLS": "true"}
    async with FakeCollector() as collector:
        async with Program(tmp_path, **settings, **tracing_to(collector)) as program:
            await slack.say("U1", "C1", f"{AT} what time is it?")
            await until(lambda: "answer_finished" in program.output)
        spans = collector.spans
    (tool,) = (span for span in spans if span.name.startswith("execute_tool "))
    assert tool.attributes["gen_ai.operation.name"] == "execute_tool"
    assert len(named(spans, "chat GPT-5.5")) == 2
    assert len({span.trace for span in spans}) == 1


async def test_the_vector_of_a_question_is_asked_for_within_its_trace(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.embeddings = hashed
    settings = slack_settings(slack) | model_settings(endpoint) | {"PARLEY_EMBEDDING_MODEL": "small"}
    async with FakeCollector() as collector:
        async with Program(tmp_path, **settings, **tracing_to(collector)) as program:
            await slack.say("U1", "C1", f"{AT} how many vectors?")
            await until(lambda: "answer_finished" in program.output)
        (vector,) = named(collector.spans, "embeddings small")
        (looking,) = named(collector.spans, "earlier_answers")
    assert (vector.trace, vector.parent) == (looking.trace, looking.id)
    assert vector.attributes["gen_ai.operation.name"] == "embeddings"
    assert vector.attributes["gen_ai.usage.input_tokens"] > 0
    port = int(endpoint.base_url.split(":")[2].split("/")[0])
    assert (vector.attributes["server.address"], vector.attributes["server.port"]) == ("127.0.0.1", port)


async def test_two_questions_of_one_thread_are_two_traces_and_a_failure_is_one_too(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    endpoint.script(Words("One."))
    endpoint.default = Status(402, "{}")
    settings = slack_settings(slack) | model_settings(endpoint)
    async with FakeCollector() as collector:
        async with Program(tmp_path, **settings, **tracing_to(collector)) as program:
            ts = await slack.say("U1", "C1", f"{AT} one?")
            await answered(slack, "C1", ts, "One.")
            await slack.say("U1", "C1", "two?", thread_ts=ts)
            await until(lambda: program.output.count("answer_finished") == 2)
        first, second = named(collector.spans, "question")
    assert first.trace != second.trace
    assert (first.error, second.error) == (False, True)
    assert second.attributes["error.type"] == "no_money"


async def test_a_collector_that_is_away_costs_nobody_an_answer(
    tmp_path: Path, slack: FakeSlack, endpoint: FakeCompletions
) -> None:
    settings = slack_settings(slack) | model_settings(endpoint)
    async with FakeCollector() as collector:
        collector.status = 400
        settings |= tracing_to(collector) | {"OTEL_BSP_SCHEDULE_DELAY": "50"}
        async with Program(tmp_path, **settings) as program:
            ts = await slack.say("U1", "C1", f"{AT} anybody?")
            await answered(slack, "C1", ts, "anybody?")
            await until(lambda: "traces_not_sent" in program.output)
            collector.status = 200
            await slack.say("U1", "C1", "and now?", thread_ts=ts)
            await until(lambda: "traces_sent_again" in program.output)
    assert program.output.count("traces_not_sent") == 1
    assert all(word not in program.output for word in ("of-the-collector", "export", "http error"))
