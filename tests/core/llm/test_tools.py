"""Tools in requests, their calls in answers, and endpoints whose models take none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from core.clock import SystemClock
from core.errors import ModelError
from core.llm.client import CompletionsClient
from core.ports.model import Request
from core.values.conversation import Message, text_message
from core.values.deltas import Delta, Ended, EndReason
from core.values.parts import Image, Opaque, Text, ToolCall, ToolResult
from core.values.tools import Tool
from tests.fakes.completions import FakeCompletions, call_tools

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

    def __init__(self, fake: FakeCompletions) -> None:
        self.fake = fake
        self.client = CompletionsClient(fake.base_url, "sk-test", SystemClock(), endpoint="fake")

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
