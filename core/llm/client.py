"""One attempt at one completion, over HTTP. httpx lives here and in the table of faults, nowhere else.

The wire is read by `sse` and `wire`, which are pure and so tested and measured without a network; what is left
here is the conversation: what is sent, how long we wait, and what kind of answer it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import cache
from typing import Any, cast

import httpx
import structlog
from cachetools import FIFOCache

from core.clock import Clock
from core.errors import ModelError
from core.llm.chunks import Caps
from core.llm.deadline import Deadline
from core.llm.decompression import Inflate
from core.llm.echo import Sent
from core.llm.errors import from_exception, from_response, request_id_of
from core.llm.messages import message_to_text
from core.llm.network import create_tls, proxy_for
from core.llm.request_body import repaired, request_to_body
from core.llm.request_repairs import STREAM
from core.llm.response_reader import Patience, Reading
from core.ports.model import Request
from core.settings.environment import completions_url
from core.values.deltas import Charged, Delta

_CONNECT_S = 5.0
_WRITE_S = 30.0
_HEADERS = {
    "Accept": "text/event-stream, application/json",
    "Accept-Encoding": "identity",  # proxies hold compressed streams back
    "User-Agent": "parley",
}
REPAIRS_KEPT = 1_000
"""Most endpoints and models remembered: people may ask for models by names of their own."""
_NET_S = 30.0
"""How much longer than our own timers httpx waits for a byte: the net below them."""

log = structlog.get_logger()

Repairs = FIFOCache[tuple[str, str], frozenset[str]]
"""By base URL and model, what is sent in another form there, or not at all (`core.llm.request_repairs`)."""


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
        caps: Caps | None = None,
        headers: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`headers` go out with every request. `environment`: what tells of proxies and certificates. Raises
        SettingsError for a variable there that can't be used."""
        environment = os.environ if environment is None else environment
        self._base_url = base_url.rstrip("/")
        self._key = key.strip()
        self._clock = clock
        self._patience = patience or Patience()
        self._repairs = repairs if repairs is not None else FIFOCache(REPAIRS_KEPT)
        self._caps = caps or Caps()
        read_s = max(self._patience.whole_s, self._patience.gap_s) + _NET_S
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(read_s, connect=_CONNECT_S, write=_WRITE_S, pool=_CONNECT_S),
            limits=httpx.Limits(max_connections=1000, max_keepalive_connections=20),
            follow_redirects=False,
            trust_env=False,
            proxy=proxy_for(self._base_url, environment),
            verify=_tls(),
            headers={**(headers or {}), **_HEADERS},
            event_hooks={"response": [self._stay]},
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Raises ModelError. Closing or cancelling closes the connection at once.

        What the endpoint refuses of a request is left out or put in another form (`core.llm.request_repairs`) and the
        request sent again, each once; what helped is remembered for the endpoint and model.
        """
        place = (self._base_url, request.model)
        repairs, answering = self._repairs.get(place, frozenset()), False
        sent = Sent(request.model, tuple(map(message_to_text, request.messages)))
        while True:
            body = request_to_body(request, repairs)
            try:
                async with aclosing(self._attempt(body, sent)) as deltas:
                    async for delta in deltas:
                        if not answering and not isinstance(delta, Charged):
                            self._remember(place, repairs)
                            answering = True
                        yield delta
                return
            except ModelError as error:
                more = repaired(request, repairs, error.parameter)
                if answering or more is None:
                    raise
                log.info("request_repaired", repair="".join(more - repairs), model=request.model)
                repairs = more

    def _remember(self, place: tuple[str, str], repairs: frozenset[str]) -> None:
        """They were answered. Another question may have learnt something else meanwhile."""
        if repairs:
            self._repairs[place] = self._repairs.get(place, repairs) | repairs

    async def _attempt(self, body: dict[str, Any], sent: Sent) -> AsyncGenerator[Delta, None]:
        request_id, status = "", 0
        async with Deadline(self._clock) as alarm:
            whole = not body[STREAM]
            reading = Reading(alarm, self._clock, self._patience, self._key, sent, self._caps, whole=whole)
            try:
                response = await alarm.wait(self._http.send(self._request(body), stream=True))
                try:
                    status = response.status_code
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    request_id = request_id_of(headers)
                    async with aclosing(_pieces(response)) as pieces:
                        if not response.is_success:
                            said = await reading.error(pieces)
                            raise from_response(status, headers, said, self._clock.now(), self._key, sent)
                        async with aclosing(reading.deltas(pieces)) as deltas:
                            async for delta in deltas:
                                yield delta
                finally:
                    await response.aclose()
                return
            except TimeoutError:
                failed = reading.silence()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failed = from_exception(error, begun=status > 0, key=self._key)
                failed.__cause__ = error
            except ModelError as error:
                failed = error
            if charged := reading.charged():
                yield charged
            raise _seen(failed, status, request_id)

    async def _stay(self, response: httpx.Response) -> None:
        """Raises ModelError for a redirect: httpx would read where to, though it is not to follow, and there are
        addresses on which it fails."""
        if response.has_redirect_location:
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise from_response(response.status_code, headers, b"", self._clock.now(), self._key)

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
            headers={b"Content-Type": b"application/json", b"Authorization": b"Bearer " + self._key.encode()},
        )


async def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it arrives. Not by httpx, which decompresses without a bound."""
    inflate = Inflate(response.headers.get("content-encoding", ""))
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw())) as raw:
        async for data in raw:
            for number, piece in enumerate(inflate.feed(data)):
                if number:
                    await asyncio.sleep(0)
                yield piece


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates takes longer than all the rest of a client: once is enough."""
    return create_tls(os.environ)


def _seen(error: ModelError, status: int, request_id: str) -> ModelError:
    """`error` with what the head of the response told, for the log."""
    error.status = error.status or status
    error.request_id = error.request_id or request_id
    return error
