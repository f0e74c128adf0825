"""The metrics of the running program, for Prometheus. They live in memory and begin at 0 with the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
}
GAUGES: dict[str, tuple[str, ...]] = {
    "parley_platform_up": ("1 while the platform is connected, else 0", "platform"),
    "parley_tool_server_up": ("1 where the last attempt to reach the server worked, else 0", "server"),
    "parley_event_loop_lag_seconds": ("Latest delay of the event loop",),
    "parley_queued_turns": ("Questions whose answer has not begun",),
    "parley_running_answers": ("Answers that run now",),
}
HISTOGRAMS: dict[str, tuple[str, ...]] = {
    "parley_first_word_seconds": ("Time from the beginning of an answer to the model's first word", "platform"),
    "parley_staleness_seconds": ("Time that new words wait until they can be read", "platform"),
    "parley_queue_wait_seconds": ("Time from a stored question to the beginning of its answer", "platform"),
    "parley_tool_call_seconds": ("Time from the beginning of the calls of a round to the result", "server"),
}
BUCKETS_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


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
            name: Histogram(name, text, labels, registry=self.registry, buckets=BUCKETS_S)
            for name, (text, *labels) in HISTOGRAMS.items()
        }

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        self._counters[name].labels(**labels).inc()

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Set a value that goes up and down."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def sample(self, name: str, value: Callable[[], float]) -> None:
        """Have `value` called for a gauge without labels whenever the metrics are read."""
        self._gauges[name].set_function(value)

    def observe(self, name: str, label: str, seconds: float) -> None:
        """Add a duration to a histogram. `label` is the value of its only label."""
        self._histograms[name].labels(label).observe(seconds)

    def tool_called(self, server: str, failed: bool, seconds: float) -> None:
        """A call of a tool of `server` has ended."""
        self.count("parley_tool_calls_total", {"server": server, "outcome": "failed" if failed else "ok"})
        self.observe("parley_tool_call_seconds", server, seconds)

    def answer_finished(self, finish: Finish) -> None:
        if finish.first_word_s is not None:
            self.observe("parley_first_word_seconds", finish.turn.ask.place.platform, finish.first_word_s)

    def text(self) -> bytes:
        """All metrics in the text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/."""
        return generate_latest(self.registry)
