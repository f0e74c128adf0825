"""Converts chunks of a chat completion into deltas. Pure. A completion that is not streamed is one complete chunk.

Endpoints differ in almost every field (null, missing, empty, another type), so every field is checked. Format:
https://platform.openai.com/docs/api-reference/chat/streaming; `tests/fakes/completions/quirks.py` has a case for each
departure of a real server.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from core.errors import Code, ModelError
from core.llm.echo import NOTHING, SentRequest
from core.llm.error_bodies import looks_like_error
from core.llm.errors import fault, from_chunk
from core.llm.finish_reasons import Meaning, meaning_of
from core.llm.opaque_fields import OpaqueFields
from core.llm.printed_calls import PrintedCallFilter
from core.llm.reasoning_tags import ReasoningFilter
from core.llm.tool_calls import ToolCallAssembler, is_whole
from core.llm.usage_fields import usage_of
from core.text import DIRECTION_MARKS, is_blank
from core.values.deltas import CallPiece, Delta, Ended, EndReason, Thinking, Usage
from core.values.parts import Opaque, Text, ToolCall

_NOT_YET = frozenset({"null", "none"})
"""Strings that some gateways send in place of a `null` finish reason."""
_HALVES = re.compile("[\ud800-\udfff]")
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")

_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f"  # controls but tab, line feed and next line
    f"{DIRECTION_MARKS}]"
)
"""Characters that are removed from answers: terminal escapes, and marks that reorder text. Joiners and variation
selectors stay, because emoji contain them."""


@dataclass(frozen=True, slots=True)
class AnswerCaps:
    """The largest size of one answer, in characters. An answer that exceeds one ends at the length limit."""

    text: int = 400_000
    arguments: int = 100_000
    reasoning: int = 1_000_000


class Completeness(IntEnum):
    """The certainty that an answer is complete."""

    NO = 0
    """No finish reason came, or text followed it, or every chunk of text has carried one."""
    FINISHED = 1
    """A finish reason came with or after the last text. Endpoints that finish their reasoning separately may still
    send text."""
    COUNTED = 2
    """A usage came with or after the finish reason, or a cap is reached."""


class CompletionReader:
    """Reads one answer as it arrives. Call `take` with each chunk, then `end`. Deltas are yielded in order, `Ended`
    last.

    A finish reason completes an answer; without one, `[DONE]` and a usage after the last text do. `finish` is the last
    finish reason, as the endpoint wrote it; it may report a failure. `words` counts the pieces of text, reasoning and
    tool calls. `error` is what the endpoint reported before the answer was complete; text in the same chunk is yielded
    before it. `ignored` keeps errors after completion, for the log.
    """

    def __init__(self, key: str = "", sent: SentRequest = NOTHING, caps: AnswerCaps | None = None) -> None:
        self.finish = ""
        self.ignored = ""
        self.error: ModelError | None = None
        self.begun = False
        self.words = 0
        self.full = ""
        self.usage: Usage | None = None
        self._key = key
        self._sent = sent
        self._caps = caps or AnswerCaps()
        self._model = ""
        self._text_left = self._caps.text
        self._thoughts_left = self._caps.reasoning
        self._content_left = self._caps.text + self._caps.reasoning  # shown or not: blanks, marks, controls
        self._refused = False
        self._wrote = False
        self._in_messages = False
        self._calls = ToolCallAssembler(self._caps.arguments, sent.rounds)
        self._opaque = OpaqueFields()
        self._printed: PrintedCallFilter | None = PrintedCallFilter(sent.tools) if sent.tools else None
        self._thoughts: ReasoningFilter | None = ReasoningFilter()
        self._half = ""
        self._words_at_finish = 0
        self._words_at_usage = -1
        self._open = False  # text came in a chunk without a finish reason before a chunk with one
        self._again = False  # text came after a finish reason
        self._counted = False  # a usage came with or after the last finish reason

    @property
    def settled(self) -> Completeness:
        if self.full:
            return Completeness.COUNTED
        if not self.finish or self._again or not self._open or self.words > self._words_at_finish:
            return Completeness.NO
        return Completeness.COUNTED if self._counted else Completeness.FINISHED

    @property
    def finished(self) -> bool:
        """True if a finish reason came with or after the last text."""
        return bool(self.finish) and self.words == self._words_at_finish

    @property
    def sealed(self) -> bool:
        """True if later errors are ignored: the answer is complete, and this endpoint does not send a finish reason
        with every chunk."""
        return self.finished and not self._again

    def take(self, chunk: dict[str, Any]) -> list[Delta]:
        """Yield the deltas of `chunk`; none after an `error` or once a cap is reached."""
        if self.error is not None or self.full:
            return []
        self.begun = True
        choices, words = chunk.get("choices"), self.words
        if not choices or "error" in chunk or "base_resp" in chunk:
            self._check(chunk)
        if not choices or not isinstance(choices, list) or not isinstance(choices[0], dict):
            self._count(chunk.get("usage"), words)
            return []
        # Its index is ignored: we ask for one choice, and some gateways count the blocks of an answer in it.
        choice = choices[0]
        if "error" in choice:
            self._check({"error": choice["error"]})
        delta = choice.get("delta")
        whole = not delta
        if whole and (self._in_messages or not self.words):  # else it repeats earlier text, as MiniMax does
            delta = choice.get("message")
            self._in_messages = bool(delta)
        deltas = self._delta(delta, whole) if delta and isinstance(delta, dict) else []
        finish = choice.get("finish_reason")
        if finish and isinstance(finish, str) and finish.lower() not in _NOT_YET:
            self._finish(finish, chunk, new=self.words > words)
        elif not self._open and not self.finish and self.words > words:
            self._open = True
        if usage := chunk.get("usage") or choice.get("usage") or ("x_groq" in chunk and chunk["x_groq"]):
            self._count(usage, words)
        return deltas

    def end(self, *, done: bool = False) -> list[Delta]:
        """Yield the text that was held back, the tool calls, and `Ended`. `done`: `[DONE]` has come.

        Raises ModelError: `error`, CUT, EMPTY, GARBLED, or ERROR_IN_STREAM where the finish reason reports a failure.
        """
        if self.error is not None:
            raise self.error
        meaning = self._meaning(done)
        if isinstance(meaning, Code):
            raise fault(meaning, f"finish reason {self.finish[:40].lower()!r}")
        deltas = self._shown(self._thoughts.end()) if self._thoughts is not None else []
        deltas += self._unheld()
        calls = self._calls_to_make(meaning)
        reason = EndReason.TOOLS if calls else meaning
        if self._refused and reason is EndReason.STOP:
            reason = EndReason.POLICY
        if not self._wrote and not calls and reason in (EndReason.STOP, EndReason.TOOLS):
            if self._calls:
                raise fault(Code.GARBLED, "the arguments of a tool call are not JSON")
            raise fault(Code.EMPTY, f"finish reason {self.finish[:40].lower()!r}, but no text and no tool call")
        if reason is EndReason.TOOLS and not calls:
            reason = EndReason.STOP
        return [*deltas, *calls, *self._beside_calls(calls), Ended(reason, self.usage, self._model)]

    def _unheld(self) -> list[Delta]:
        """The text that was held back because it looked like printed calls. Those that are become calls."""
        printed, self._printed = self._printed, None
        if printed is None or (not (rest := printed.end()) and not printed.calls):
            return []
        for number, (name, arguments) in enumerate(printed.calls):
            function = {"name": name, "arguments": arguments}
            self._calls.add([{"index": f"printed {number}", "function": function}], whole=False)
        return self._shown([Text(rest)])

    def _calls_to_make(self, meaning: Meaning) -> list[ToolCall]:
        """The calls. Where tools were offered, those with broken arguments are among them: they never run, but the
        model learns of it. An answer that was cut at a limit calls nothing, unless it is nothing but a call that was
        cut."""
        calls = self._calls.named()
        if meaning is EndReason.LENGTH:
            return calls if self._sent.tools and not self._wrote and calls and not is_whole(calls[-1]) else []
        return calls if self._sent.tools else [call for call in calls if is_whole(call)]

    def _beside_calls(self, calls: Sequence[ToolCall]) -> list[Delta]:
        """The fields that go back to the endpoint with the calls."""
        fields = self._opaque.to_json()
        if not calls or not (fields or any(call.extra for call in calls)):
            return []
        return [Opaque(fields or "{}", self._sent.endpoint)]

    def _meaning(self, done: bool) -> Meaning:
        if self.full:
            return EndReason.LENGTH
        if not self.finish or not (self.finished or done):
            counted = self.usage is not None and self.usage.completion_tokens > 0
            if done and counted and self._words_at_usage == self.words > 0:
                return EndReason.STOP
            raise fault(Code.CUT, "no finish reason came") if self.begun else fault(Code.EMPTY, "nothing came")
        meaning = meaning_of(self.finish)
        if meaning is None:
            self.ignored = self.ignored or f"unknown finish reason {self.finish[:40].lower()!r}, taken as stop"
        return meaning or EndReason.STOP

    def _finish(self, finish: str, chunk: dict[str, Any], *, new: bool) -> None:
        """Record the finish reason; the last one counts, because some endpoints finish each chunk. `new`: the chunk
        has text of its own."""
        again = bool(self.finish) and self.words > self._words_at_finish
        self._again = new and (self._again or again)
        self._open = self._open or (not new and self.words > 0)
        self._counted = self._words_at_usage == self.words
        if not self.finish or again or meaning_of(self.finish) is EndReason.STOP:
            self.finish = finish
        self._words_at_finish = self.words
        model = chunk.get("model")
        self._model = model if isinstance(model, str) else self._model

    def _count(self, found: object, words: int) -> None:
        """Record the usage wherever the chunk holds it (https://console.groq.com/docs/api-reference has it in
        `x_groq`); the last one that counts anything replaces earlier ones. `words`: the pieces before this chunk."""
        found = found.get("usage", found) if isinstance(found, dict) else None
        if not isinstance(found, dict) or (usage := usage_of(found)) is None:
            return
        self.usage = usage
        self._counted = True
        if self.words == words:
            self._words_at_usage = words
            if self.finished:  # a separate usage after the finish is not one per chunk
                self._again, self._open = False, True

    def _check(self, chunk: dict[str, Any]) -> None:
        if looks_like_error(chunk):
            error = from_chunk(chunk, self._key, self._sent)
            if self.sealed:
                self.ignored = self.ignored or error.detail
            else:
                self.error = error

    def _delta(self, delta: dict[str, Any], whole: bool) -> list[Delta]:
        deltas: list[Delta] = []
        if len(delta) > 1 or "content" not in delta:
            deltas += self._beside(delta, whole)
        content = delta.get("content")
        if content:
            self.words += 1
            if not isinstance(content, str):
                content = _words(content)
            self._content_left -= len(content)
            if self._half or not content.isprintable():
                content = self._cleaned(content)
            if content and self._thoughts is None and self._wrote and len(content) <= self._text_left:
                self._text_left -= len(content)
                deltas.append(Text(content))
            elif content:
                deltas += self._said(content)
            if self._content_left < 0:
                self.full = self.full or "text"
        return deltas

    def _beside(self, delta: dict[str, Any], whole: bool) -> list[Delta]:
        """Yield reasoning, tool calls and a refusal."""
        deltas: list[Delta] = []
        if self._sent.tools:
            self._opaque.add(delta)
        for name in _REASONING:
            thought = delta.get(name)
            if thought and (words := _words(thought)):
                self.words += 1
                deltas += self._shown([Thinking(_whole(words))])
                break
        if (calls := delta.get("tool_calls")) and isinstance(calls, list):
            self.words += 1
            if piece := self._calls.add(calls, whole=whole):
                deltas.append(CallPiece(piece))
            if self._calls.full:
                self.full = "arguments"
        if (refusal := delta.get("refusal")) and isinstance(refusal, str):
            self.words += 1
            self._refused = True
            deltas += self._shown([Text(_UNWANTED.sub("", _whole(refusal)))])
        return deltas

    def _said(self, content: str) -> list[Delta]:
        if self._thoughts is None:
            return self._shown([Text(content)])
        deltas = self._shown(self._thoughts.feed(content))
        if self._thoughts is not None and self._thoughts.over:
            self._thoughts = None
        return deltas

    def _shown(self, deltas: list[Text | Thinking]) -> list[Delta]:
        """`deltas`, up to the caps."""
        shown: list[Delta] = []
        for delta in deltas:
            thinking, text = isinstance(delta, Thinking), delta.text
            if not thinking and self._printed is not None:
                text = self._printed.feed(text)
                self._printed = None if self._printed.over else self._printed
            left = self._thoughts_left if thinking else self._text_left
            if len(text) > left:
                self.full = "reasoning" if thinking else "text"
            text = text[:left]
            if thinking:
                self._thoughts_left -= len(text)
            else:
                self._text_left -= len(text)
                self._wrote = self._wrote or not is_blank(text)
            if text:
                shown.append(Thinking(text) if thinking else Text(text))
            if self.full:
                break
        return shown

    def _cleaned(self, text: str) -> str:
        if self._half or not text.isascii():
            text = self._mend(text)
        return text if text == "\n" else _UNWANTED.sub("", text)

    def _mend(self, text: str) -> str:
        """`text` with surrogates joined across chunks, because JSON escapes can split a character. A high surrogate
        waits for the low one; a lone one becomes U+FFFD."""
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return _whole(text)


def _whole(text: str) -> str:
    """`text` with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if text.isascii() or not _HALVES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _words(value: object) -> str:
    """The text of a string, or of a list of parts with a `text` (reasoning_details, content parts)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [part.get("text") or part.get("summary") for part in value if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    return ""
