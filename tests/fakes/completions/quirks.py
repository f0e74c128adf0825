"""Every wire quirk we know of, each with the exact answer and what a right client makes of it.

`row` is the row of table A in our notes on real endpoints (1 to 37); a row with several forms has several
quirks. A finish reason makes an answer complete, also before an error, which is only logged; `[DONE]` or the
end of the body without one is "cut".
"""

import zlib
from dataclasses import dataclass, replace
from typing import Any

from .replies import (
    DONE,
    HTML,
    ID,
    JSON,
    PLAIN,
    SSE,
    Headers,
    Json,
    Raw,
    Status,
    Step,
    call_delta,
    chunk,
    completion,
    dribble,
    encode,
    event,
    redirect,
    usage_chunk,
)

Call = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Expect:
    """The result of an answer in a correct client.

    `text` includes what came before a failure; `reasoning` is without white space around it. `tool_calls` are
    (id, name, arguments) and hold only calls that may be run. `finish` is the reason as the endpoint gave it,
    in OpenAI's words (aliases mapped, unknown ones "stop"). `usage` is (prompt, completion) tokens as reported.
    `failure` is None or the name of a failure class.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[Call, ...] = ()
    finish: str | None = None
    usage: tuple[int, int] | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Quirk:
    """`reply` to a request whose `stream` is as given here, and what to `expect`."""

    name: str
    row: int
    reply: Raw
    expect: Expect
    stream: bool = True


TEXT = "Grüße, 世界 👋! Done."
PIECES = ("Grüße", ", 世", "界 👋!", " Done.")
USAGE: Json = {"prompt_tokens": 18, "completion_tokens": 24, "total_tokens": 42}
WHOLE = Expect(TEXT, finish="stop")
COUNTED = replace(WHOLE, usage=(18, 24))
PART = Expect("Grüße, 世", failure="cut")
FAILED = replace(PART, failure="error_in_stream")
WEATHER: Call = ("call_1", "weather", '{"city":"Bern"}')
TIME: Call = ("call_2", "time", '{"zone":"CET"}')
CALLED = Expect(tool_calls=(WEATHER,), finish="tool_calls")
CALLED_BOTH = Expect(tool_calls=(WEATHER, TIME), finish="tool_calls")

QUIRKS: dict[str, Quirk] = {}

ROLE = chunk({"role": "assistant", "content": ""})
SAID = [chunk({"content": piece}) for piece in PIECES]
STOP = chunk({}, "stop")
ANSWER = [ROLE, *SAID, STOP]
BROKEN = [ROLE, *SAID[:2]]


def quirk(row: int, name: str, reply: Raw | tuple[Step, ...], expect: Expect, *, stream: bool = True) -> None:
    assert name not in QUIRKS, name
    QUIRKS[name] = Quirk(name, row, reply if isinstance(reply, Raw) else Raw(reply), expect, stream)


def events(*chunks: Json) -> tuple[bytes, ...]:
    return tuple(event(value) for value in chunks)


def stream(*chunks: Json, line: bytes = b"\n") -> bytes:
    return b"".join([*events(*chunks), DONE]).replace(b"\n", line)


def typed(kind: str) -> Headers:
    return (("Content-Type", kind),)


# 1: comments as keep-alives. https://openrouter.ai/docs/api/reference/streaming
for name, comment in {
    "openrouter": b": OPENROUTER PROCESSING\n\n",
    "deepseek": b": keep-alive\n\n",
    "newapi": b": PING\n\n",
    "starlette": b": ping - 2026-11-22 10:00:00.000000+00:00\r\n\r\n",
    "bare": b":\n",
}.items():
    body = tuple(step for data in events(*ANSWER) for step in (comment, comment, data))
    quirk(1, f"comments_{name}", (*body, DONE), WHOLE)

# 2 and 13: JSON, with blank lines as keep-alives, asked for or not. https://api-docs.deepseek.com
JSON_TEXT = encode(completion(TEXT) | {"usage": USAGE})
BLANKS: tuple[Step, ...] = (b"\n", 0.02, b"\n\n", 0.02, b"\r\n")
quirk(2, "json_after_blank_lines", Raw((*BLANKS, JSON_TEXT), headers=JSON), COUNTED, stream=False)
quirk(2, "json_bom", Raw((b"\xef\xbb\xbf" + JSON_TEXT,), headers=JSON), COUNTED, stream=False)
quirk(13, "json_though_stream", Raw((JSON_TEXT,), 200, JSON, "length"), COUNTED)
quirk(13, "json_though_stream_after_blank_lines", Raw((*BLANKS, JSON_TEXT), headers=JSON), COUNTED)
quirk(13, "json_though_stream_as_sse", (JSON_TEXT,), COUNTED)
quirk(13, "json_though_stream_as_text", Raw((JSON_TEXT,), headers=PLAIN), COUNTED)
quirk(
    13,
    "json_though_stream_with_calls",
    Raw((encode(completion(None, calls=(WEATHER, TIME), reasoning="Hm.") | {"usage": USAGE}),), headers=JSON),
    replace(CALLED_BOTH, reasoning="Hm.", usage=(18, 24)),
)

# 3: [DONE] missing, or there without a finish reason (gateways add it when their upstream died)
quirk(3, "done_missing", events(*ANSWER), WHOLE)
quirk(3, "done_without_finish", (*events(*BROKEN), DONE), PART)
quirk(3, "done_alone", (DONE,), Expect(failure="cut"))
quirk(3, "eof_without_finish", events(*BROKEN), PART)

# 4, 5, 6: sloppy line ends
quirk(4, "last_event_without_blank_line", (b"".join(events(*ANSWER))[:-1],), WHOLE)
quirk(4, "last_event_without_line_end", (b"".join(events(*ANSWER))[:-2],), WHOLE)
quirk(5, "no_blank_lines", (stream(*ANSWER).replace(b"\n\n", b"\n"),), WHOLE)
quirk(5, "no_blank_lines_crlf", (stream(*ANSWER).replace(b"\n\n", b"\r\n"),), WHOLE)
quirk(6, "no_space", (stream(*ANSWER).replace(b"data: ", b"data:"),), WHOLE)

# 7, 8: line ends, and characters and line ends cut in two
for name, line in {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}.items():
    if name != "lf":
        quirk(7, name, (stream(*ANSWER, line=line),), WHOLE)
        split = [data.replace(b"\n", line) for data in (*events(*ANSWER), DONE)]
        cut_in_line_end = tuple(piece for data in split for piece in (data[:-1], data[-1:]))
        quirk(7, f"{name}_cut_in_line_end", cut_in_line_end, WHOLE)
        quirk(7, f"{name}_without_done", (b"".join(events(*ANSWER)).replace(b"\n", line)[: -len(line)],), WHOLE)
    quirk(8, f"dribble_{name}", dribble(stream(*ANSWER, line=line), 17), WHOLE)
    quirk(8, f"dribble_{name}_by_byte", dribble(stream(*ANSWER, line=line), 1), WHOLE)
quirk(8, "dribble_slow", dribble(stream(*ANSWER), 60, 0.002), WHOLE)

# 9, 12: content types that lie. 10: byte order mark. 11: characters that some line readers break at
quirk(
    9,
    "latin1_content_type",
    Raw((stream(*ANSWER),), headers=typed("text/event-stream; charset=iso-8859-1")),
    WHOLE,
)
quirk(
    9,
    "json_latin1",
    Raw((JSON_TEXT,), headers=typed("application/json; charset=latin-1")),
    COUNTED,
    stream=False,
)
quirk(10, "bom", (b"\xef\xbb\xbf" + stream(*ANSWER),), WHOLE)
quirk(10, "bom_dribbled", dribble(b"\xef\xbb\xbf" + stream(*ANSWER), 1), WHOLE)
LINES = "a\u2028b\u2029c\u0085d\ufeffe\u00a0f"
quirk(11, "unicode_line_ends", (stream(chunk({"content": LINES}), STOP),), Expect(LINES, finish="stop"))
for name, headers in {
    "text": PLAIN,
    "json": JSON,
    "bytes": typed("application/octet-stream"),
    "none": (),
}.items():
    quirk(12, f"wrong_content_type_{name}", Raw((stream(*ANSWER),), headers=headers), WHOLE)
quirk(12, "wrong_content_type_comment_first", Raw((b": PING\n\n" + stream(*ANSWER),), headers=PLAIN), WHOLE)

# 14: 200 that is no success
ERROR: Json = {
    "message": "upstream error: do request failed",
    "type": "upstream_error",
    "param": None,
    "code": None,
}
LOGIN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>"
NOTHING = Expect(failure="empty")
quirk(14, "err200", Raw((encode({"error": ERROR}),), 200, JSON, "length"), Expect(failure="error_in_stream"))
quirk(14, "err200_as_sse", (encode({"error": ERROR}),), Expect(failure="error_in_stream"))
quirk(
    14,
    "err200_without_stream",
    Raw((encode({"error": ERROR}),), 200, JSON, "length"),
    Expect(failure="error_in_stream"),
    stream=False,
)
quirk(14, "html200", Raw((LOGIN,), 200, HTML, "length"), Expect(failure="wrong_url"))
quirk(
    14,
    "html200_without_stream",
    Raw((LOGIN,), 200, HTML, "length"),
    Expect(failure="wrong_url"),
    stream=False,
)
quirk(14, "empty200", Raw((b"",), 200, SSE, "length"), NOTHING)
quirk(14, "empty200_json", Raw((b"",), 200, JSON, "length"), NOTHING, stream=False)
quirk(14, "empty200_only_pings", (b": PING\n\n", b": PING\n\n"), NOTHING)
quirk(14, "empty_success", (stream(chunk({}, "stop")),), replace(NOTHING, finish="stop"))
quirk(
    14,
    "empty_message",
    Raw((encode(completion("") | {"usage": USAGE}),), 200, JSON, "length"),
    replace(NOTHING, finish="stop", usage=(18, 24)),
    stream=False,
)
quirk(14, "garbled200", Raw((JSON_TEXT[:-40],), 200, JSON, "length"), Expect(failure="garbled"), stream=False)

# 15 to 18: an error in the middle of a stream
OPENROUTER = chunk({"content": ""}, "error") | {
    "error": {"code": "server_error", "message": "Provider disconnected"}
}
VLLM = {"error": {"object": "error", "message": "EngineCore died", "type": "InternalServerError", "code": 500}}
LITELLM = {"error": {"message": "litellm.APIConnectionError: Response payload is not completed", "code": "500"}}
OLD_VLLM = {"object": "error", "message": "engine is dead", "type": "InternalServerError", "code": 500}
for name, forms in {
    "openrouter": events(OPENROUTER),
    "vllm_then_done": (*events(VLLM), DONE),
    "litellm": events(LITELLM),
    "string": events({"error": "upstream went away"}),
    "old_vllm": (*events(OLD_VLLM), DONE),
}.items():
    quirk(15, f"miderr_{name}", (*events(*BROKEN), *forms), FAILED)
    quirk(15, f"firsterr_{name}", forms, Expect(failure="error_in_stream"))
LAST = chunk({"content": SAID[2]["choices"][0]["delta"]["content"]}, "error")
NEAR = replace(FAILED, text="".join(PIECES[:3]))
quirk(15, "miderr_beside_words", events(*BROKEN, LAST | LITELLM), NEAR)
LAST["choices"][0]["error"] = {"code": 502, "message": "Provider disconnected"}
quirk(15, "miderr_in_choice", events(*BROKEN, LAST), NEAR)
quirk(15, "error_after_finish", (*events(*ANSWER), *events(LITELLM)), WHOLE)
quirk(15, "error_null", (stream(*({"error": None, **value} for value in ANSWER)),), WHOLE)
quirk(16, "miderr_event", (*events(*BROKEN), b"event: error\n", *events({"error": ERROR})), FAILED)
quirk(16, "miderr_event_text", (*events(*BROKEN), b"event: error\ndata: overloaded\n\n"), FAILED)
quirk(16, "miderr_event_anthropic", (*events(*BROKEN), b"event: error\n", *events({"type": "error"})), FAILED)
quirk(16, "event_after_finish", (*events(*ANSWER), b"event: error\ndata: overloaded\n\n"), WHOLE)
quirk(
    17,
    "miderr_llamacpp",
    (*events(*BROKEN), b"error: " + encode({"code": 500, "message": "kv full"}) + b"\n\n"),
    FAILED,
)
quirk(18, "miderr_barejson", (*events(*BROKEN), encode({"error": ERROR})), FAILED)
quirk(18, "miderr_barejson_line", (*events(*BROKEN), encode({"error": ERROR}) + b"\n", DONE), FAILED)
quirk(18, "miderr_ollama_empty_chunk", events(*BROKEN, chunk({"role": "assistant", "content": ""})), PART)

# 19: Azure's first chunk
AZURE = {"choices": [], "id": "", "model": "", "prompt_filter_results": [{"prompt_index": 0}]}
quirk(19, "azure_first_chunk", (stream(AZURE, *ANSWER),), WHOLE)

# 20, 21: usage here, there and nowhere
COUNTING = [{**value, "usage": {**USAGE, "completion_tokens": n}} for n, value in enumerate([ROLE, *SAID])]
for name, chunks in {
    "empty_choices": [*ANSWER, usage_chunk(USAGE)],
    "empty_delta": [*ANSWER, chunk({}) | {"usage": USAGE}],
    "on_finish": [ROLE, *SAID, STOP | {"usage": USAGE}],
    "everywhere": [*COUNTING, STOP | {"usage": USAGE}],
    "null_elsewhere": [{**value, "usage": None} for value in ANSWER] + [usage_chunk(USAGE)],
    "null_last": [ROLE, *SAID, STOP | {"usage": USAGE}, chunk({}) | {"usage": None}],
    "without_choices": [*ANSWER, {"usage": USAGE}],
    "zero_last": [ROLE, *SAID, STOP | {"usage": USAGE}, usage_chunk(dict.fromkeys(USAGE, 0))],
    "beside_whole_message": [ROLE, *SAID, completion(TEXT) | {"usage": USAGE}],
}.items():
    quirk(20, f"usage_{name}", (stream(*chunks),), COUNTED)
quirk(20, "usage_all_zero", (stream(*ANSWER, usage_chunk(dict.fromkeys(USAGE, 0))),), WHOLE)
quirk(21, "usage_absent", (stream(*ANSWER),), WHOLE)
quirk(21, "usage_absent_when_cut", Raw(events(*BROKEN), end="cut"), PART)

# 22: nulls and empty strings
NULL = chunk({"role": "", "content": None, "tool_calls": None, "reasoning_content": None, "refusal": None})
for name, first in {
    "content": chunk({"role": "assistant", "content": None}),
    "delta": chunk(None),
    "choices": {**ROLE, "choices": None},
    "finish_empty": chunk({"content": None}, ""),
    "message": {"id": ID},
    "all": NULL,
}.items():
    quirk(22, f"null_{name}", (stream(first, *SAID, first, STOP),), WHOLE)
ROLES = [chunk({"role": "assistant", "content": piece}) for piece in PIECES]
quirk(22, "role_on_every_chunk", (stream(*ROLES, STOP),), WHOLE)
quirk(22, "role_only_first", (stream(chunk({"role": "assistant"}), *SAID, STOP),), WHOLE)
for name, word in {"empty": "", "null": "null"}.items():
    unfinished = [chunk({"content": piece}, word) for piece in PIECES]
    quirk(22, f"finish_{name}_on_every_chunk", (stream(*unfinished, STOP),), WHOLE)
    quirk(22, f"finish_{name}_then_cut", events(*unfinished[:2]), PART)

# 23: reasoning
THOUGHT = replace(WHOLE, reasoning="Let me think.")
DETAIL: Json = {"type": "reasoning.text", "text": "think.", "index": 0}
REASONINGS: dict[str, list[Json]] = {
    "content": [{"reasoning_content": "Let me "}, {"reasoning_content": "think.", "content": None}],
    "plain": [{"reasoning": "Let me "}, {"reasoning": "think.", "content": ""}],
    "details": [{"reasoning_details": [{**DETAIL, "text": "Let me "}]}, {"reasoning_details": [DETAIL]}],
    "twice": [
        {"reasoning": "Let me ", "reasoning_content": "Let me "},
        {"reasoning": "think.", "reasoning_details": [DETAIL]},
    ],
}
for name, deltas in REASONINGS.items():
    quirk(23, f"reasoning_{name}", (stream(ROLE, *map(chunk, deltas), *SAID, STOP),), THOUGHT)

# https://github.com/BerriAI/litellm/pull/12666
BLOCKS = [chunk({"reasoning_content": "Let me think."}), *SAID, STOP]
BLOCKS = [value | {"choices": [value["choices"][0] | {"index": int(value in SAID)}]} for value in BLOCKS]
quirk(23, "reasoning_index_of_block", (stream(*BLOCKS),), THOUGHT)


def think(name: str, pieces: list[str] | str, expect: Expect) -> None:
    quirk(23, f"think_{name}", (stream(ROLE, *(chunk({"content": piece}) for piece in pieces), STOP),), expect)


think("whole", ["<think>Let me think.</think>" + TEXT], THOUGHT)
think("split", ["<th", "ink>Let me", " think.</", "thi", "nk>", *PIECES], THOUGHT)
think("by_character", "<think>Let me think.</think>" + TEXT, THOUGHT)
think("newapi", ["<think>\n", "Let me ", "think.", "\n</think>\n", *PIECES], THOUGHT)
think("after_blank_lines", ["\n", "\n<think>Let me think.</think>\n\n", *PIECES], THOUGHT)
think("twice", ["<think>Let me </think>\n<thi", "nk>think.</think>\n", *PIECES], THOUGHT)
think("empty", ["<think>\n\n</think>\n\n", *PIECES], WHOLE)
think(
    "never_closed",
    ["<think>Let me ", "think."],
    Expect(reasoning="Let me think.", finish="stop", failure="empty"),
)
think("only_a_prefix", ["<th", "ree> is 3"], Expect("<three> is 3", finish="stop"))
think("ends_in_prefix", ["<thi"], Expect("<thi", finish="stop"))
think(
    "later_in_text",
    ["Write ", "<think>a</think>", " so."],
    Expect("Write <think>a</think> so.", finish="stop"),
)
think("close_tag_lookalike", ["<think>a </thin", " b</think>c"], Expect("c", "a </thin b", finish="stop"))
THINK_JSON = encode(completion("<think>Let me think.</think>\n" + TEXT) | {"usage": USAGE})
quirk(23, "think_json", Raw((THINK_JSON,), 200, JSON, "length"), replace(THOUGHT, usage=(18, 24)), stream=False)
quirk(
    23,
    "reasoning_then_cut",
    events(ROLE, chunk({"reasoning_content": "Hm."})),
    Expect(reasoning="Hm.", failure="cut"),
)
quirk(
    23,
    "reasoning_only",
    (stream(ROLE, chunk({"reasoning_content": "Hm."}), STOP),),
    Expect(reasoning="Hm.", finish="stop", failure="empty"),
)


# 24 to 29: tool calls
def calls(row: int, name: str, deltas: list[Json], expect: Expect, finish: str | None = "tool_calls") -> None:
    chunks = [ROLE, *map(chunk, deltas)] + ([chunk({}, finish)] if finish else [])
    quirk(row, name, (stream(*chunks),), expect)


def pieces_of(
    call: Call,
    index: int | None,
    *,
    opening: str | None = "",
    again: str | None = None,
    name: str | None = None,
) -> list[Json]:
    """One call: id and name first, then the arguments in two pieces, each with id `again` and `name`."""
    call_id, function, arguments = call
    rest = [call_delta(index, again, name, arguments[:6]), call_delta(index, again, name, arguments[6:])]
    return [call_delta(index, call_id, function, opening), *rest]


MIXED = [delta for pair in zip(pieces_of(WEATHER, 0), pieces_of(TIME, 1), strict=True) for delta in pair]
calls(24, "tool_call", pieces_of(WEATHER, 0), CALLED)
calls(24, "tool_calls_parallel", [*pieces_of(WEATHER, 0), *pieces_of(TIME, 1)], CALLED_BOTH)
calls(24, "tool_calls_interleaved", MIXED, CALLED_BOTH)
calls(24, "tool_call_id_empty_later", pieces_of(WEATHER, 0, again="", name=""), CALLED)
calls(24, "tool_call_id_repeated", pieces_of(WEATHER, 0, again="call_1"), CALLED)
calls(24, "tool_call_arguments_null", pieces_of(WEATHER, 0, opening=None), CALLED)
calls(
    24,
    "tool_call_after_text",
    [*({"content": p} for p in PIECES), *pieces_of(WEATHER, 0)],
    replace(CALLED, text=TEXT),
)
calls(
    24,
    "tool_call_no_arguments",
    [call_delta(0, "call_3", "now", "")],
    replace(CALLED, tool_calls=(("call_3", "now", ""),)),
)
calls(25, "noindex", [*pieces_of(WEATHER, None), *pieces_of(TIME, None)], CALLED_BOTH)
calls(25, "noindex_whole", [call_delta(None, *WEATHER), call_delta(None, *TIME)], CALLED_BOTH)
calls(
    25,
    "noindex_one_delta",
    [{"tool_calls": [call_delta(None, *c)["tool_calls"][0] for c in (WEATHER, TIME)]}],
    CALLED_BOTH,
)
calls(26, "sameindex", [*pieces_of(WEATHER, 0), *pieces_of(TIME, 0)], CALLED_BOTH)
calls(26, "sameindex_whole", [call_delta(0, *WEATHER), call_delta(0, *TIME)], CALLED_BOTH)
calls(27, "name_later", [call_delta(0, "call_1", None, ""), call_delta(0, None, "weather", WEATHER[2])], CALLED)
calls(28, "whole_call_finish_stop", [call_delta(0, *WEATHER)], replace(CALLED, finish="stop"), "stop")
CUT_CALL = [{"content": TEXT}, *pieces_of(WEATHER, 0)[:2]]
calls(29, "arguments_cut_by_length", CUT_CALL, Expect(TEXT, finish="length"), "length")
calls(29, "arguments_cut", CUT_CALL, Expect(TEXT, failure="cut"), None)
calls(29, "whole_call_without_finish", [call_delta(0, *WEATHER)], Expect(failure="cut"), None)

# 30: finish reasons. Unknown ones count as complete
for reason, meaning in {
    "length": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "MAX_OUTPUT_TOKENS": "length",
    "model_length": "length",
    "end_turn": "stop",
    "eos": "stop",
    "STOP": "stop",
    "load": "stop",
    "no_such_reason": "stop",
}.items():
    quirk(30, f"finish_{reason}", (stream(*ANSWER[:-1], chunk({}, reason)),), replace(WHOLE, finish=meaning))
for reason in ("content_filter", "SAFETY", "sensitive"):
    expect = Expect(TEXT, finish="content_filter", failure="policy")
    quirk(30, f"finish_{reason}", (stream(*ANSWER[:-1], chunk({}, reason)),), expect)
for reason in ("abort", "cancelled", "request_timeout"):
    quirk(30, f"finish_{reason}", (stream(*BROKEN, chunk({}, reason)),), PART)
for reason in ("error", "network_error", "insufficient_system_resource"):
    quirk(30, f"finish_{reason}", (stream(*BROKEN, chunk({}, reason)),), FAILED)
quirk(30, "finish_on_last_text", (stream(*SAID[:-1], chunk({"content": PIECES[-1]}, "stop")),), WHOLE)
quirk(30, "finish_twice", (stream(*ANSWER, STOP),), WHOLE)

# 31: long lines, and one without an end (144 x 64 KiB = 9 MiB, over any sane cap)
LONG = "long words " * 300_000
LETTERS = b"x" * 65536
quirk(31, "line_of_3_mb", (stream(ROLE, chunk({"content": LONG}), STOP),), Expect(LONG, finish="stop"))
quirk(
    31,
    "endless_line",
    (*events(*BROKEN), b'data: {"choices":"', *[LETTERS] * 144),
    replace(PART, finish="length", failure=None),
)
quirk(
    31,
    "endless_json",
    Raw((b'{"x":"', *[LETTERS] * 256), headers=JSON),
    Expect(failure="garbled"),
    stream=False,
)


# 32: gzip, flushed after each event
def gzip(*parts: bytes) -> bytes:
    press = zlib.compressobj(wbits=31)
    return b"".join([press.compress(part) + press.flush(zlib.Z_SYNC_FLUSH) for part in parts]) + press.flush()


GZIP = (*SSE, ("Content-Encoding", "gzip"))
SQUEEZED = gzip(*events(*ANSWER), DONE)
quirk(32, "gzip", Raw((SQUEEZED,), headers=GZIP), WHOLE)
quirk(32, "gzip_dribbled", Raw(dribble(SQUEEZED, 5), headers=GZIP), WHOLE)
quirk(32, "gzip_broken", Raw((b"\x1f\x8b\x08" + b"\xff" * 60,), headers=GZIP), Expect(failure="garbled"))
quirk(32, "gzip_cut", Raw((gzip(*events(*BROKEN))[:-8],), headers=GZIP, end="cut"), PART)

# 33: cut, reset, garbled
HALF_EVENT = event(SAID[2])[:-20]
quirk(33, "cut", Raw(events(*BROKEN), end="cut"), PART)
quirk(33, "cut_in_event", Raw((*events(*BROKEN), HALF_EVENT), end="cut"), PART)
quirk(33, "cut_in_character", Raw((*events(*BROKEN), event(SAID[2]).split(b"\x95")[0]), end="cut"), PART)
quirk(33, "cut_in_event_by_clean_eof", (*events(*BROKEN), HALF_EVENT), PART)
quirk(33, "cut_after_finish", Raw(events(*ANSWER), end="cut"), WHOLE)
quirk(33, "cut_before_first_event", Raw((), end="cut"), Expect(failure="cut"))
quirk(33, "cut_before_head", Raw((), status=0, framing="verbatim", end="cut"), Expect(failure="cut"))
quirk(33, "cut_short_of_length", Raw(events(*BROKEN), framing="length", end="cut"), PART)
quirk(33, "cut_json", Raw((JSON_TEXT[:40],), 200, JSON, "length", "cut"), Expect(failure="cut"), stream=False)
quirk(33, "half_closed", Raw(events(*BROKEN), end="half"), PART)
quirk(33, "reset", Raw((*events(*BROKEN), 0.02), end="reset"), PART)
quirk(33, "reset_after_finish", Raw((*events(*ANSWER), 0.02), end="reset"), WHOLE)
quirk(33, "reset_before_head", Raw((), status=0, framing="verbatim", end="reset"), Expect(failure="cut"))
quirk(33, "http10_complete", Raw(events(*ANSWER), framing="eof"), WHOLE)
quirk(33, "http10_cut", Raw(events(*BROKEN), framing="eof"), PART)
CHUNKED = (*SSE, ("Transfer-Encoding", "chunked"))
quirk(
    33,
    "bad_chunk_size",
    Raw(
        (b"%x\r\n%b\r\n" % (len(event(SAID[0])), event(SAID[0])), 0.02, b"zz\r\n"),
        200,
        CHUNKED,
        "verbatim",
        "cut",
    ),
    Expect("Grüße", failure="cut"),
)
quirk(33, "not_http", Raw((b"SSH-2.0-OpenSSH_9.9\r\n",), 0, (), "verbatim", "cut"), Expect(failure="cut"))
JUNK = b'data: {"choices":[{"delta":{"content":"lost\n\n'
quirk(
    33,
    "garbled_event",
    (*events(*BROKEN), JUNK, *events(*SAID[2:], STOP), DONE),
    replace(PART, failure="garbled"),
)
quirk(
    33,
    "garbled_utf8",
    (*events(*BROKEN), b'data: {"choices":\xff\xfe}\n\n', DONE),
    replace(PART, failure="garbled"),
)

# 34: stalls. Only words count as life: no comment, no empty delta
PING: tuple[Step, ...] = (0.05, b": PING\n\n") * 600
EMPTY: tuple[Step, ...] = (0.05, event(chunk({"content": ""}))) * 600
STALLED = replace(PART, failure="stalled")
for name, life in {"silent": (), "pings": PING, "empty_deltas": EMPTY}.items():
    quirk(34, f"stall_{name}", Raw((*events(*BROKEN), *life), end="hang"), STALLED)
    quirk(34, f"stall_at_start_{name}", Raw((event(ROLE), *life), end="hang"), Expect(failure="stalled"))
quirk(34, "stall_before_head", Raw((), status=0, framing="verbatim", end="hang"), Expect(failure="stalled"))
quirk(34, "stall_after_finish", Raw(events(*ANSWER), end="hang"), WHOLE)

# 35: redirects, never to be followed with a key
for status, name, location in (
    (307, "e307", "/v1/chat/completions/"),
    (301, "e301_https", "https://localhost/v1/chat/completions"),
    (302, "e302_other_host", "https://elsewhere.invalid/login"),
    (308, "e308_other_host", "https://elsewhere.invalid/v1/chat/completions"),
):
    quirk(35, name, redirect(status, location), Expect(failure="wrong_url"))

# 36: HTML error pages
for status, name, server, failure in (
    (502, "html502", "nginx", "server_error"),
    (413, "html413", "nginx", "too_large"),
    (504, "html504", "nginx", "gateway_timeout"),
    (524, "html524", "cloudflare", "gateway_timeout"),
    (520, "html520", "cloudflare", "server_error"),
):
    page = f"<html>\r\n<head><title>{status}</title></head>\r\n<body>{server}</body>\r\n</html>\r\n"
    quirk(36, name, Status(status, page, (("Server", server),)).on_wire({}), Expect(failure=failure))

# 37: padding against traffic analysis
PADDED: list[dict[str, Any]] = [{**value, "obfuscation": "x1Yz9" * n} for n, value in enumerate(ANSWER)]
PADDED_DELTAS = [chunk({"content": piece, "obfuscation": "aB3"}) for piece in PIECES]
quirk(37, "obfuscation", (stream(*PADDED),), WHOLE)
quirk(37, "obfuscation_in_delta", (stream(ROLE, *PADDED_DELTAS, STOP),), WHOLE)
