"""Reads the body of one answer with timeouts, detects its format and decides when it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass

import httpx
import structlog

from core.clock import Clock
from core.errors import Code, ModelError
from core.llm.chunks import AnswerCaps, Completeness, CompletionReader
from core.llm.deadline import Deadline
from core.llm.echo import NOTHING, SentRequest
from core.llm.error_bodies import looks_like_error
from core.llm.errors import fault, own_words
from core.llm.partial_completion import beginning_to_completion
from core.llm.sse import LINE_LIMIT_BYTES, SEEN_LENGTH, Event, Garbled, OversizedLine, SseReader
from core.values.deltas import Charged, Delta, Usage

ERROR_LIMIT_BYTES = 1024 * 1024
BODY_LIMIT_BYTES = LINE_LIMIT_BYTES
IDLE_LIMIT_BYTES = 2 * LINE_LIMIT_BYTES
"""Maximum bytes without text or a usage: more than the longest line, and than all keep-alives of an answer."""
_ERROR_S = 5.0
_BLANK = b" \t\r\n\xef\xbb\xbf"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReadTimeouts:
    """Timeouts in seconds: for the first text, between texts, for the whole answer, for more text after a finish
    reason, and for the end of the connection after the end of an answer.

    Text, reasoning and pieces of tool calls count. Comments, roles and empty deltas do not, so keep-alives can't extend
    a dead answer.
    """

    first_word_s: float = 45.0
    gap_s: float = 30.0
    total_s: float = 300.0
    finish_s: float = 5.0
    tail_s: float = 1.0

    @property
    def whole_s(self) -> float:
        """Timeout in seconds of an answer that is not streamed, which is complete before its first byte arrives."""
        return 4 * self.first_word_s


class ResponseReader:
    """Reads the body of one answer under `ReadTimeouts`. `whole`: it was requested without streaming."""

    def __init__(
        self,
        alarm: Deadline,
        clock: Clock,
        patience: ReadTimeouts,
        key: str,
        sent: SentRequest = NOTHING,
        caps: AnswerCaps | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self._alarm = alarm
        self._clock = clock
        self._patience = patience
        self._key = key
        self._sent = sent
        self._ends_at = clock.monotonic() + patience.total_s
        self._first_s = patience.whole_s if whole else patience.first_word_s
        self._answer = CompletionReader(key, sent, caps)
        self._reader = SseReader()
        self._idle_bytes = 0
        self._wait_for(self._first_s)

    async def deltas(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[Delta, None]:
        """The deltas of the answer, of any content type: events, or one JSON completion.

        Raises ModelError, TimeoutError and httpx's exceptions, but nothing once the answer is complete.
        """
        try:
            async with aclosing(self._events(pieces)) as batches:
                async for events in batches:
                    for event in events:
                        before = self._progress
                        for delta in self._take(event):
                            yield delta
                        if self._answer.error is not None:
                            raise self._answer.error
                        if self._progress != before:
                            self._idle_bytes = 0
                            self._wait_for(self._gap_s)
                    if self._answer.full:
                        log.info("answer_capped", cap=self._answer.full)
                        break
        except (TimeoutError, httpx.HTTPError, ModelError) as error:
            if not self._is_over(error):
                raise
            log.debug("error_after_answer", error=type(error).__name__, detail=str(error)[:200])
        for delta in self._end():
            yield delta

    def charged(self) -> Charged | None:
        """The usage of a failed answer: the prompt counts if the model wrote or counted anything."""
        if self._answer.usage is None and not self._answer.words:
            return None
        return Charged(self._answer.usage)

    def _is_over(self, error: Exception) -> bool:
        if isinstance(error, TimeoutError):
            return self._answer.finished or self._reader.done
        if isinstance(error, ModelError):  # it may arrive in one piece with the following [DONE]
            return self._answer.sealed
        return self._answer.sealed or self._reader.done

    async def error(self, pieces: AsyncGenerator[bytes, None]) -> bytes:
        """The body of an error, or the part that arrives in time; the status alone is enough."""
        body = bytearray()
        self._wait_for(_ERROR_S)
        with suppress(TimeoutError, httpx.HTTPError):
            while len(body) < ERROR_LIMIT_BYTES and (piece := await self._next(pieces)):
                body += piece
        return bytes(body[:ERROR_LIMIT_BYTES])

    def silence(self) -> ModelError:
        """The error of a timeout. Before the first text the request may still run on the endpoint, so it is not
        repeated there."""
        pings = f", {self._reader.comments} keep-alives" if self._reader.comments else ""
        if self._clock.monotonic() >= self._ends_at:
            return fault(Code.STALLED, f"not whole after {self._patience.total_s:g} s", retryable=False)
        if self._answer.words:
            return fault(Code.STALLED, f"no word for {self._patience.gap_s:g} s{pings}")
        return fault(Code.STALLED, f"no first word in {self._first_s:g} s{pings}", retryable=False)

    async def _events(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[list[Event], None]:
        """Yield the events. The first character decides the format, because content types are unreliable."""
        head = b""
        while not head:  # blank lines are keep-alives too
            piece = await self._next(pieces)
            if not piece:
                return
            head = piece.lstrip(_BLANK)
        if head.startswith(b"<"):
            page = self._own(head.decode("utf-8", "replace"))
            raise fault(Code.WRONG_URL, f"an HTML page came instead of an answer: {page}")
        if head.startswith((b"{", b"[")):
            body = bytearray(head)
            while piece := await self._next(pieces):
                body += piece
                if len(body) > BODY_LIMIT_BYTES:
                    yield [OversizedLine(body)]
                    return
            yield self._parse(body)
            return
        yield self._reader.feed(head)
        while not (self._reader.done or self._reader.cut) and (piece := await self._next(pieces)):
            yield self._reader.feed(piece)
        yield self._reader.end()
        if self._reader.done:  # read to the end of the body, so that the connection can be reused
            self._wait_for(self._patience.tail_s)
            await self._next(pieces)

    def _parse(self, body: bytearray) -> list[Event]:
        """Parse one JSON value, or lines of them."""
        try:
            value = json.loads(body, strict=False)
        except (ValueError, RecursionError):
            return [*self._reader.feed(bytes(body)), *self._reader.end()]
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict) and ("choices" in first or looks_like_error(first)):
            return [first]
        return [Garbled(body[:SEEN_LENGTH].decode("utf-8", "replace"))]

    def _take(self, event: Event) -> list[Delta]:
        if isinstance(event, Garbled):
            raise fault(Code.GARBLED, f"no part of an answer: {self._own(event.text)}")
        return self._cut(event) if isinstance(event, OversizedLine) else self._answer.take(event)

    def _cut(self, event: OversizedLine) -> list[Delta]:
        """End the answer at the length limit, with the readable text of an event that is too long to hold."""
        completion = beginning_to_completion(event.beginning)
        if self._answer.sealed or (completion is None and not self._answer.words):
            raise fault(Code.GARBLED, f"over {LINE_LIMIT_BYTES} bytes in one piece", retryable=False)
        deltas = self._answer.take(completion) if completion is not None else []
        self._answer.full = self._answer.full or "piece"
        return deltas

    @property
    def _progress(self) -> tuple[int, str, Usage | None]:
        return self._answer.words, self._answer.finish, self._answer.usage

    @property
    def _gap_s(self) -> float:
        """Seconds to wait for the next bytes."""
        match self._answer.settled:
            case Completeness.COUNTED:
                return self._patience.tail_s
            case Completeness.FINISHED:
                return self._patience.finish_s
        return self._patience.gap_s

    def _own(self, text: str) -> str:
        return own_words(text, self._key, self._sent)

    def _end(self) -> list[Delta]:
        if not self._answer.begun and not self._reader.done and self._reader.odd:
            raise fault(Code.GARBLED, f"no event but this: {self._own(self._reader.odd)}")
        self._answer.begun = self._answer.begun or self._reader.done
        deltas = self._answer.end(done=self._reader.done)
        if self._answer.ignored:
            log.info("answer_end_unusual", detail=self._answer.ignored)
        return deltas

    async def _next(self, pieces: AsyncGenerator[bytes, None]) -> bytes:
        """The next bytes; empty at the end. Raises ModelError past IDLE_LIMIT_BYTES."""
        piece = await self._alarm.wait(anext(pieces, b""))
        self._idle_bytes += len(piece)
        if self._idle_bytes > IDLE_LIMIT_BYTES:
            code = Code.CUT if self._answer.words else Code.EMPTY
            raise fault(code, f"{IDLE_LIMIT_BYTES} bytes without a word", retryable=False)
        return piece

    def _wait_for(self, seconds: float) -> None:
        self._alarm.due = min(self._clock.monotonic() + seconds, self._ends_at)
