"""One HTTP attempt at one completion: the request, its timeouts and the kind of its response.

`core.llm.sse` and `core.llm.chunks` parse the body without I/O, so their tests need no network.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx
import structlog
from cachetools import TTLCache

from core.clock import Clock
from core.errors import ModelError
from core.llm.chunks import AnswerCaps
from core.llm.connection import Guard, bearer, close_response, create_http, headers_of, pieces_of
from core.llm.deadline import Deadline
from core.llm.echo import SentRequest
from core.llm.errors import from_exception, from_response, request_id_of
from core.llm.messages import message_to_text
from core.llm.request_body import repaired, request_to_body
from core.llm.request_repairs import STREAM, UNREMEMBERED
from core.llm.response_reader import ReadTimeouts, ResponseReader
from core.ports.model import Request
from core.settings.urls import completions_url
from core.values.deltas import Charged, Delta
from core.values.parts import ToolCall

REPAIRS_KEPT = 1_000
"""Maximum number of endpoint and model pairs whose repairs are kept. People may ask for models by any name."""
REPAIRED_S = 86_400.0
"""Seconds for which repairs are kept: a model may be replaced by one that takes tools."""
_NET_S = 30.0
"""Seconds that httpx's read timeout exceeds Parley's own timers, so that it only fires if they fail."""

log = structlog.get_logger()

Repairs = TTLCache[tuple[str, str], frozenset[str]]
"""The request fields that are left out or sent in another form, by base URL and model
(`core.llm.request_repairs`)."""


def create_repairs(clock: Clock) -> Repairs:
    """No repairs. They are kept for REPAIRED_S seconds."""
    return TTLCache(REPAIRS_KEPT, REPAIRED_S, timer=clock.monotonic)


class CompletionsClient:
    """A client of one endpoint and key. `stream` makes one attempt: it repairs a refused field and never retries.
    Accounts of one endpoint share `repairs`."""

    def __init__(
        self,
        base_url: str,
        key: str,
        clock: Clock,
        patience: ReadTimeouts | None = None,
        repairs: Repairs | None = None,
        caps: AnswerCaps | None = None,
        headers: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        endpoint: str = "",
        guard: Guard | None = None,
    ) -> None:
        """`headers` are added to every request. `environment` names proxies and certificates. `endpoint` is the
        operator's name of the endpoint. `guard`: as in `create_http`. Raises SettingsError for a variable of
        `environment` that can't be used."""
        self._base_url = base_url.rstrip("/")
        self._endpoint = endpoint
        self._key = key.strip()
        self._clock = clock
        self._patience = patience or ReadTimeouts()
        self._repairs = repairs if repairs is not None else create_repairs(clock)
        self._caps = caps or AnswerCaps()
        read_s = max(self._patience.whole_s, self._patience.gap_s) + _NET_S
        self._http = create_http(self._base_url, self._key, clock, read_s, headers, environment, guard)

    async def close(self) -> None:
        await self._http.aclose()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Yield the deltas of one answer. Raises ModelError. Closing or cancelling closes the connection at once.

        A part of the request that the endpoint refuses is left out or put in another form (`core.llm.request_repairs`),
        each once, and the request is sent again. Repairs that helped are remembered for the endpoint and model.
        """
        place, sender = (self._base_url, request.model), f"{request.model}@{self._endpoint}"
        repairs, answering = self._repairs.get(place, frozenset()), False
        sent = _sent(request, sender)
        while True:
            body = request_to_body(request, repairs, sender)
            try:
                async with aclosing(self._attempt(body, sent)) as deltas:
                    async for delta in deltas:
                        if not answering and not isinstance(delta, Charged):
                            self._remember(place, repairs)
                            answering = True
                        yield delta
                return
            except ModelError as error:
                more = repaired(request, repairs, error.parameter, sender)
                if answering or more is None:
                    raise
                repair = "".join(more - repairs)
                level = logging.WARNING if repair in UNREMEMBERED else logging.INFO
                log.log(level, "request_repaired", repair=repair, model=request.model, detail=error.detail)
                repairs = more

    def _remember(self, place: tuple[str, str], repairs: frozenset[str]) -> None:
        """Keep the repairs of an answered request, together with those that another request has added meanwhile. The
        time of those that are kept already goes on."""
        known = self._repairs.get(place, frozenset())
        if learnt := repairs - UNREMEMBERED - known:
            self._repairs[place] = known | learnt

    async def _attempt(self, body: dict[str, Any], sent: SentRequest) -> AsyncGenerator[Delta, None]:
        request_id, status = "", 0
        async with Deadline(self._clock) as alarm:
            whole = not body[STREAM]
            reading = ResponseReader(
                alarm, self._clock, self._patience, self._key, sent, self._caps, whole=whole
            )
            try:
                response = await alarm.wait(self._http.send(self._request(body), stream=True))
                try:
                    status = response.status_code
                    headers = headers_of(response)
                    request_id = request_id_of(headers)
                    async with aclosing(pieces_of(response)) as pieces:
                        if not response.is_success:
                            said = await reading.error(pieces)
                            raise from_response(status, headers, said, self._clock.now(), self._key, sent)
                        async with aclosing(reading.deltas(pieces)) as deltas:
                            async for delta in deltas:
                                yield delta
                finally:
                    await close_response(response)
                return
            except TimeoutError:
                failed = reading.silence()
            except (
                httpx.HTTPError,
                httpx.InvalidURL,
                UnicodeError,
            ) as error:  # the last: a host that is no name
                failed = from_exception(error, begun=status > 0, key=self._key)
                failed.__cause__ = error
            except ModelError as error:
                failed = error
            if charged := reading.charged():
                yield charged
            raise _seen(failed, status, request_id)

    def _request(self, body: dict[str, Any]) -> httpx.Request:
        try:
            url = httpx.URL(completions_url(self._base_url))
        except ValueError:
            raise httpx.InvalidURL("no address") from None
        if (url.port or 0) > 65535:
            raise httpx.InvalidURL("no such port")
        return self._http.build_request(
            "POST",
            url,
            content=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            headers={b"Content-Type": b"application/json", **bearer(self._key)},
        )


def _sent(request: Request, endpoint: str) -> SentRequest:
    descriptions = (tool.description for tool in request.tools)
    return SentRequest(
        request.model,
        (*descriptions, *map(message_to_text, request.messages)),
        frozenset(tool.name for tool in request.tools if request.may_call),
        sum(any(isinstance(part, ToolCall) for part in message.parts) for message in request.messages),
        endpoint,
    )


def _seen(error: ModelError, status: int, request_id: str) -> ModelError:
    """`error` with the status and request id of the response, for the log."""
    error.status = error.status or status
    error.request_id = error.request_id or request_id
    return error
