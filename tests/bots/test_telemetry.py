"""Traces: their settings, and a program without the packages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bots.telemetry import Telemetry, TelemetrySettings, headers_of
from core import tracing
from core.errors import Code, ModelError
from core.settings.problems import Problems
from core.settings.variables import Variables

WITHOUT = """
import sys

class Away:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("opentelemetry.sdk"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Away())
from bots.telemetry import Telemetry, TelemetrySettings
from core import tracing

Telemetry(TelemetrySettings(_env_file=None, otel_exporter_otlp_endpoint=sys.argv[1])).start(print)
print(tracing.is_on(), any(name.startswith("opentelemetry.sdk") for name in sys.modules))
"""


def started_without_packages(endpoint: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, endpoint], capture_output=True, text=True, check=True, timeout=60
    )
    return ended.stdout.splitlines()


def test_without_the_packages_the_start_says_what_to_install_and_goes_on() -> None:
    said, state = started_without_packages("http://127.0.0.1:4318")
    assert said == "traces   off: OTEL_EXPORTER_OTLP_ENDPOINT needs pip install 'parley[otel]'"
    assert state == "False False"


def test_without_a_collector_nothing_is_said_and_nothing_is_imported() -> None:
    assert started_without_packages("") == ["False False"]


def test_without_a_tracer_a_span_costs_no_more_than_a_call() -> None:
    assert not tracing.is_on()
    with tracing.span("work", {"of": "nobody"}) as span:
        span.set("more", 1)
        assert span is tracing.NO_SPAN


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ModelError(Code.NO_MONEY, "words of a person"), "no_money"), (ValueError("words"), "ValueError")],
)
def test_an_error_is_named_by_its_kind_alone(error: Exception, kind: str) -> None:
    assert tracing.kind_of(error) == kind


def test_headers_are_pairs_of_encoded_values() -> None:
    assert headers_of("Authorization=Bearer%20x, x-team = a%2Cb ,") == {
        "authorization": "Bearer x",
        "x-team": "a,b",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a-secret-without-a-name"),
    ],
)
def test_wrong_settings_name_the_variable_and_no_secret(name: str, value: str) -> None:
    problems = Problems()
    TelemetrySettings.read(Variables({name: value}), problems)
    (line,) = problems.lines
    assert line.startswith(name)
    assert "a-secret" not in line


async def test_closing_what_was_never_started_does_nothing() -> None:
    await Telemetry(TelemetrySettings.model_construct()).close()
