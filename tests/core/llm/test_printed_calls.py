"""Tool calls that a model prints as text."""

from __future__ import annotations

import json

import pytest

from core.llm.chunks import CompletionReader
from core.llm.echo import SentRequest
from core.llm.printed_calls import MOST_CHARS
from core.values.deltas import Delta, Ended, EndReason
from core.values.parts import Text, ToolCall

SENT = SentRequest("m", tools=frozenset({"weather", "clock"}))
BERN = '{"city": "Bern"}'
CALL = f'{{"name": "weather", "arguments": {BERN}}}'

PRINTED = {
    "hermes": f"<tool_call>\n{CALL}\n</tool_call>",
    "qwen_coder": "<tool_call>\n<function=weather>\n<parameter=city>\nBern\n</parameter>\n</function>\n</tool_call>",
    "function": f"<function=weather>{BERN}</function>",
    "python_tag": f'<|python_tag|>{{"name": "weather", "parameters": {BERN}}}<|eom_id|>',
    "mistral": f"[TOOL_CALLS][{CALL}]",
    "mistral_args": f"[TOOL_CALLS]weather[ARGS]{BERN}",
    "fence": f"```json\n{CALL}\n```",
    "gemma": '<|tool_call>call:weather{city:<|"|>Bern<|"|>}<tool_call|>',
    "internlm": f'<|action_start|><|plugin|>\n{{"name": "weather", "parameters": {BERN}}}\n<|action_end|>',
    "closing_tag_inside": '<tool_call>{"name": "clock", "arguments": {"zone": "</tool_call>"}}</tool_call>',
}


def read(*pieces: str, finish: str = "stop", sent: SentRequest = SENT) -> tuple[list[str], list[Delta]]:
    """The text as it came, piece by piece, and the deltas behind it."""
    answer, shown = CompletionReader(sent=sent), list[str]()
    for piece in pieces:
        deltas = answer.take({"choices": [{"delta": {"content": piece}}]})
        shown.append("".join(delta.text for delta in deltas if isinstance(delta, Text)))
    answer.take({"choices": [{"delta": {}, "finish_reason": finish}]})
    return shown, answer.end()


def calls_of(deltas: list[Delta]) -> list[tuple[str, object]]:
    return [(delta.name, json.loads(delta.arguments)) for delta in deltas if isinstance(delta, ToolCall)]


@pytest.mark.parametrize("name", PRINTED)
def test_a_printed_call_of_an_offered_tool_is_a_call_however_it_is_cut(name: str) -> None:
    text = PRINTED[name]
    for at in range(len(text)):
        shown, deltas = read(text[:at], text[at:])
        assert shown == ["", ""]
        wanted = (
            ("clock", {"zone": "</tool_call>"})
            if name == "closing_tag_inside"
            else ("weather", {"city": "Bern"})
        )
        assert calls_of(deltas) == [wanted]
        assert deltas[-1] == Ended(EndReason.TOOLS)


def test_several_printed_calls_have_unlike_ids_and_words_behind_them_are_shown() -> None:
    _, deltas = read(f"{PRINTED['hermes']}\n{PRINTED['hermes']}\nOne moment.")
    ids = [delta.id for delta in deltas if isinstance(delta, ToolCall)]
    assert len(set(ids)) == 2
    assert Text("One moment.") in deltas


@pytest.mark.parametrize(
    "text",
    [
        PRINTED["hermes"].replace("weather", "rm_rf"),
        PRINTED["hermes"].removesuffix("</tool_call>"),
        PRINTED["hermes"] + "\n<tool_call>\n{",
        PRINTED["gemma"].removesuffix("<tool_call|>"),
        PRINTED["fence"].removesuffix("```"),
        f"{PRINTED['fence']}\nThis is how a call looks.",
        "<tool_call>[]</tool_call>",
        "<tool_call>" + "[" * 3000,
        "<",
        "[TOOL",
    ],
)
def test_what_is_no_whole_call_of_an_offered_tool_is_shown_whole(text: str) -> None:
    shown, deltas = read(*text)
    assert "".join(shown) + "".join(d.text for d in deltas if isinstance(d, Text)) == text
    assert calls_of(deltas) == []


def test_a_printed_call_that_is_too_long_is_shown_as_it_comes() -> None:
    text = f'<tool_call>{{"name": "weather", "arguments": {{"city": "{"x" * MOST_CHARS}"}}}}</tool_call>'
    shown, deltas = read(*text)
    assert "".join(shown) == text
    assert calls_of(deltas) == []
    assert all(shown[MOST_CHARS:])


@pytest.mark.parametrize(
    "text",
    ["It is sunny. <tool_call>", "<b>Bern</b>", "[1] says so", '```json\n{"city": 1}\n```', "```python\nx"],
)
def test_words_that_do_not_begin_like_a_call_are_shown_at_once(text: str) -> None:
    shown, deltas = read(*text)
    assert "".join(shown) == text
    assert "".join(shown[:14]).strip()
    assert calls_of(deltas) == []


def test_without_offered_tools_nothing_is_held_back() -> None:
    shown, deltas = read(*PRINTED["hermes"], sent=SentRequest("m"))
    assert "".join(shown) == PRINTED["hermes"]
    assert calls_of(deltas) == []
