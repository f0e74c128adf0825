"""Chunks to deltas: what the quirks of the fake endpoint do not show."""

from typing import Any

import pytest

from core.errors import Code, ModelError
from core.llm.chunks import CompletionReader
from core.values.deltas import CallPiece, Delta, Ended, EndReason, Thinking, Usage
from core.values.parts import Text, ToolCall


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def deltas_of(*chunks: dict[str, Any]) -> list[Delta]:
    """The deltas without the pieces of tool calls."""
    answer = CompletionReader()
    found = [delta for value in chunks for delta in answer.take(value)] + answer.end()
    return [delta for delta in found if not isinstance(delta, CallPiece)]


def test_pieces_of_a_call_are_passed_on_as_they_are_written() -> None:
    answer = CompletionReader()
    for piece in ('{"a": ', "1}"):
        call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": piece}}
        assert answer.take(chunk({"tool_calls": [call]})) == [CallPiece(piece)]


def text_of(*chunks: dict[str, Any]) -> str:
    return "".join(delta.text for delta in deltas_of(*chunks) if isinstance(delta, Text))


def test_refusal_is_text_that_ended_by_policy() -> None:
    deltas = deltas_of(chunk({"refusal": "I can't "}), chunk({"refusal": "do that."}), chunk({}, "stop"))
    assert deltas == [Text("I can't "), Text("do that."), Ended(EndReason.POLICY)]


def test_content_in_parts_is_text() -> None:
    parts = [{"type": "text", "text": "One "}, {"type": "text", "text": "two"}]
    assert text_of({"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}) == "One two"


def test_character_cut_by_json_escapes_is_mended() -> None:
    assert text_of(chunk({"content": "a\ud83d"}), chunk({"content": "\udc4bb"}), chunk({}, "stop")) == "a👋b"
    assert text_of(chunk({"content": "a\ud83d"}), chunk({"content": "b"}, "stop")) == "a\ufffdb"


@pytest.mark.parametrize("opening", ["<think>", "\n <think>", "<think>\n"])
def test_reasoning_never_shows_however_it_is_cut(opening: str) -> None:
    whole = f"{opening}secret < </thin </think>\n\nSaid <think>."
    for at in range(len(whole)):
        deltas = deltas_of(chunk({"content": whole[:at]}), chunk({"content": whole[at:]}), chunk({}, "stop"))
        assert "".join(d.text for d in deltas if isinstance(d, Text)) == "Said <think>."
        assert "".join(d.text for d in deltas if isinstance(d, Thinking)).strip() == "secret < </thin"


def test_whole_calls_without_id_and_index_stay_apart() -> None:
    calls = [{"function": {"name": name, "arguments": {"a": 1}}} for name in ("f", "g")]
    deltas = deltas_of({"choices": [{"message": {"tool_calls": calls}, "finish_reason": "tool_calls"}]})
    assert deltas[:2] == [ToolCall("call00000", "f", '{"a": 1}'), ToolCall("call00001", "g", '{"a": 1}')]


def test_call_with_broken_arguments_is_never_passed_on() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a": '}}
    with pytest.raises(ModelError) as caught:
        deltas_of(chunk({"tool_calls": [call]}), chunk({}, "tool_calls"))
    assert caught.value.code is Code.GARBLED


def test_text_before_a_broken_call_is_an_answer() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a": '}}
    deltas = deltas_of(chunk({"content": "One", "tool_calls": [call]}), chunk({}, "tool_calls"))
    assert deltas == [Text("One"), Ended(EndReason.STOP)]


def test_length_reached_while_thinking_is_an_end() -> None:
    assert deltas_of(chunk({"reasoning": "Hm"}, "length")) == [Thinking("Hm"), Ended(EndReason.LENGTH)]


def test_text_beside_a_failing_finish_is_kept() -> None:
    answer = CompletionReader()
    assert answer.take(chunk({"content": "One"}, "error")) == [Text("One")]
    with pytest.raises(ModelError) as caught:
        answer.end()
    assert caught.value.code is Code.ERROR_IN_STREAM


def test_unknown_finish_and_late_error_are_kept_for_the_log() -> None:
    answer = CompletionReader()
    answer.take(chunk({"content": "One"}, "melted"))
    answer.take({"error": "too late"})
    assert answer.end() == [Ended(EndReason.STOP)]
    assert answer.ignored == "too late"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"message": "Rate limit reached", "code": 429}}, Code.RATE_LIMITED),
        ({"error": {"message": "该令牌额度已用尽"}}, Code.NO_MONEY),
        ({"error": {"message": "The model `x` does not exist"}}, Code.NO_MODEL),
        ({"error": {"message": "busy", "code": "402"}}, Code.NO_MONEY),
        ({"success": False, "message": "no"}, Code.ERROR_IN_STREAM),
        ({"error": True}, Code.ERROR_IN_STREAM),
    ],
)
def test_error_in_a_chunk_is_told_by_its_words(body: dict[str, Any], code: Code) -> None:
    answer = CompletionReader()
    assert answer.take(body) == []
    with pytest.raises(ModelError) as caught:
        answer.end()
    assert caught.value is answer.error
    assert caught.value.code is code


def test_words_beside_an_error_come_out_and_none_after_it() -> None:
    answer = CompletionReader()
    assert answer.take(chunk({"content": "One"}, "stop") | {"error": "lost"}) == [Text("One")]
    assert answer.take(chunk({"content": "two"}, "stop")) == []
    with pytest.raises(ModelError) as caught:
        answer.end()
    assert caught.value.detail == "lost"


def test_reasoning_cut_by_an_error_does_not_show() -> None:
    answer = CompletionReader()
    deltas = answer.take(chunk({"content": "<th"}))
    deltas += answer.take(chunk({"content": "ink>secret"}) | {"error": "lost"})
    assert deltas == [Thinking("secret")]


def test_error_in_a_choice_is_told_by_its_words() -> None:
    answer = CompletionReader()
    answer.take({"choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 402, "message": "no"}}]})
    assert answer.error is not None
    assert answer.error.code is Code.NO_MONEY


@pytest.mark.parametrize("count", [10**30, -1, True, "7", float("nan"), None])
def test_count_of_tokens_that_can_be_none_is_left_out(count: object) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": 2}
    assert deltas_of(chunk({"content": "x"}, "stop") | {"usage": usage})[-1] == Ended(
        EndReason.STOP, Usage(0, 2)
    )
    usage = {"prompt_tokens": count, "completion_tokens": count}
    assert deltas_of(chunk({"content": "x"}, "stop") | {"usage": usage})[-1] == Ended(EndReason.STOP)


def test_many_thoughts_in_a_row_are_no_crash() -> None:
    deltas = deltas_of(chunk({"content": "<think>a</think> " * 50_000 + "<thi"}, "stop"))
    assert deltas[-2:] == [Text("<thi"), Ended(EndReason.STOP)]
