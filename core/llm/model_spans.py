"""Requests to models as spans, by the conventions for generative AI. They hold no words of messages.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from urllib.parse import urlsplit

from core import tracing
from core.errors import ModelError
from core.llm.catalog import Route
from core.ports.model import Request
from core.tracing import SpanKind, TraceSpan, Value
from core.values.deltas import Charged, Delta, Ended, Usage
from core.values.parts import Text

PROVIDER = "openai"
"""The interface that all endpoints have: the conventions name providers by it where nothing else is known."""


def traced(deltas: AsyncGenerator[Delta, None], route: Route, request: Request) -> AsyncGenerator[Delta, None]:
    """`deltas` of a request to `route`, within a span where there is a trace."""
    return _traced(deltas, route, request) if tracing.is_on() else deltas


@contextmanager
def requesting(operation: str, route: Route) -> Iterator[Callable[[Usage | None], None]]:
    """A request that is no chat, within a span where there is a trace. Gives what takes its usage."""
    about = _endpoint(operation, route, route.model_there)
    with tracing.span(f"{operation} {route.model_there}", about, SpanKind.CLIENT) as span:
        yield partial(_note_usage, span)


async def _traced(
    deltas: AsyncGenerator[Delta, None], route: Route, request: Request
) -> AsyncGenerator[Delta, None]:
    span = tracing.begin(f"chat {request.model}", _attributes(route, request), SpanKind.CLIENT)
    began_s, worded, error = time.monotonic(), False, "stopped"
    try:
        async with aclosing(deltas):
            async for delta in deltas:
                if isinstance(delta, Text) and not worded:
                    worded = True
                    span.set("gen_ai.response.time_to_first_chunk", time.monotonic() - began_s)
                if isinstance(delta, Charged | Ended):
                    _note_usage(span, delta.usage)
                if isinstance(delta, Ended):
                    error = ""
                    span.set("gen_ai.response.finish_reasons", [str(delta.reason)])
                    span.set("gen_ai.response.model", delta.model or request.model)
                yield delta
    except ModelError as failure:
        error = str(failure.code)
        raise
    finally:
        span.end(error)


def _attributes(route: Route, request: Request) -> dict[str, Value]:
    """https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/"""
    known: dict[str, Value | None] = {
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.max_tokens": request.max_tokens,
    }
    given = {name: value for name, value in known.items() if value is not None}
    return _endpoint("chat", route, request.model) | given


def _endpoint(operation: str, route: Route, model: str) -> dict[str, Value]:
    """https://opentelemetry.io/docs/specs/semconv/registry/attributes/server/"""
    parts = urlsplit(f"//{route.account.host}")
    port: dict[str, Value] = {"server.port": parts.port} if parts.port else {}
    return port | {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": model,
        "server.address": parts.hostname or "",
        "parley.account": route.account.name,
    }


def _note_usage(span: TraceSpan, usage: Usage | None) -> None:
    if usage is None:
        return
    span.set("gen_ai.usage.input_tokens", usage.prompt_tokens)
    span.set("gen_ai.usage.output_tokens", usage.completion_tokens)
    span.set("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens)
    span.set("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens)
    span.set("parley.usage.estimated", usage.estimated)
