"""One attempt at one completion, over HTTP. httpx lives here and in the table of faults, nowhere else.

The wire is read by `sse` and `wire`, which are pure and so tested and measured without a network; what is left
here is the conversation: what is sent, how long we wait, and what kind of answer it is.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import httpx
import structlog

from core.clock import Clock
from core.errors import Code, ModelError
from core.model.alarm import Alarm
from core.model.bodies import looks_like_error
from core.model.body import repaired, request_to_body
from core.model.echo import NOTHING, Sent
from core.model.faults import fault, from_exception, from_response, own_words, request_id_of
from core.model.sse import LINE_LIMIT_BYTES, SEEN_LENGTH, Event, Garbled, Reader
from core.model.wire import Answer
from core.ports import Request
from core.types import Delta

ERROR_LIMIT_BYTES = 1024 * 1024
BODY_LIMIT_BYTES = LINE_LIMIT_BYTES
_CONNECT_S = 5.0
_WRITE_S = 30.0
_ERROR_S = 5.0
_BLANK = b" \t\r\n\xef\xbb\xbf"
_NET_S = 30.0
"""How much longer than our own timers httpx waits for a byte: the net below them."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for the first word, between words, for all, and for what follows the end.

    A word is text, reasoning or a piece of a tool call. Comments, roles and empty deltas are none, so that
    keep-alives cannot hold up an answer that has died.
    """

    first_word_s: float = 45.0
    gap_s: float = 30.0
    total_s: float = 300.0
    tail_s: float = 1.0


Repairs = dict[tuple[str, str], frozenset[str]]
"""By base URL and model, what is sent in another form there, or not at all (`core.model.repairs`)."""


class CompletionsClient:
    """One endpoint and key. `stream` is one attempt: it repairs a refused field, and never retries. Accounts of one
    endpoint share what their `repairs` have taught."""

    def __init__(
        self,
        base_url: str,
        key: str,
        clock: Clock,
        patience: Patience | None = None,
        repairs: Repairs | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = key.strip()
        self._clock = clock
        self._patience = patience or Patience()
        self._repairs = repairs if repairs is not None else {}
        read_s = max(self._patience.first_word_s, self._patience.gap_s) + _NET_S
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(read_s, connect=_CONNECT_S, write=_WRITE_S, pool=_CONNECT_S),
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=20),
            follow_redirects=False,
            verify=_tls(),
            headers={"Accept": "text/event-stream, application/json", "User-Agent": "parley"},
            event_hooks={"response": [self._stay]},
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Raises ModelError. Closing or cancelling closes the connection at once.

        What the endpoint refuses of a request is left out or put in another form (`core.model.repairs`) and the
        request sent again, each once; what helped is remembered for the endpoint and model.
        """
        place = (self._base_url, request.model)
        repairs, answering = self._repairs.get(place, frozenset()), False
        sent = Sent(request.model, tuple(message.content for message in request.messages))
        while True:
            body = request_to_body(request, repairs)
            try:
                async with aclosing(self._attempt(body, sent)) as deltas:
                    async for delta in deltas:
                        if not answering:
                            self._remember(place, repairs)
                        answering = True
                        yield delta
                return
            except ModelError as error:
                more = repaired(request, repairs, error.parameter)
                if answering or more is None:
                    raise
                log.info("request repaired", repair="".join(more - repairs), model=request.model)
                repairs = more

    def _remember(self, place: tuple[str, str], repairs: frozenset[str]) -> None:
        """They were answered. Another question may have learnt something else meanwhile."""
        if repairs:
            self._repairs[place] = self._repairs.get(place, repairs) | repairs

    async def _attempt(self, body: dict[str, Any], sent: Sent) -> AsyncGenerator[Delta, None]:
        request_id, status = "", 0
        async with Alarm(self._clock) as alarm:
            reading = Reading(alarm, self._clock, self._patience, self._key, sent)
            try:
                response = await alarm.wait(self._http.send(self._request(body), stream=True))
                try:
                    status = response.status_code
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    request_id = request_id_of(headers)
                    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_bytes())) as pieces:
                        if not response.is_success:
                            said = await reading.error(pieces)
                            raise from_response(status, headers, said, self._clock.now(), self._key, sent)
                        async with aclosing(reading.deltas(pieces)) as deltas:
                            async for delta in deltas:
                                yield delta
                finally:
                    await response.aclose()
            except TimeoutError:
                raise _seen(reading.silence(), status, request_id) from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                fault_ = from_exception(error, begun=status > 0, key=self._key)
                raise _seen(fault_, status, request_id) from error
            except ModelError as error:
                _seen(error, status, request_id)
                raise

    async def _stay(self, response: httpx.Response) -> None:
        """Raises ModelError for a redirect: httpx would read where to, though it is not to follow, and there are
        addresses on which it fails."""
        if response.has_redirect_location:
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise from_response(response.status_code, headers, b"", self._clock.now(), self._key)

    def _request(self, body: dict[str, Any]) -> httpx.Request:
        url = httpx.URL(f"{self._base_url}/chat/completions")
        if (url.port or 0) > 65535:
            raise httpx.InvalidURL("no such port")
        return self._http.build_request(
            "POST",
            url,
            content=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            headers={b"Content-Type": b"application/json", b"Authorization": b"Bearer " + self._key.encode()},
        )


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates takes longer than all the rest of a client: once is enough."""
    return httpx.create_ssl_context()


def _seen(error: ModelError, status: int, request_id: str) -> ModelError:
    """`error` with what the head of the response told, for the log."""
    error.status = error.status or status
    error.request_id = error.request_id or request_id
    return error


class Reading:
    """The body of one answer, read under the timers of `Patience`."""

    def __init__(self, alarm: Alarm, clock: Clock, patience: Patience, key: str, sent: Sent = NOTHING) -> None:
        self._alarm = alarm
        self._clock = clock
        self._patience = patience
        self._key = key
        self._sent = sent
        self._ends_at = clock.monotonic() + patience.total_s
        self._answer = Answer(key, sent)
        self._reader = Reader()
        self._wait_for(patience.first_word_s)

    async def deltas(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[Delta, None]:
        """The answer, whatever its content type says: events, or one JSON completion.

        Raises ModelError, TimeoutError and what httpx raises, but nothing once a finish reason has come.
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
                            finished = self._answer.finish
                            self._wait_for(self._patience.tail_s if finished else self._patience.gap_s)
        except (TimeoutError, httpx.HTTPError, ModelError) as error:
            if not self._answer.finish and (isinstance(error, ModelError) or not self._reader.done):
                raise  # an error may come in one piece with the [DONE] behind it
            log.debug("fault after the end of an answer", error=type(error).__name__, detail=str(error)[:200])
        for delta in self._end():
            yield delta

    async def error(self, pieces: AsyncGenerator[bytes, None]) -> bytes:
        """The body of an error, or as much of it as comes in time: the status says enough without it."""
        body = bytearray()
        self._wait_for(_ERROR_S)
        with suppress(TimeoutError, httpx.HTTPError):
            while len(body) < ERROR_LIMIT_BYTES and (piece := await self._next(pieces)):
                body += piece
        return bytes(body[:ERROR_LIMIT_BYTES])

    def silence(self) -> ModelError:
        """Why the alarm rang. Before the first word the work may still be running there, so no same again."""
        pings = f", {self._reader.comments} keep-alives" if self._reader.comments else ""
        if self._clock.monotonic() >= self._ends_at:
            return fault(Code.STALLED, f"not whole after {self._patience.total_s:g} s", retryable=False)
        if self._answer.words:
            return fault(Code.STALLED, f"no word for {self._patience.gap_s:g} s{pings}")
        return fault(
            Code.STALLED, f"no first word in {self._patience.first_word_s:g} s{pings}", retryable=False
        )

    async def _events(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[list[Event], None]:
        """What kind of body it is shows in its first character: content types lie."""
        head = b""
        while not head:  # blank lines are keep-alives too
            piece = await self._next(pieces)
            if not piece:
                return
            head = piece.lstrip(_BLANK)
        if head.startswith(b"<"):
            page = self._own(head.decode("utf-8", "replace"))
            raise fault(Code.WRONG_URL, f"a web page came instead of an answer: {page}")
        if head.startswith((b"{", b"[")):
            body = bytearray(head)
            while piece := await self._next(pieces):
                body += piece
                if len(body) > BODY_LIMIT_BYTES:
                    raise fault(Code.GARBLED, f"the body is over {BODY_LIMIT_BYTES} bytes")
            yield self._parse(bytes(body))
            return
        yield self._reader.feed(head)
        while not self._reader.done and (piece := await self._next(pieces)):
            yield self._reader.feed(piece)
        yield self._reader.end()
        if self._reader.done:  # the body should end here: read to its end, the connection is fit for reuse
            self._wait_for(self._patience.tail_s)
            await self._next(pieces)

    def _parse(self, body: bytes) -> list[Event]:
        """One JSON value, or else lines of them."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return [*self._reader.feed(body), *self._reader.end()]
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict) and ("choices" in first or looks_like_error(first)):
            return [first]
        return [Garbled(body[:SEEN_LENGTH].decode("utf-8", "replace"))]

    @property
    def _progress(self) -> tuple[str, int]:
        return self._answer.finish, self._answer.words

    def _take(self, event: Event) -> list[Delta]:
        if isinstance(event, Garbled):
            raise fault(Code.GARBLED, f"no part of an answer: {self._own(event.text)}")
        return self._answer.take(event)

    def _own(self, text: str) -> str:
        return own_words(text, self._key, self._sent)

    def _end(self) -> list[Delta]:
        if not self._answer.begun and not self._reader.done and self._reader.odd:
            raise fault(Code.GARBLED, f"no event but this: {self._own(self._reader.odd)}")
        self._answer.begun = self._answer.begun or self._reader.done
        deltas = self._answer.end()
        if self._answer.ignored:
            log.info("odd end of an answer", detail=self._answer.ignored)
        return deltas

    async def _next(self, pieces: AsyncGenerator[bytes, None]) -> bytes:
        """The next bytes, or none at the end."""
        return await self._alarm.wait(anext(pieces, b""))

    def _wait_for(self, seconds: float) -> None:
        self._alarm.due = min(self._clock.monotonic() + seconds, self._ends_at)
