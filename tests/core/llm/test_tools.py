"""Tools in requests, their calls in answers, and endpoints whose models take none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from core.clock import Clock, SystemClock
from core.errors import Code, ModelError
from core.llm.catalog import Account, ModelCatalog, Route
from core.llm.client import CompletionsClient
from core.llm.errors import from_response
from core.llm.opaque_fields import OpaqueFields
from core.llm.prompt_fitting import ROUNDS_LEFT_OUT, estimate_tools, fit
from core.llm.redacting_model import RedactedModel
from core.llm.request_repairs import (
    OPAQUE,
    REASONING,
    ROLES,
    SIGNATURE,
    STREAM,
    TOOL_CHOICE,
    TOOL_SCHEMA,
    TOOLS,
)
from core.llm.router import ModelRouter
from core.operators.alerts import OperatorAlerts
from core.ports.model import Request
from core.redaction import Secrets
from core.values.conversation import Message, text_message
from core.values.deltas import Delta, Ended, EndReason, ModelInfo
from core.values.parts import Image, Opaque, Text, ToolCall, ToolResult
from core.values.tools import Tool
from tests.fakes.clock import FakeClock
from tests.fakes.completions import NO_TOOLS, FakeCompletions, Raw, Status, ToolRules, Words, call_tools

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = Tool("w__weather", "Tells the weather.", json.dumps(SCHEMA))
TIME = Tool("clock", "Tells the time.", '{"type": "object"}')
ASK = Request((text_message("user", "How is it in Bern?"),), "test-model", tools=(WEATHER, TIME))
BERN = ("weather", {"city": "Bern"})


def of_kind(deltas: Sequence[Delta], *kinds: type) -> list[Any]:
    return [delta for delta in deltas if isinstance(delta, kinds)]


def text_of(deltas: Sequence[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def round_of(deltas: Sequence[Delta]) -> tuple[Message, Message]:
    """The messages of a round with calls, each of which gave "sunny"."""
    calls = of_kind(deltas, ToolCall)
    results = tuple(ToolResult(call.id, "sunny") for call in calls)
    return Message("assistant", tuple(of_kind(deltas, Text, ToolCall, Opaque))), Message("tool", results)


def behind(request: Request, *messages: Message) -> Request:
    return Request((*request.messages, *messages), request.model, tools=request.tools)


class Rig:
    """A client of the fake, with the bodies of all requests."""

    def __init__(self, fake: FakeCompletions, clock: Clock | None = None) -> None:
        self.fake = fake
        self.client = CompletionsClient(fake.base_url, "sk-test", clock or SystemClock(), endpoint="fake")

    async def ask(self, request: Request) -> list[Delta]:
        return [delta async for delta in self.client.stream(request)]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [received.body for received in self.fake.requests]


async def test_a_tool_is_offered_called_and_answered() -> None:
    async with FakeCompletions(default=call_tools([BERN, ("clock", {})], remark="One moment.")) as fake:
        rig = Rig(fake)
        first = await rig.ask(ASK)
        assert text_of(first) == "One moment."
        assert of_kind(first, ToolCall) == [
            ToolCall("call_0_0", "w__weather", '{"city": "Bern"}'),
            ToolCall("call_0_1", "clock", "{}"),
        ]
        assert of_kind(first, Ended)[0].reason is EndReason.TOOLS
        second = await rig.ask(behind(ASK, *round_of(first)))
        await rig.client.close()
    assert text_of(second) == "The tools say: sunny sunny"
    assert fake.problems == []
    assert rig.bodies[0]["tools"][0] == {
        "type": "function",
        "function": {"name": "w__weather", "description": "Tells the weather.", "parameters": SCHEMA},
    }
    assert not {"tool_choice", "parallel_tool_calls"} & rig.bodies[0].keys()


async def test_only_a_request_in_which_no_tool_may_be_called_says_so() -> None:
    async with FakeCompletions(default=call_tools([BERN])) as fake:
        rig = Rig(fake)
        last = Request(ASK.messages, ASK.model, tools=ASK.tools, may_call=False)
        assert text_of(await rig.ask(last)) == "The tools say: "
        await rig.client.close()
    assert rig.bodies[0]["tool_choice"] == "none"


async def test_without_tools_earlier_calls_are_told_in_words() -> None:
    said = (
        Message("assistant", (Text("Let me look."), ToolCall("c1", "clock", "{}"))),
        Message("tool", (ToolResult("c1", "It is noon."),)),
        Message("user", (Image("data:image/png;base64,aGk="),)),
    )
    async with FakeCompletions(default=call_tools()) as fake:
        rig = Rig(fake)
        await rig.ask(Request((*ASK.messages, *said), ASK.model))
        await rig.client.close()
    assert fake.problems == []
    assert not {"tools", "tool_choice"} & rig.bodies[0].keys()
    assert [message["role"] for message in rig.bodies[0]["messages"]] == ["user", "assistant", "user", "user"]
    assert "clock" in rig.bodies[0]["messages"][2]["content"]
    assert "It is noon." in rig.bodies[0]["messages"][2]["content"]


async def test_the_fake_refuses_results_without_calls_and_calls_without_results() -> None:
    call, result = ToolCall("c1", "clock", "{}"), ToolResult("c1", "noon")
    for wrong in (
        (Message("tool", (result,)),),
        (Message("assistant", (call,)), text_message("user", "And?")),
        (Message("assistant", (call, call)), Message("tool", (result,))),
    ):
        async with FakeCompletions() as fake:
            rig = Rig(fake)
            with pytest.raises(ModelError) as refused:
                await rig.ask(behind(ASK, *wrong))
            assert refused.value.status == 400, wrong
            await rig.client.close()
            assert fake.problems


@pytest.mark.parametrize("vendor", NO_TOOLS)
async def test_a_model_without_tools_answers_and_is_asked_without_them_for_a_day(vendor: str) -> None:
    clock, rules = FakeClock(), ToolRules(takes=False, vendor=vendor)
    async with FakeCompletions(tools=rules) as fake:
        rig = Rig(fake, clock)
        for _ in range(2):
            assert text_of(await rig.ask(ASK)) == "You said: How is it in Bern?"
        assert ["tools" in body for body in rig.bodies] == [True, False, False]
        await clock.advance(86_401)
        fake.tools = ToolRules()
        await rig.ask(ASK)
        await rig.client.close()
    assert "tools" in rig.bodies[-1]


async def test_a_model_that_takes_no_tool_choice_gets_no_tools_in_the_last_round() -> None:
    async with FakeCompletions(default=call_tools([BERN]), tools=ToolRules(choice=False)) as fake:
        rig = Rig(fake)
        last = Request(ASK.messages, ASK.model, tools=ASK.tools, may_call=False)
        assert text_of(await rig.ask(last)) == "The tools say: "
        assert of_kind(await rig.ask(ASK), ToolCall)
        await rig.client.close()
    assert [body.keys() & {"tools", "tool_choice"} for body in rig.bodies] == [
        {"tools", "tool_choice"},
        set(),
        {"tools"},
    ]


async def test_refused_schemas_cost_one_question_its_tools() -> None:
    said = {"message": "Invalid schema for function 'clock': array without items", "code": "invalid_request"}
    async with FakeCompletions() as fake:
        rig = Rig(fake)
        fake.script(Status(400, {"error": said}))
        assert text_of(await rig.ask(ASK)) == "You said: How is it in Bern?"
        await rig.ask(ASK)
        await rig.client.close()
    assert ["tools" in body for body in rig.bodies] == [True, False, True]


@pytest.mark.parametrize(
    ("status", "said", "repair"),
    [
        (404, "No endpoints found that support the provided 'tool_choice' value.", TOOL_CHOICE),
        (400, "deepseek-reasoner does not support Function Calling", TOOLS),
        (400, "This model doesn't support tool use.", TOOLS),
        (400, "Tool use is not supported for this model", TOOLS),
        (400, "Unknown parameter: 'tools'.", TOOLS),
        (400, "当前模型暂不支持 tools 参数", TOOLS),
        (400, "工具调用功能未开通", TOOLS),
        (400, "property 'reasoning_content' is unsupported", OPAQUE),
        (400, "Missing `reasoning_content` field in the assistant message at message index 2", REASONING),
        (400, "Too many tools: 129", TOOL_SCHEMA),
        (400, "Corrupted thought signature.", SIGNATURE),
        (400, "This model doesn't support tool use in streaming mode.", STREAM),
        (400, "Conversation roles must alternate user/assistant/user, then tool", ROLES),
        (400, "The tool was used up by the content filter and is not supported", ""),
        (429, "tools are not supported right now", ""),
        (400, "messages: text content blocks must be non-empty", ""),
    ],
)
def test_refusals_of_tools_are_told_apart(status: int, said: str, repair: str) -> None:
    assert from_response(status, {}, json.dumps({"error": {"message": said}}).encode(), NOW).parameter == repair


async def test_errors_in_a_list_are_read() -> None:
    body = b'[{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]'
    for reply in (Raw((body,), 400), Raw((body,)), Raw((b"data: " + body + b"\n\n",))):
        async with FakeCompletions(default=reply) as fake:
            rig = Rig(fake)
            with pytest.raises(ModelError) as refused:
                await rig.ask(ASK)
            await rig.client.close()
        assert refused.value.code is Code.BAD_KEY, reply


def bodies_of_answers(rig: Rig) -> list[dict[str, Any]]:
    return [message for message in rig.bodies[-1]["messages"] if message["role"] == "assistant"]


@pytest.mark.parametrize("needs", ["gemini", "deepseek"])
async def test_fields_that_parley_does_not_read_go_back_with_their_calls(needs: Any) -> None:
    rounds = [BERN, ("clock", {})], [BERN]
    model = call_tools(*rounds, needs=needs)
    async with FakeCompletions(default=model, tools=ToolRules(needs=needs)) as fake:
        rig, request = Rig(fake), ASK
        for _ in rounds:
            request = behind(request, *round_of(await rig.ask(request)))
        assert text_of(await rig.ask(request)) == "The tools say: sunny sunny sunny"
        assert len(rig.bodies) == 3, "nothing was refused"
        made = bodies_of_answers(rig)
        await rig.client.close()
    if needs == "gemini":
        extras = [call["extra_content"] for message in made for call in message["tool_calls"]]
        assert extras[0] == {"google": {"thought_signature": "c2ln+call_0_0="}}
    else:
        assert [message["reasoning_content"] for message in made] == ["Let me look."] * 2


async def test_opaque_fields_go_to_no_other_endpoint_and_model() -> None:
    async with FakeCompletions(default=call_tools([BERN], needs="gemini")) as fake:
        rig = Rig(fake)
        made = round_of(await rig.ask(ASK))
        for request in (behind(ASK, *made), replace(behind(ASK, *made), model="other")):
            await rig.ask(request)
            assert ("extra_content" in str(bodies_of_answers(rig))) is (request.model == ASK.model)
        other = CompletionsClient(fake.base_url, "sk-test", SystemClock(), endpoint="another")
        assert [delta async for delta in other.stream(behind(ASK, *made))]
        assert "extra_content" not in str(bodies_of_answers(rig))
        await other.close()
        await rig.client.close()


async def test_reasoning_that_is_wanted_and_lost_is_sent_empty_from_then_on() -> None:
    made = Message("assistant", (ToolCall("c1", "clock", "{}"),)), Message("tool", (ToolResult("c1", "noon"),))
    async with FakeCompletions(default=call_tools([BERN]), tools=ToolRules(needs="deepseek")) as fake:
        rig = Rig(fake)
        for _ in range(2):
            assert text_of(await rig.ask(behind(ASK, *made))) == "The tools say: noon"
        await rig.client.close()
    wanting = [message.get("reasoning_content") for body in rig.bodies for message in body["messages"][1:2]]
    assert wanting == [None, "", ""]


async def test_calls_whose_signature_is_lost_are_told_in_words() -> None:
    made = Message("assistant", (ToolCall("c1", "clock", "{}"),)), Message("tool", (ToolResult("c1", "noon"),))
    async with FakeCompletions(default=call_tools([BERN]), tools=ToolRules(needs="gemini")) as fake:
        rig = Rig(fake)
        assert text_of(await rig.ask(behind(ASK, *made))) == "The tools say: "
        assert "noon" in rig.bodies[-1]["messages"][-1]["content"]
        assert of_kind(await rig.ask(ASK), ToolCall), "the next answer has tools again"
        await rig.client.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('{"city": "Be', '{"city": "Be'),
        ("[1]", "[1]"),
        ('{"a":"x\ny"}', '{"a": "x\\ny"}'),
        ('"{\\"a\\":1}"', '{"a":1}'),
    ],
)
async def test_a_call_is_given_with_arguments_that_cannot_be_run_and_goes_back_as_an_object(
    arguments: str, told: str
) -> None:
    async with FakeCompletions(default=Words("", calls=(("c1", "clock", arguments),))) as fake:
        rig = Rig(fake)
        deltas = await rig.ask(ASK)
        assert of_kind(deltas, ToolCall) == [ToolCall("c1", "clock", told)]
        await rig.ask(behind(ASK, *round_of(deltas)))
        await rig.client.close()
    assert fake.problems == []


async def test_calls_without_ids_get_unique_ones_in_every_round() -> None:
    async with FakeCompletions(default=call_tools([BERN, BERN], [BERN], ids=False)) as fake:
        rig, request = Rig(fake), ASK
        for _ in range(2):
            request = behind(request, *round_of(await rig.ask(request)))
        await rig.ask(request)
        await rig.client.close()
    ids = [call["id"] for message in bodies_of_answers(rig) for call in message["tool_calls"]]
    assert len(set(ids)) == 3
    assert fake.problems == []


def test_the_entries_of_a_list_are_joined_by_their_index() -> None:
    fields = OpaqueFields()
    for piece in (
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "Let "}], "content": "x"},
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "me.", "signature": None}]},
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "signature": "s1"}], "reasoning": None},
        {"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "d"}], "reasoning": "Let "},
    ):
        fields.add(piece)
    assert json.loads(fields.to_json()) == {
        "reasoning_details": [
            {"type": "reasoning.text", "index": 0, "text": "Let me.", "signature": "s1"},
            {"type": "reasoning.encrypted", "index": 1, "data": "d"},
        ],
        "reasoning": "Let ",
    }


def test_opaque_fields_that_are_too_large_are_not_kept_in_part() -> None:
    fields = OpaqueFields()
    for _ in range(5):
        fields.add({"reasoning_content": "x" * 100_000})
    assert fields.to_json() == ""


def test_the_oldest_rounds_are_left_out_whole_and_the_newest_stays() -> None:
    steps = [
        message
        for number in range(4)
        for message in (
            Message("assistant", (ToolCall(f"c{number}", "clock", "{}"),)),
            Message("tool", (ToolResult(f"c{number}", "x" * 3_000),)),
        )
    ]
    request = Request(ASK.messages, "m", steps=tuple(steps), tools=ASK.tools)
    lengths = set()
    for window in range(1_000, 8_000, 100):
        fitted = fit(request, ModelInfo("m", window))
        kept = [message for message in fitted if message.role in ("assistant", "tool")]
        assert kept == steps[-len(kept) :]
        assert ASK.messages[0] in fitted
        assert any(ROUNDS_LEFT_OUT in message.text for message in fitted) is (len(kept) < len(steps))
        lengths.add(len(kept))
    assert lengths == {2, 4, 6, 8}


def test_tools_and_their_results_count_as_tokens() -> None:
    plain = Request(ASK.messages, "m")
    long = replace(WEATHER, description="word " * 1_000)
    many = tuple(text_message("user", f"{number} {'word ' * 100}") for number in range(20))
    request = replace(plain, messages=many)
    assert fit(request, ModelInfo("m", 8_000)) == many
    assert fit(replace(request, tools=(long,)), ModelInfo("m", 8_000))[1:] == many[-19:]
    assert estimate_tools((long,)) > 1_000


async def routed(fake: FakeCompletions, request: Request, *, tools: bool | None = None) -> list[Delta]:
    """The answer of a router with one route; waits take no time."""
    account = Account("one/only", "one", "http://one/v1", SecretStr("sk-test"))
    route = Route(account, ModelInfo("test-model", tools=tools), "test-model")
    client = CompletionsClient(fake.base_url, "sk-test", SystemClock(), endpoint="one")
    clock = FakeClock(jumps=True)
    router = ModelRouter(
        ModelCatalog(route.model_info, (route,)), {account.name: client}, clock, OperatorAlerts(clock)
    )
    model = RedactedModel(router, Secrets([]))
    deltas = [delta async for delta in model.stream(request)]
    await model.close()
    return deltas


async def test_a_round_with_nothing_but_calls_is_an_answer_and_a_retry_repeats_only_it() -> None:
    model = call_tools([BERN], needs="gemini")
    async with FakeCompletions(default=model) as fake:
        first = await routed(fake, ASK)
        assert len(fake.requests) == 1
        calls = of_kind(first, ToolCall, Opaque)
        assert calls == [
            ToolCall("call_0_0", "w__weather", '{"city": "Bern"}', calls[0].extra),
            Opaque("{}", "test-model@one"),
        ]
        fake.script(Status(500))
        second = await routed(fake, replace(ASK, steps=round_of(first)))
        assert text_of(second) == "The tools say: sunny"
        assert len({json.dumps(received.body) for received in fake.requests[1:]}) == 1
    assert fake.problems == []


async def test_a_model_that_calls_though_it_must_not_is_asked_without_tools() -> None:
    def stubborn(body: dict[str, Any]) -> Words:
        return Words("", calls=(("c1", "clock", "{}"),)) if "tools" in body else Words("At noon.")

    async with FakeCompletions(default=stubborn) as fake:
        assert text_of(await routed(fake, replace(ASK, may_call=False))) == "At noon."
        assert len(fake.requests) == 2


async def test_no_tools_are_offered_to_a_model_that_takes_none_by_its_settings() -> None:
    async with FakeCompletions(default=call_tools([BERN])) as fake:
        assert text_of(await routed(fake, ASK, tools=False)) == "The tools say: "
        assert "tools" not in fake.requests[0].body
        assert of_kind(await routed(fake, ASK, tools=True), ToolCall)
