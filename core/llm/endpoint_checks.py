"""The checks of `parley doctor` of endpoints and models: real requests, as small as they can be.

The list of models, and for each model one completion of at most 16 tokens; pictures and tools where the settings claim
that it takes them; embeddings and transcripts where a model for them is set. Some endpoints refuse a limit below 16.
"""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import httpx

from core.clock import Clock
from core.connection_problems import ConnectionProblem, connection_problem
from core.errors import Code, ModelError
from core.i18n import advise
from core.llm.catalog import ModelCatalog, Route
from core.llm.client import CompletionsClient, Repairs, create_repairs
from core.llm.embeddings import EndpointEmbedder
from core.llm.listed_models import lists, near
from core.llm.model_list import served_models
from core.llm.network import proxy_for
from core.llm.request_repairs import TOOLS
from core.llm.response_reader import ReadTimeouts
from core.llm.single_response import key_text, lacks_path
from core.llm.transcription import EndpointTranscriber
from core.ports.files import FileError
from core.ports.model import Request, SilentObserver
from core.settings.environment import CoreSettings
from core.values.checks import Check, Finding, Host, failed, host_of, ok, warning
from core.values.conversation import Message, text_message
from core.values.deltas import Thinking
from core.values.parts import Image, Text, ToolCall
from core.values.tools import Tool

MOST_TOKENS = 16
_REFUSED = 300
"""The statuses from here on are no answer."""
MOST_TOKENS_OF_CALL = 256
"""A model may reason before it calls a tool."""
SLOW_S = 5.0
"""Seconds to the first word past which a model is called slow."""
_MARGIN_S = 10.0
"""Seconds beside those of the answer: for the connection, and for a request that is repaired."""

_PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAKklEQVR42mOQt/alKWIYtWDUglELRi0YtWDUglEL"
    "Ri0YtWDUglELhooFAAFunB/LWPD9AAAAAElFTkSuQmCC"
)
"""A PNG of 32 by 32 pixels in one colour. Smaller ones are refused by some models."""
_TOOL = Tool("ready", "Says that you are ready. Takes nothing.", '{"type": "object", "properties": {}}')


def endpoint_hosts(catalog: ModelCatalog) -> list[Host]:
    """The hosts of all endpoints, with the proxies that the environment names for them."""
    routes = (*catalog.routes, *catalog.embeddings, *catalog.transcriptions)
    urls = dict.fromkeys(route.account.base_url for route in routes)
    return [Host(url, "models", proxy_for(url, os.environ) or "") for url in urls]


class EndpointChecks:
    """The checks of all endpoints and models of `catalog`. `offered`: the models that people may choose. `environment`
    names proxies and certificates. A model is waited for as long as Parley does."""

    def __init__(
        self,
        catalog: ModelCatalog,
        settings: CoreSettings,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
        offered: Iterable[str] = (),
    ) -> None:
        self._catalog = catalog
        self._routes = (*catalog.routes, *catalog.offered_routes(offered))
        self._clock = clock
        self._environment = environment
        self._patience = ReadTimeouts(
            settings.parley_first_word_s, settings.parley_gap_s, settings.parley_total_s
        )
        self._limit_s = settings.parley_first_word_s + settings.parley_total_s + _MARGIN_S

    def all(self) -> list[Check]:
        """The checks in the order of the catalog, endpoints first."""
        catalog = self._catalog
        if not catalog.routes:
            return [Check("model", self._offline)]
        first_of_each = {route.account.name: route for route in reversed(catalog.routes)}
        accounts = [route for route in catalog.routes if route is first_of_each[route.account.name]]
        return [
            *(self._check(f"endpoint {_label(route)}", self._list, route) for route in accounts),
            *(check for route in self._routes for check in self._of_model(route)),
            *(self._check(_named("embeddings", route), self._embed, route) for route in catalog.embeddings),
            *(
                self._check(_named("sounds", route), self._transcribe, route)
                for route in catalog.transcriptions
            ),
        ]

    def _of_model(self, route: Route) -> Iterator[Check]:
        patience = f"its first word may take {self._patience.first_word_s:g} s"
        yield replace(self._check(_named("model", route), self._complete, route), patience=patience)
        if route.model_info.images:
            yield self._check(_named("pictures", route), self._see, route)
        if route.model_info.tools:
            yield self._check(_named("tools", route), self._call, route)

    def _check(
        self, name: str, run: Callable[[str, Route], Awaitable[Sequence[Finding]]], route: Route
    ) -> Check:
        return Check(name, partial(_explained, name, route, partial(run, name, route)), self._limit_s)

    async def _offline(self) -> list[Finding]:
        return [
            warning(
                "model",
                "no key is set, so the built-in offline model answers",
                "set OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL together: the key is sent to that URL alone",
            )
        ]

    async def _list(self, name: str, route: Route) -> list[Finding]:
        try:
            served = await served_models(route, self._clock, self._environment)
        except ModelError as error:
            if lacks_path(error) or error.code is Code.GARBLED:
                return [
                    warning(name, f"has no list of models ({_said(error)}), so names can't be looked up there")
                ]
            raise
        wanted = {one.model_there: one for one in self._routes if one.account == route.account}
        missing = [model for model in wanted if served and not lists(served, model)]
        if not missing:
            return [ok(name, f"reached; its list of models ({len(served)}) has all that are set")]
        settings = " and ".join(dict.fromkeys(wanted[model].model_at for model in missing))
        nearest = ", ".join(dict.fromkeys(one for model in missing for one in near(model, served)))
        like = f", which has {nearest}" if nearest else ""
        return [
            warning(
                name,
                f"its list of models ({len(served)}) has no {', '.join(missing)}",
                f"compare {settings} with the list{like}; the check of the model itself decides",
            )
        ]

    async def _complete(self, name: str, route: Route) -> list[Finding]:
        first_word_s = await self._ask(route, text_message("user", "Reply with the word ready."))
        if first_word_s is None:
            return [ok(name, f"answers; within {MOST_TOKENS} tokens it wrote nothing yet")]
        said = f"answers; first word after {first_word_s:.1f} s"
        if first_word_s <= SLOW_S:
            return [ok(name, said)]
        return [
            warning(
                name, f"{said}, which is slow", "people wait that long for each answer: see the endpoint's load"
            )
        ]

    async def _see(self, name: str, route: Route) -> list[Finding]:
        parts = (Text("Which colour is this? One word."), Image(_PICTURE, "colour.png"))
        try:
            await self._ask(route, Message("user", parts))
        except ModelError as error:
            if error.code is not Code.BAD_REQUEST:
                raise
            todo = f"set images = false at {route.model_at}, or name a model that sees"
            return [failed(name, f"refuses pictures, though they are set ({_said(error)})", todo)]
        return [ok(name, "takes pictures, as set")]

    async def _call(self, name: str, route: Route) -> list[Finding]:
        repairs = create_repairs(self._clock)
        called = False
        client = self._client(route, repairs)
        try:
            message = text_message("user", f"Call the tool {_TOOL.name}.")
            request = Request((message,), route.model_there, max_tokens=MOST_TOKENS_OF_CALL, tools=(_TOOL,))
            async with aclosing(client.stream(request)) as deltas:
                async for delta in deltas:
                    called = called or isinstance(delta, ToolCall)
        finally:
            await client.close()
        if any(TOOLS in repaired for repaired in repairs.values()):
            return [
                failed(name, "refuses tools, though they are set", f"set tools = false at {route.model_at}")
            ]
        if called:
            return [ok(name, "calls tools, as set")]
        return [warning(name, "takes tools, and did not call the one that it was asked to call")]

    async def _embed(self, name: str, route: Route) -> list[Finding]:
        embedder = EndpointEmbedder([route], self._clock, SilentObserver(), self._environment)
        try:
            embedded = await embedder.embed(["ready"])
        finally:
            await embedder.close()
        return [ok(name, f"makes vectors of {embedded.vectors[0].dimension} numbers")]

    async def _transcribe(self, name: str, route: Route) -> list[Finding]:
        transcriber = EndpointTranscriber([route], self._clock, SilentObserver(), self._environment)
        try:
            await transcriber.transcribe("silence.wav", "audio/wav", _silence())
        except FileError as error:
            if isinstance(error.__cause__, ModelError):
                raise error.__cause__ from error.__cause__.__cause__
            return [failed(name, error.detail, f"check the model ({route.model_at}) and its endpoint")]
        finally:
            await transcriber.close()
        return [ok(name, "writes down sounds")]

    async def _ask(self, route: Route, message: Message) -> float | None:
        """Seconds until the first word of the answer, or of its reasoning; None if none came. Raises ModelError."""
        client = self._client(route, create_repairs(self._clock))
        began, first_word_s = self._clock.monotonic(), None
        try:
            request = Request((message,), route.model_there, max_tokens=MOST_TOKENS)
            async with aclosing(client.stream(request)) as deltas:
                async for delta in deltas:
                    if first_word_s is None and isinstance(delta, Text | Thinking):
                        first_word_s = self._clock.monotonic() - began
        except ModelError as error:
            if error.code is not Code.EMPTY or "'length'" not in error.detail:
                raise
        finally:
            await client.close()
        return first_word_s

    def _client(self, route: Route, repairs: Repairs) -> CompletionsClient:
        account = route.account
        headers = {name: value.get_secret_value() for name, value in account.headers.items()}
        return CompletionsClient(
            account.base_url,
            key_text(route),
            self._clock,
            self._patience,
            repairs,
            headers=headers,
            environment=self._environment,
            endpoint=account.endpoint,
        )


async def _explained(
    name: str, route: Route, run: Callable[[], Awaitable[Sequence[Finding]]]
) -> Sequence[Finding]:
    """The findings of `run`, or the one that its ModelError makes."""
    try:
        return await run()
    except ModelError as error:
        unreached = () if error.status else (host_of(route.account.base_url),)
        return [failed(name, _said(error), advise(error.code, "en", route.places), *unreached)]


def _said(error: ModelError) -> str:
    """The words of the endpoint, or of the network: none of the library between them."""
    if error.status >= _REFUSED:
        return f"HTTP {error.status}: {error.detail}"
    match error.__cause__:
        case httpx.ProxyError():
            return "the proxy refuses the connection"
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return "its address is no http or https URL"
        case httpx.LocalProtocolError():
            return "the key holds characters that no header can carry"
        case httpx.DecodingError():
            return "its answer can't be decompressed"
        case httpx.TransportError() as cause:
            problem = connection_problem(cause)
            unknown = problem is ConnectionProblem.FAILED and error.code is Code.CUT
            return ConnectionProblem.CUT if unknown else problem
    return error.detail or str(error.code)


def _named(kind: str, route: Route) -> str:
    """The name of a check of the model of `route`."""
    return f"{kind} {route.model_there} at {_label(route)}"


def _label(route: Route) -> str:
    """The host of an account, with the account's name where the file names it."""
    account = route.account
    return account.host if account.name == account.key_at else f"{account.host} ({account.name})"


def _silence() -> bytes:
    """One second of silence as a WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(16_000))
    return content.getvalue()
