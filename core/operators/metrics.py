"""Counters and gauges of the running program, for Prometheus. They live in memory and begin at 0 with the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters and gauges by name and labels, as https://prometheus.io/docs/concepts/data_model/ has them."""

    def __init__(self) -> None:
        self._counters: Counter[tuple[str, Labels]] = Counter()
        self._gauges: dict[tuple[str, Labels], float] = {}

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        self._counters[name, tuple(sorted(labels.items()))] += 1

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Set a value that goes up and down."""
        self._gauges[name, tuple(sorted(labels.items()))] = value

    def value(self, name: str, **labels: str) -> int:
        return self._counters[name, tuple(sorted(labels.items()))]

    def lines(self) -> list[str]:
        """In the text format of https://prometheus.io/docs/instrumenting/exposition_formats/."""
        return [*_lines("counter", self._counters), *_lines("gauge", self._gauges)]


def _lines(kind: str, values: Mapping[tuple[str, Labels], float]) -> list[str]:
    found: list[str] = []
    for name, series in groupby(sorted(values.items()), lambda one: one[0][0]):
        found.append(f"# TYPE {name} {kind}")
        found += [f"{name}{_labels(labels)} {value}" for (_, labels), value in series]
    return found


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = (
        (key, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for key, value in labels
    )
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped) + "}"
