"""Traces by OpenTelemetry: its settings, and the tracer. Nothing of OpenTelemetry is imported before it is switched on.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, cast
from urllib.parse import unquote

import structlog
from pydantic import Field, SecretStr, field_validator

from core import tracing
from core.settings.environment import Settings
from core.settings.urls import http_url
from core.tracing import NO_SPAN, SpanKind, TraceSpan, Value

log = structlog.get_logger()

EXTRA = "parley[otel]"
_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_EXPORT_S = 5.0
_CLOSE_S = 3.0


class TelemetrySettings(Settings):
    """Traces, sent to a collector of OpenTelemetry. Its other variables (OTEL_...) hold too."""

    otel_exporter_otlp_endpoint: str = Field(
        "",
        description="The URL of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318: the trace of "
        "each question is sent there, without any words of messages. Needs pip install 'parley[otel]'. Empty: no "
        "traces.",
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers for the collector: name=value,name=value, each value URL-encoded."
    )
    otel_service_name: str = Field("parley", min_length=1, description="The name of this Parley in traces.")

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _url(cls, value: str) -> str:
        return http_url(value) if value else ""

    @field_validator("otel_exporter_otlp_headers")
    @classmethod
    def _pairs(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            headers_of(value.get_secret_value())
        return value


def headers_of(text: str) -> dict[str, str]:
    """https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables. Raises
    ValueError."""
    headers = {}
    for pair in filter(None, (one.strip() for one in text.split(","))):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise ValueError("must be name=value,name=value")
        headers[name.strip().lower()] = unquote(value.strip())
    return headers


class Telemetry:
    """The traces of the program, from `start` to `close`."""

    def __init__(self, settings: TelemetrySettings) -> None:
        self._settings = settings
        self._provider: Any = None

    def start(self, tell: Callable[[str], None]) -> None:
        """Send traces from now on, where a collector is named. Without the packages that is said."""
        endpoint = self._settings.otel_exporter_otlp_endpoint
        if not endpoint:
            return
        if not all(map(_is_installed, _PACKAGES)):
            tell(f"traces   off: OTEL_EXPORTER_OTLP_ENDPOINT needs pip install '{EXTRA}'")
            return
        self._provider = _create_provider(self._settings)
        tracing.set_tracer(_Tracer(self._provider.get_tracer("parley", version("parley"))))
        tell(f"traces   to {endpoint}")

    async def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        provider, self._provider = self._provider, None
        if provider is not None:
            tracing.set_tracer(None)
            closing = asyncio.to_thread(provider.shutdown)
            await asyncio.wait({asyncio.ensure_future(closing)}, timeout=_CLOSE_S)


class _Tracer:
    """A `Tracer` over one of OpenTelemetry."""

    def __init__(self, tracer: Any) -> None:
        from opentelemetry import trace
        from opentelemetry.context import Context

        self._tracer = tracer
        self._trace = trace
        self._none = Context()
        self._kinds = {kind: trace.SpanKind[kind.name] for kind in SpanKind}

    def begin(
        self,
        name: str,
        attributes: Mapping[str, Value],
        kind: SpanKind,
        *,
        root: bool = False,
        began_ns: int | None = None,
    ) -> TraceSpan:
        if not root and not self._trace.get_current_span().get_span_context().is_valid:
            return NO_SPAN
        return _Span(
            self._trace,
            self._tracer.start_span(
                name,
                context=self._none if root else None,
                kind=self._kinds[kind],
                attributes=dict(attributes),
                start_time=began_ns,
            ),
        )


class _Span:
    """A `TraceSpan` over one of OpenTelemetry."""

    def __init__(self, trace: Any, span: Any) -> None:
        self._trace = trace
        self._span = span

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def end(self, error: str = "") -> None:
        """https://opentelemetry.io/docs/specs/semconv/general/recording-errors/"""
        if not self._span.is_recording():
            return
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(self._trace.StatusCode.ERROR)
        self._span.end()

    def current(self) -> AbstractContextManager[object]:
        made: AbstractContextManager[object] = self._trace.use_span(
            self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        )
        return made


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def _create_provider(settings: TelemetrySettings) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)  # `_Exporter` says it once
    headers = settings.otel_exporter_otlp_headers
    about = {"service.name": settings.otel_service_name, "service.version": version("parley")}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(
        f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces",
        headers=headers_of(headers.get_secret_value()) if headers else None,
        timeout=_EXPORT_S,
    )
    provider.add_span_processor(BatchSpanProcessor(cast("Any", _Exporter(exporter))))
    return provider


class _Exporter:
    """Passes spans on to `exporter`, and logs when that begins to fail and when it works again. It runs in a thread of
    OpenTelemetry."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self._works = True

    def export(self, spans: Any) -> Any:
        result = self._exporter.export(spans)
        works = result.name == "SUCCESS"
        if works is not self._works:
            self._works = works
            if works:
                log.info("traces_sent_again")
            else:
                log.warning("traces_not_sent", detail="the collector does not take them: they are dropped")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._exporter.force_flush(timeout_millis))
