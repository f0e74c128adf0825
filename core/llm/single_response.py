"""One response of an endpoint that is no stream: its whole body, under one deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import ClassVar

import httpx

from core.clock import Clock
from core.errors import Code, ModelError
from core.llm.catalog import Route
from core.llm.connection import close_response, create_http, headers_of, pieces_of
from core.llm.deadline import Deadline
from core.llm.errors import fault, from_exception, from_response
from core.ports.model import ModelObserver

_NOT_IMPLEMENTED = 501


class SingleResponseModel:
    """A model that is asked for single responses: the accounts of `routes`, each with its client. `limit_s`: as in
    `read_response`."""

    limit_s: ClassVar[float]

    def __init__(
        self,
        routes: Iterable[Route],
        clock: Clock,
        observer: ModelObserver,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._not_before: dict[str, float] = {}
        """The monotonic times before which offers, or accounts, are not asked."""
        self._clients = [(route, create_client(route, clock, self.limit_s, environment)) for route in routes]

    async def close(self) -> None:
        for _, client in self._clients:
            await client.aclose()


def create_client(
    route: Route, clock: Clock, limit_s: float, environment: Mapping[str, str] | None
) -> httpx.AsyncClient:
    """A client for the account of `route`."""
    account = route.account
    headers = {name: value.get_secret_value() for name, value in account.headers.items()}
    return create_http(account.base_url, key_text(route), clock, limit_s, headers, environment)


def key_text(route: Route) -> str:
    """The key of the account of `route`."""
    return route.account.key.get_secret_value().strip()


async def read_response(
    route: Route,
    client: httpx.AsyncClient,
    build: Callable[[], httpx.Request],
    clock: Clock,
    limit_s: float,
    most_bytes: int,
) -> bytes:
    """The body of a response that is a success. Raises ModelError, also where it is longer than `most_bytes` or takes
    longer than `limit_s`."""
    key, status = key_text(route), 0
    async with Deadline(clock) as deadline:
        deadline.due = clock.monotonic() + limit_s
        try:
            response = await deadline.wait(client.send(build(), stream=True))
            try:
                status = response.status_code
                body = await deadline.wait(_read(response, most_bytes))
                if not response.is_success:
                    raise from_response(status, headers_of(response), body, clock.now(), key)
                return body
            finally:
                await close_response(response)
        except TimeoutError:
            raise fault(Code.STALLED, f"no answer in {limit_s:g} s", status=status) from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # the last: a host that is no name
            raise from_exception(error, begun=status > 0, key=key) from error


def lacks_path(error: ModelError) -> bool:
    """True if the endpoint has nothing at the URL that was asked."""
    return error.code is Code.WRONG_URL or error.status == _NOT_IMPLEMENTED


async def _read(response: httpx.Response, most_bytes: int) -> bytes:
    body = bytearray()
    async with aclosing(pieces_of(response)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > most_bytes:
                raise fault(Code.GARBLED, f"over {most_bytes} bytes", status=response.status_code)
    return bytes(body)
