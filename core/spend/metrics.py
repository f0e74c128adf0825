"""Counters of the running program, for whoever scrapes them. In memory: they begin at nought with the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby


class Metrics:
    """Counters by name and labels, as https://prometheus.io/docs/concepts/data_model/ has them."""

    def __init__(self) -> None:
        self._counters: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        self._counters[name, tuple(sorted(labels.items()))] += 1

    def value(self, name: str, **labels: str) -> int:
        return self._counters[name, tuple(sorted(labels.items()))]

    def lines(self) -> list[str]:
        """In the text format of https://prometheus.io/docs/instrumenting/exposition_formats/."""
        found: list[str] = []
        for name, counters in groupby(sorted(self._counters.items()), lambda counter: counter[0][0]):
            found.append(f"# TYPE {name} counter")
            found += [f"{name}{_labels(labels)} {value}" for (_, labels), value in counters]
        return found


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    escaped = (
        (key, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for key, value in labels
    )
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped) + "}"
