"""Asks the endpoints' /embeddings for the vectors of texts.

Format: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import base64
import json
import math
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import httpx
import structlog

from core.clock import Clock
from core.errors import Code, ModelError
from core.llm.catalog import Route
from core.llm.connection import bearer
from core.llm.error_bodies import is_page, looks_like_error
from core.llm.errors import fault, from_chunk
from core.llm.model_spans import requesting
from core.llm.retry_policy import key_of, keys_of, rule_for
from core.llm.single_response import SingleResponseModel, key_text, lacks_path, read_response
from core.llm.tokens import estimate
from core.llm.usage_fields import usage_of
from core.ports.embeddings import MOST_TEXTS, Embedded
from core.ports.model import ModelObserver
from core.settings.urls import embeddings_url
from core.values.deltas import ModelInfo, Usage
from core.values.memory import Vector

LIMIT_S = 20.0
"""Seconds for one request at one endpoint."""
LEARNT_S = 86_400.0
"""Seconds for which an endpoint without embeddings is skipped."""
FIRST_BREAK_S, LONGEST_BREAK_S = 30.0, 900.0
"""Seconds for which an account is skipped after a failure, and after many in a row: each is twice as long."""
MOST_CHARACTERS = 1_000
"""Characters of a text that are sent: smaller models read 512 tokens."""
MOST_DIMENSION = 8_192
_ANSWER_BYTES = 4 * 1024 * 1024

log = structlog.get_logger()


class EndpointEmbedder(SingleResponseModel):
    """An `Embedder`. Tries the accounts of `routes` in order, each once, until one answers. All have one model."""

    limit_s = LIMIT_S

    def __init__(
        self,
        routes: Iterable[Route],
        clock: Clock,
        observer: ModelObserver,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(routes, clock, observer, environment)
        self._breaks: dict[str, float] = {}
        """The seconds of the last break of an account."""

    @property
    def model_info(self) -> ModelInfo:
        return self._clients[0][0].model_info

    def estimate(self, texts: Sequence[str]) -> Usage:
        return _estimated([text[:MOST_CHARACTERS] for text in texts])

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The vectors of at most `MOST_TEXTS` texts, of each the first `MOST_CHARACTERS`. Raises ModelError."""
        assert 0 < len(texts) <= MOST_TEXTS
        sent = [text[:MOST_CHARACTERS] for text in texts]
        problem = fault(Code.UNREACHABLE, "no endpoint is asked for embeddings now")
        for route, client in self._clients:
            if self._clock.monotonic() < max(
                self._not_before.get(name, 0.0) for name in (route.offer, route.account.name)
            ):
                continue
            try:
                embedded = await self._ask(route, client, sent)
            except ModelError as error:
                problem = error
                self._note(route, error)
            else:
                self._breaks.pop(route.account.name, None)
                self._observer.report_recovery(*keys_of(route))
                return embedded
        raise problem

    async def _ask(self, route: Route, client: httpx.AsyncClient, texts: list[str]) -> Embedded:
        build = partial(_request, route, client, texts)
        with requesting("embeddings", route) as note:
            body = await read_response(route, client, build, self._clock, LIMIT_S, _ANSWER_BYTES)
            embedded = read_embeddings(body, texts, route.model_info.name, key_text(route))
            note(embedded.usage)
        return embedded

    def _note(self, route: Route, error: ModelError) -> None:
        """Log a failure, leave the account alone for a while, and report a failure that an operator has to mend."""
        rule, missing, now = rule_for(error), lacks_path(error), self._clock.monotonic()
        name = route.account.name
        if missing:
            self._not_before[route.offer] = now + LEARNT_S
        elif rule.blames is not None and error.code is not Code.GARBLED:  # that may be due to the text
            self._breaks[name] = min(LONGEST_BREAK_S, 2 * self._breaks.get(name, FIRST_BREAK_S / 2))
            self._not_before[name] = now + self._breaks[name]
            if rule.alerts:
                self._observer.report_failure(key_of(route, rule.blames), error, route.places)
        log.warning(
            "embedding_failed",
            account=name,
            model=route.model_there,
            status=error.status,
            for_a_day=missing,
            **error.log_keys,
        )


def _request(route: Route, client: httpx.AsyncClient, texts: list[str]) -> httpx.Request:
    url = httpx.URL(embeddings_url(route.account.base_url))
    body = {"model": route.model_there, "input": texts}
    return client.build_request("POST", url, json=body, headers=bearer(key_text(route)))


def read_embeddings(body: bytes, texts: Sequence[str], model: str, key: str) -> Embedded:
    """The vectors of `texts` in a body under 200. Raises ModelError unless there is a usable one for each."""
    said = body.decode("utf-8", "replace").strip()
    if is_page(said):
        raise fault(Code.WRONG_URL, "an HTML page came instead of embeddings", status=200)
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        raise _refused("no JSON") from None
    match value:
        case {"data": list(items)}:
            found = [_values(item) for item in _in_order(items, len(texts))]
        case dict() if looks_like_error(value):
            raise from_chunk(value, key)
        case _:
            raise _refused("no embeddings in the answer")
    if len({len(values) for values in found}) > 1:
        raise _refused("embeddings of different dimensions")
    fields = value.get("usage")
    usage = _usage(fields) if isinstance(fields, dict) else None
    return Embedded(tuple(Vector(model, _bytes(values)) for values in found), usage or _estimated(texts))


def _estimated(texts: Sequence[str]) -> Usage:
    return Usage(sum(map(estimate, texts)), estimated=True)


def _usage(fields: Mapping[str, Any]) -> Usage | None:
    """The usage; where there is nothing but `total_tokens`, that is what was read."""
    read = fields.get("prompt_tokens") or fields.get("input_tokens") or fields.get("total_tokens")
    return usage_of({**fields, "prompt_tokens": read, "completion_tokens": 0, "output_tokens": 0})


def _in_order(items: list[Any], count: int) -> list[Any]:
    """The embeddings of items, ordered by `index`; in their own order where none has an index."""
    if len(items) != count:
        raise _refused(f"{len(items)} embeddings for {count} texts")
    if not all(isinstance(item, dict) for item in items):
        raise _refused("an embedding that is no object")
    numbers = [item.get("index") for item in items]
    if any(number is not None for number in numbers):
        if any(type(number) is not int for number in numbers) or sorted(numbers) != list(range(count)):
            raise _refused("embeddings without an order")
        items = sorted(items, key=lambda item: int(item["index"]))
    return [item.get("embedding") for item in items]


def _values(written: object) -> array[float]:
    """The numbers of an embedding, made one of length 1. They are written as a list, or in base64."""
    numbers: array[float] | list[Any]
    if isinstance(written, str):
        numbers = _decoded(written)
    elif isinstance(written, list) and all(type(number) in (int, float) for number in written):
        numbers = written
    else:
        raise _refused("an embedding that is no list of numbers")
    if not 0 < len(numbers) <= MOST_DIMENSION:
        raise _refused(f"an embedding of {len(numbers)} numbers")
    try:
        length = math.hypot(*numbers)
    except OverflowError:  # an integer without end
        length = math.inf
    if not math.isfinite(length):
        raise _refused("an embedding with a number that is none, or has no end")
    if not length:
        raise _refused("an embedding of zeros")
    return array("f", (number / length for number in numbers))


def _decoded(written: str) -> array[float]:
    numbers: array[float] = array("f")
    try:
        numbers.frombytes(base64.b64decode(written, validate=True))
    except ValueError:
        raise _refused("an embedding that is no base64") from None
    return _little_endian(numbers)


def _bytes(numbers: array[float]) -> bytes:
    return _little_endian(numbers).tobytes()


def _little_endian(numbers: array[float]) -> array[float]:
    """`numbers` with their bytes in the order of little-endian machines, or back."""
    if sys.byteorder == "big":
        numbers = array("f", numbers)
        numbers.byteswap()
    return numbers


def _refused(why: str) -> ModelError:
    return fault(Code.GARBLED, why, status=200)
