"""The metrics of the running program, for Prometheus. They live in memory and begin at 0 with the process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.values.turn_ends import Finish

# The meaning of each metric, and its labels.
COUNTERS: dict[str, tuple[str, ...]] = {
    "parley_tries_total": ("Requests to an endpoint, by what became of them", "account", "model", "outcome"),
    "parley_alerts_total": ("Alerts to the operators", "what", "code"),
    "parley_recoveries_total": ("Alerts that are over", "what", "code"),
    "parley_database_errors_total": ("Transactions that the database refused", "cause"),
    "parley_tool_calls_total": (
        "Tool calls by the server of the tool and what became of them",
        "server",
        "outcome",
    ),
    "parley_refused_questions_total": ("Questions that were refused, by the reason", "platform", "reason"),
    "parley_budgets_reached_total": ("Budgets that were used up, by whose they are", "scope"),
    "parley_platform_refusals_total": ("Calls that a platform refused", "platform", "call", "code"),
    "parley_tokens_total": ("Tokens of answers that have ended", "platform", "model", "kind"),
}
GAUGES: dict[str, tuple[str, ...]] = {
    "parley_platform_up": ("1 while the platform is connected, else 0", "platform"),
    "parley_tool_server_up": ("1 where the last attempt to reach the server worked, else 0", "server"),
    "parley_event_loop_lag_seconds": ("Latest delay of the event loop",),
    "parley_queued_turns": ("Questions whose answer has not begun",),
    "parley_running_answers": ("Answers that run now",),
}
SAMPLES: dict[str, tuple[str, ...]] = {
    "parley_oldest_waiting_seconds": ("Age of the oldest question whose answer has not begun",),
    "parley_platform_connections": ("Connections over which events come, or open pages", "platform"),
    "parley_account_requests": ("Requests to an account, under way and waiting for a slot", "account", "state"),
    "parley_account_slots": ("Requests that an account may have under way now", "account"),
    "parley_breakers_open": ("Open breakers of an account, its models and its endpoint", "account"),
    "parley_disk_free_bytes": ("Free space where the SQLite file is",),
}
"""Gauges that are read when the metrics are."""
HISTOGRAMS: dict[str, tuple[str, ...]] = {
    "parley_first_word_seconds": (
        "Time from the beginning of an answer to the model's first word",
        "platform",
        "model",
    ),
    "parley_answer_seconds": (
        "Time from the beginning of an answer to its end",
        "platform",
        "model",
        "outcome",
    ),
    "parley_staleness_seconds": ("Time that new words wait until they can be read", "platform"),
    "parley_queue_wait_seconds": ("Time from a stored question to the beginning of its answer", "platform"),
    "parley_tool_call_seconds": ("Time from the beginning of the calls of a round to the result", "server"),
    "parley_acknowledgement_seconds": (
        "Time from the arrival of an event until it may be acknowledged, since it is stored",
        "platform",
    ),
    "parley_transaction_seconds": ("Time of a transaction of the database, its wait included", "kind"),
}
BUCKETS_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
"""For what people wait for. 300 s are the limit of an answer."""
SHORT_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30)
"""For what takes milliseconds. Platforms give 3 s for an acknowledgement."""
_SHORT = {"parley_acknowledgement_seconds", "parley_transaction_seconds"}

MOST_VALUES = 50
"""The most values of one label of a metric; further ones are `OTHER`. Without lists of models people may name any."""
OTHER = "other"
_NUMBERED = ("turn", "report")
"""Subjects of alerts with a number or a date behind them, which would make a new label of each."""

Values = Callable[[], Iterable[tuple[tuple[str, ...], float]]]
"""The values of a gauge now, each with the values of its labels."""


class Metrics:
    """Counters, gauges and histograms by name, in a registry of their own.

    Raises KeyError for a name that is not in the tables, ValueError for a label that is not.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(name, text, labels, registry=self.registry)
            for name, (text, *labels) in COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, text, labels, registry=self.registry) for name, (text, *labels) in GAUGES.items()
        }
        self._histograms = {
            name: Histogram(
                name,
                text,
                labels,
                registry=self.registry,
                buckets=SHORT_BUCKETS_S if name in _SHORT else BUCKETS_S,
            )
            for name, (text, *labels) in HISTOGRAMS.items()
        }
        self._samples = _Samples()
        self.registry.register(self._samples)
        ProcessCollector(registry=self.registry)
        self._known: dict[tuple[str, str], set[str]] = {}

    def count(self, name: str, labels: Mapping[str, str], amount: float = 1) -> None:
        self._counters[name].labels(**self._bounded(name, labels)).inc(amount)

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Set a value that goes up and down."""
        gauge = self._gauges[name]
        (gauge.labels(**self._bounded(name, labels)) if labels else gauge).set(value)

    def drop(self, name: str, *values: str) -> None:
        """Remove a gauge with these values of its labels: what it was about is there no more."""
        for label, value in zip(GAUGES[name][1:], values, strict=True):
            self._known.get((name, label), set()).discard(value)
        with contextlib.suppress(KeyError):
            self._gauges[name].remove(*values)

    def sample(self, name: str, value: Callable[[], float]) -> None:
        """Have `value` called for a gauge without labels whenever the metrics are read."""
        self._gauges[name].set_function(value)

    def sample_each(self, name: str, values: Values) -> None:
        """Have `values` called for a gauge of `SAMPLES` whenever the metrics are read."""
        self._samples.values[name] = SAMPLES[name], values

    def observe(self, name: str, labels: str | Sequence[str], seconds: float) -> None:
        """Add a duration to a histogram. `labels` are the values of its labels, or that of its only one."""
        values = (labels,) if isinstance(labels, str) else labels
        named = dict(zip(HISTOGRAMS[name][1:], values, strict=True))
        self._histograms[name].labels(**self._bounded(name, named)).observe(seconds)

    def tool_called(self, server: str, failed: bool, seconds: float) -> None:
        """A call of a tool of `server` has ended."""
        self.count("parley_tool_calls_total", {"server": server, "outcome": "failed" if failed else "ok"})
        self.observe("parley_tool_call_seconds", server, seconds)

    def answer_finished(self, finish: Finish) -> None:
        platform, model = finish.turn.ask.place.platform, finish.model
        if finish.first_word_s is not None:
            self.observe("parley_first_word_seconds", (platform, model), finish.first_word_s)
        self.observe("parley_answer_seconds", (platform, model, str(finish.state)), finish.latency_ms / 1000)
        if (usage := finish.usage) is not None:
            for kind, tokens in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
                labels = {"platform": platform, "model": model, "kind": kind}
                self.count("parley_tokens_total", labels, max(0, tokens or 0))

    def text(self) -> bytes:
        """All metrics in the text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/."""
        return generate_latest(self.registry)

    def _bounded(self, name: str, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels, with few enough different values of each."""
        return {label: self._value(name, label, value) for label, value in labels.items()}

    def _value(self, name: str, label: str, value: str) -> str:
        if label == "what" and value.partition(" ")[0] in _NUMBERED:
            value = value.partition(" ")[0]
        known = self._known.setdefault((name, label), set())
        if value not in known and len(known) >= MOST_VALUES:
            return OTHER
        known.add(value)
        return value


class _Samples(Collector):
    """The gauges whose values are read when the metrics are."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[tuple[str, ...], Values]] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, ((text, *labels), values) in self.values.items():
            family = GaugeMetricFamily(name, text, labels=labels)
            for given, value in values():
                family.add_metric(given, value)
            yield family
